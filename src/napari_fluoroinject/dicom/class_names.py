"""What SOP classes are called, for people."""

from __future__ import annotations

from pydicom.uid import UID

_NAMES = {"1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage"}
"""Those that pydicom does not name yet."""


def class_name(uid: str) -> str:
    """Name of a UID in the standard's registry (PS3.6 annex A); the UID where it is not there."""
    return _NAMES.get(uid) or UID(uid).name
