"""CRC-64 of a message (ECMA-182, most significant bit first), sixteen bytes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    import numpy.typing as npt

_POLYNOMIAL = 0x42F0E1EBA9EA3693
_STEP = 16
_BYTE = np.uint64(0xFF)
_EIGHT = np.uint64(8)


def crc64(data: npt.NDArray[np.uint8], crc: int = 0) -> int:
    """CRC-64/ECMA-182 of bytes, (count,), going on from the CRC of those before; no inversion.

    Source: ECMA-182 annex B; OpenIGTLink, Source/igtlutil/igtl_util.c, `crc64`.
    """
    seen = data.view()
    seen.flags.writeable = False  # else numba compiles once more for arrays that may be written to
    return int(_crc64(seen, _TABLES, np.uint64(crc)))


def _tables() -> npt.NDArray[np.uint64]:
    """CRC of each byte with 0 to 15 zero bytes behind it, (16, 256)."""
    tables = np.empty((_STEP, 256), np.uint64)
    for byte in range(256):
        crc = byte << 56
        for _ in range(8):
            crc = (crc << 1) ^ (_POLYNOMIAL if crc >> 63 else 0)
            crc &= 0xFFFFFFFFFFFFFFFF
        tables[0, byte] = crc
    for k in range(1, _STEP):
        before = tables[k - 1]
        tables[k] = tables[0, (before >> np.uint64(56)).astype(np.intp)] ^ (before << _EIGHT)
    return tables


@njit(cache=True, nogil=True)
def _crc64(
    data: npt.NDArray[np.uint8], tables: npt.NDArray[np.uint64], crc: np.uint64
) -> np.uint64:
    whole = data.size // _STEP * _STEP
    for i in range(0, whole, _STEP):
        mixed = np.uint64(0)
        for k in range(8):
            top = (crc >> np.uint64(56 - 8 * k)) & _BYTE
            mixed ^= tables[15 - k, np.uint64(data[i + k]) ^ top]
            mixed ^= tables[7 - k, data[i + 8 + k]]
        crc = mixed
    for i in range(whole, data.size):
        crc = (crc << _EIGHT) ^ tables[0, (crc >> np.uint64(56)) ^ np.uint64(data[i])]
    return crc


_TABLES = _tables()
