"""The grey picture of a decoded video frame, at its depth, as it was coded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import CodecContext, VideoFrame

_LUMA_FIRST = re.compile(
    r"(yuv[aj]?4\d\dp|gray|nv(?:12|21|16|24|42|20)|p[024](?=1))(\d*)(le|be)?$"
)
"""Formats whose first plane is the luma, or a grey picture; then the bits of a sample."""
_PACKED = {"yuyv422": 0, "yvyu422": 0, "uyvy422": 1}
"""Formats of one plane in which every second byte is luma, and the first of these."""
_FROM_THE_TOP = ("p0", "p2", "p4")
"""Formats whose bits are at the top of 16."""
_H264_LOSSLESS = "High 4:4:4 Predictive"
_RED, _GREEN, _BLUE = 77, 150, 29
"""Shares of luma in 256 (ITU-R BT.601): a grey of v is v again."""


def grey(frame: VideoFrame) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return the luma of a frame, (rows, columns), uint8, or uint16 of deeper ones.

    Luma is taken as it was coded: limited range (16 to 235) is not stretched, so that what is
    recorded is what came. Of red, green and blue it is 77, 150 and 29 parts in 256.
    """
    name = frame.format.name
    if name in _PACKED:
        return np.ascontiguousarray(_rows(frame, 2)[:, _PACKED[name] :: 2])
    found = _LUMA_FIRST.match(name)
    if found is None:
        return _of_colours(frame)
    bits = int(found[2] or 8)
    if bits <= 8:
        return np.ascontiguousarray(_rows(frame, 1))
    order = ">u2" if found[3] == "be" else "<u2"
    deep: npt.NDArray[np.uint16] = _rows(frame, 2).view(order).astype(np.uint16)
    if found[1] in _FROM_THE_TOP:
        deep >>= np.uint16(16 - bits)
    return deep


def compressed_with_loss(context: CodecContext) -> bool | None:
    """Whether a video of this code has lost something; None where the code leaves that open.

    H.264 is without loss only in its High 4:4:4 Predictive profile (ITU-T H.264 A.2.7), and even
    there it need not be.
    """
    codec = context.codec
    if codec.lossless != codec.lossy:
        return bool(codec.lossy)
    if context.name == "h264" and context.profile not in (None, _H264_LOSSLESS):
        return True
    return None


def described(frame: VideoFrame) -> str:
    """What a frame is, in words: size, format and range."""
    told = "" if _is_full(frame) else ", limited range kept as it is"
    return f"{frame.height} x {frame.width} pixels, {frame.format.name}{told}"


def _is_full(frame: VideoFrame) -> bool:
    name = frame.format.name
    return name.startswith(("gray", "yuvj", "rgb", "bgr", "gbr")) or int(frame.color_range) == 2


def _rows(frame: VideoFrame, sample_bytes: int) -> npt.NDArray[np.uint8]:
    """Bytes of the first plane, one row of samples a row, without padding."""
    plane: Any = frame.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    picture: npt.NDArray[np.uint8] = lines[: frame.height, : frame.width * sample_bytes]
    return picture if picture.flags.c_contiguous else np.ascontiguousarray(picture)


def _of_colours(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    plain = frame if frame.format.name == "rgb24" else frame.reformat(format="rgb24")
    colours = _rows(plain, 3).reshape(plain.height, plain.width, 3)
    luma = np.multiply(colours[..., 0], _RED, dtype=np.uint16)
    luma += np.multiply(colours[..., 1], _GREEN, dtype=np.uint16)
    luma += np.multiply(colours[..., 2], _BLUE, dtype=np.uint16)
    return (luma >> 8).astype(np.uint8)
