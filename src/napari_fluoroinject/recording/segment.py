"""One file of a recording: a head that says what follows, then frames of one size and type.

The head is `FLSEGM01`, the length of a JSON text and of the beam table that follow it, a CRC of
both, and zeros up to a multiple of 4096 bytes. Every frame is a record of fixed size: 64 bytes
(mark, size, index, times, CRC) and its pixels as they came, so that a file cut anywhere is
readable up to its last whole frame, and frame k is found without reading those before it. The
flag 1 of a record says that the sender's clock stands behind the CRC, which covers it then.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np

from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import IntensityScale, Relationship

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

SUFFIX = ".frames"
STORED_TYPES = ("uint8", "uint16", "int16")
"""The types that stored values have."""

_MAGIC = b"FLSEGM01"
_LENGTHS = struct.Struct("<IIII")  # of JSON and table, their CRC, where frames begin
_PAGE = 4096
_MARK = 0x4D415246  # "FRAM"
_STAMP = struct.Struct("<IIIIQdq")  # mark, rows, columns, flags, index, seconds, wall clock
_CRC = struct.Struct("<I")
_SENT = struct.Struct("<q")
_SENT_KNOWN = 1
_HEAD_BYTES = 64
_EXPECTED = "a segment of a recording that this program made"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentHead:
    """What every frame of a segment has in common.

    `wall_ns` is when it was begun, in nanoseconds since 1970; `source` the kind of feed, free of
    patient data; `lossy` whether pixels were compressed with loss on their way, None = unknown.
    """

    shape: tuple[int, int]
    dtype: str
    intensity: IntensityScale
    source: str
    synthetic: bool
    wall_ns: int
    lossy: bool | None = None


def record_type(head: SegmentHead) -> np.dtype[np.void]:
    """How one frame lies in the file."""
    fields = [
        *(("mark", "<u4"), ("rows", "<u4"), ("columns", "<u4"), ("flags", "<u4")),
        *(("index", "<u8"), ("time_s", "<f8"), ("wall_ns", "<i8"), ("crc", "<u4")),
        ("sent_ns", "<i8"),
        ("spare", f"V{_HEAD_BYTES - _STAMP.size - _CRC.size - _SENT.size}"),
        ("pixels", np.dtype(head.dtype).newbyteorder("<"), head.shape),
    ]
    kind: np.dtype[np.void] = np.dtype(cast("Any", fields))
    return kind


def frame_head(
    pixels: npt.NDArray[Any],
    *,
    index: int,
    time_s: float,
    wall_ns: int,
    sent_ns: int | None = None,
) -> bytes:
    """The 64 bytes before the pixels, which are contiguous and little-endian.

    Parameters
    ----------
    pixels, index, time_s
        The frame.
    wall_ns, sent_ns
        Nanoseconds since 1970: when it was recorded, and when it was taken by the sender's clock;
        None = the sender does not tell.
    """
    flags = 0 if sent_ns is None else _SENT_KNOWN
    stamp = _STAMP.pack(_MARK, *pixels.shape, flags, index, time_s, wall_ns)
    sent = b"" if sent_ns is None else _SENT.pack(sent_ns)
    crc = zlib.crc32(pixels.data, zlib.crc32(stamp + sent))
    return (stamp + _CRC.pack(crc) + sent).ljust(_HEAD_BYTES, b"\0")


def is_whole(record: np.void, shape: tuple[int, int]) -> bool:
    """Whether a record is what was written."""
    if int(record["mark"]) != _MARK or (int(record["rows"]), int(record["columns"])) != shape:
        return False
    flags = int(record["flags"])
    own = (int(record["index"]), float(record["time_s"]), int(record["wall_ns"]))
    stamp = _STAMP.pack(_MARK, *shape, flags, *own)
    sent = _SENT.pack(int(record["sent_ns"])) if flags & _SENT_KNOWN else b""
    pixels = np.ascontiguousarray(record["pixels"])
    return zlib.crc32(pixels.data, zlib.crc32(stamp + sent)) == int(record["crc"])


def sent_s(records: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """When frames were taken by the sender's clock, in seconds since 1970; NaN = not told."""
    known = (records["flags"] & _SENT_KNOWN) != 0
    return np.where(known, records["sent_ns"] * 1e-9, np.nan)


def encode_head(head: SegmentHead) -> bytes:
    """The bytes with which a segment begins."""
    said = {
        "rows": head.shape[0],
        "columns": head.shape[1],
        "dtype": head.dtype,
        "relationship": head.intensity.relationship,
        "first_stored": head.intensity.first_stored,
        "scale_known": head.intensity.scale_known,
        "source": head.source,
        "synthetic": head.synthetic,
        "wall_ns": head.wall_ns,
        "lossy": head.lossy,
    }
    text = json.dumps(said).encode()
    table = head.intensity.ln_beam.astype("<f4").tobytes()
    used = len(_MAGIC) + _LENGTHS.size + len(text) + len(table)
    begin = -(-used // _PAGE) * _PAGE
    lengths = _LENGTHS.pack(len(text), len(table), zlib.crc32(text + table), begin)
    return (_MAGIC + lengths + text + table).ljust(begin, b"\0")


def decode_head(path: Path) -> tuple[SegmentHead, int]:
    """What a segment says of itself, and where its frames begin.

    Raises
    ------
    UnreadableObjectError
        It is no segment, or its head is not whole.
    """
    with path.open("rb") as file:
        start = file.read(len(_MAGIC) + _LENGTHS.size)
        if not start.startswith(_MAGIC) or len(start) < len(_MAGIC) + _LENGTHS.size:
            raise UnreadableObjectError(path.name, seen="another beginning", expected=_EXPECTED)
        text_bytes, table_bytes, crc, begin = _LENGTHS.unpack(start[len(_MAGIC) :])
        if begin > path.stat().st_size or text_bytes + table_bytes > begin:
            raise UnreadableObjectError(path.name, seen="half a head", expected=_EXPECTED)
        content = file.read(text_bytes + table_bytes)
    if zlib.crc32(content) != crc:
        raise UnreadableObjectError(path.name, seen="a damaged head", expected=_EXPECTED)
    try:
        return _head(json.loads(content[:text_bytes]), content[text_bytes:]), begin
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableObjectError(
            path.name, seen=f"a head that makes no sense ({error})", expected=_EXPECTED
        ) from error


def _head(said: dict[str, Any], table: bytes) -> SegmentHead:
    relationship, dtype = said["relationship"], said["dtype"]
    if relationship not in get_args(Relationship) or dtype not in STORED_TYPES:
        raise ValueError(f"{relationship}, {dtype}")
    return SegmentHead(
        shape=(int(said["rows"]), int(said["columns"])),
        dtype=dtype,
        intensity=IntensityScale(
            relationship=relationship,
            ln_beam=np.frombuffer(table, "<f4").astype(np.float32),
            first_stored=int(said["first_stored"]),
            scale_known=bool(said["scale_known"]),
        ),
        source=str(said["source"]),
        synthetic=bool(said["synthetic"]),
        wall_ns=int(said["wall_ns"]),
        lossy=None if said.get("lossy") is None else bool(said["lossy"]),
    )
