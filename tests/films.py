"""Frames written as a video file, losslessly, for tests and proofs that play it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TICK = Fraction(1, 90_000)


def write_film(
    place: str | Path,
    pictures: Iterable[np.ndarray],
    times_s: Iterable[float],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "gray",
    container: str | None = None,
    options: dict[str, str] | None = None,
    coded: dict[str, str] | None = None,
) -> None:
    """Write pictures (rows, columns), or (rows, columns, 3), with their own times.

    After the first the file is begun, which waits for a taker where `place` is an address.
    """
    with av.open(str(place), "w", format=container, options=dict(options or {})) as file:
        stream = None
        for picture, time_s in zip(pictures, times_s, strict=False):
            if stream is None:
                stream = _stream(file, codec, pix_fmt, picture.shape)
                stream.options = coded or stream.options
                file.start_encoding()
            frame = _frame(picture, pix_fmt)
            frame.pts, frame.time_base = round(time_s / TICK), TICK
            file.mux(stream.encode(frame))
        if stream is not None:
            file.mux(stream.encode(None))


def _stream(file, codec: str, pix_fmt: str, shape: tuple[int, ...]):
    stream = file.add_stream(codec, rate=60)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = pix_fmt
    stream.time_base = stream.codec_context.time_base = TICK
    stream.codec_context.thread_count = 1
    if codec == "libx264":
        stream.options = {"qp": "0", "preset": "ultrafast", "tune": "zerolatency"}
    if codec == "ffv1":
        stream.options = {"level": "3", "slicecrc": "1"}
    return stream


def _frame(picture: np.ndarray, pix_fmt: str):
    if picture.ndim == 3:
        return av.VideoFrame.from_ndarray(picture, format="rgb24")
    if pix_fmt.startswith("gray"):
        name = "gray" if picture.dtype == np.uint8 else "gray16le"
        frame = av.VideoFrame.from_ndarray(picture, format=name)
        if frame.format.name != pix_fmt:  # 10 or 12 bits in two bytes: the same bytes
            frame = _as(picture, pix_fmt)
        return frame
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], pix_fmt)
    for number, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size), 128, np.uint8)
        if number == 0:
            rows[: picture.shape[0], : picture.shape[1]] = picture
        plane.update(rows.tobytes())
    return frame


def _as(picture: np.ndarray, pix_fmt: str):
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], pix_fmt)
    plane = frame.planes[0]
    rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
    rows[:, : picture.shape[1]] = picture
    plane.update(rows.tobytes())
    return frame
