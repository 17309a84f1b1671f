"""A picture made small enough that thousands of them open on one page."""

from __future__ import annotations

from io import BytesIO

WIDTH_PX = 320
MOST_BYTES = 25_000
_TRIES = ((WIDTH_PX, 64), (WIDTH_PX, 32), (256, 32), (192, 16), (128, 16))
"""Width in pixels and colours: the first that comes out small enough is taken."""


def thumbnail(picture: bytes) -> bytes:
    """Return a picture as a PNG at most 320 pixels wide and 25 kB large.

    The same bytes come from the same bytes, with the same version of Pillow.

    Parameters
    ----------
    picture
        A PNG.

    Raises
    ------
    OSError
        It is no picture.
    """
    from PIL import Image

    with Image.open(BytesIO(picture)) as opened:
        whole = opened.convert("RGB")
    small = b""
    for width, colors in _TRIES:
        width = min(width, whole.width)  # noqa: PLW2901 - never larger than it is
        size = (width, max(round(width * whole.height / whole.width), 1))
        resized = whole.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        few = resized.quantize(colors, dither=Image.Dither.NONE)
        target = BytesIO()
        few.save(target, "PNG", optimize=True)
        small = target.getvalue()
        if len(small) <= MOST_BYTES:
            break
    return small
