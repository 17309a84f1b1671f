"""Who wrote a file or answers an association (PS3.7 D.3.3.2): all a receiver needs of it."""

from __future__ import annotations

from pydicom.uid import UID

SOFTWARE = "napari-fluoroinject"
"""As results name what made them."""
IMPLEMENTATION_CLASS_UID = UID("2.25.233614418801332000853347435976124329535")
"""Ours, so that the bytes do not depend on the version of a library."""
IMPLEMENTATION_VERSION_NAME = "FLUOROINJECT"
SYNTHETIC_MODEL = "synthetic C-arm"
"""Model name by which a loop of the simulator is known, beside the software's name."""
