"""Look-up tables as items: copied with value representations that stand by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.attributes import numbers
from napari_fluoroinject.dicom.items import item

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydicom.dataset import Dataset

_MOST_ENTRIES = 1 << 16


def lut_item(lut: Dataset) -> Dataset | None:
    """Copy descriptor and data of a table (PS3.3 C.11.1.1); None where they are not whole.

    The explanation is left out: a person may have written it.
    """
    try:
        descriptor = [int(value) for value in numbers(lut, "LUTDescriptor")]
    except (ValueError, OverflowError):
        return None
    if len(descriptor) != 3 or not 1 <= descriptor[2] <= 16:
        return None
    entries = descriptor[0] % _MOST_ENTRIES or _MOST_ENTRIES
    data = lut.get("LUTData")
    wide = not isinstance(data, bytes) or len(data) >= 2 * entries
    if isinstance(data, bytes):
        table = np.frombuffer(
            data[: len(data) // 2 * 2] if wide else data, "<u2" if wide else "u1"
        )
    else:
        values = [data] if isinstance(data, int) else list(data or ())
        table = np.array([int(value) % _MOST_ENTRIES for value in values])
    if len(table) < entries:
        return None
    return table_item(table[:entries], first=descriptor[1], bits=descriptor[2])


def table_item(table: npt.ArrayLike, *, first: int, bits: int) -> Dataset:
    """Return an item of descriptor and data.

    Parameters
    ----------
    table
        Its entries, at most 65536.
    first
        The value that the first entry is for.
    bits
        Of an entry, 8 to 16.
    """
    entries = np.asarray(table).astype("<u2")
    count = len(entries) % _MOST_ENTRIES
    signed = first < 0
    made = item(LUTDescriptor=[count, first, bits], LUTData=entries.tobytes())
    if signed and count > 0x7FFF:
        made.LUTDescriptor = [count - _MOST_ENTRIES, first, bits]
    # ambiguous in the dictionary, and nothing else here tells which it is
    made["LUTDescriptor"].VR, made["LUTData"].VR = "SS" if signed else "US", "OW"
    return made
