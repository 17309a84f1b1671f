"""Colours of maps: lightness tells the value, and what is undefined is transparent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.utils import Colormap

MapName = Literal["viridis", "magma", "diverging"]
NOT_KNOWN = "#3D5A80"
"""Where a subtraction knows nothing; the picture's text says so."""
STEPS = 255
"""Colours of a map; one more bin, the first, is transparent."""
_ANCHORS: dict[MapName, tuple[str, ...]] = {
    "viridis": (
        "#440154", "#482878", "#3E4A89", "#31688E", "#26828E",
        "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C", "#FDE725",
    ),
    "magma": (
        "#3B0F70", "#641A80", "#8C2981", "#B73779", "#DE4968",
        "#F7705C", "#FE9F6D", "#FECF92", "#FCFDBF",
    ),
    "diverging": ("#2C6FCF", "#6FA3E6", "#B9D2F0", "#F4F4F4", "#F5CC9B", "#E8943F", "#C05F00"),
}  # fmt: skip
"""Evenly spaced colours of viridis and magma (van der Walt and Smith 2015; magma without its
darkest fifth, which cannot be told from the picture below), and blue - white - orange."""


def rgb(name: MapName) -> npt.NDArray[np.float64]:
    """Return the colours of a map from low to high, (STEPS, 3) in 0 to 1."""
    anchors = np.array([hex_rgb(one) for one in _ANCHORS[name]])
    at = np.linspace(0, len(anchors) - 1, STEPS)
    channels = [np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T]
    return np.stack(channels, axis=1)


def hex_rgb(colour: str) -> tuple[float, float, float]:
    """Return red, green and blue in 0 to 1 of `#RRGGBB`."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def differences() -> Colormap:
    """Return the greys of a subtraction; what is not known there is a dull blue."""
    from napari.utils import Colormap

    greys = np.ones((256, 4))
    greys[:, :3] = np.linspace(0, 1, 256)[:, None]
    return Colormap(greys, name="fluoroinject differences", nan_color=(*hex_rgb(NOT_KNOWN), 1.0))


def colormap(name: MapName) -> Colormap:
    """Return the map for napari: its first bin, and what lies below, is transparent."""
    from napari.utils import Colormap

    colours = np.concatenate([np.zeros((1, 4)), np.pad(rgb(name), ((0, 0), (0, 1)), "constant")])
    colours[1:, 3] = 1.0
    return Colormap(colours, name=f"fluoroinject {name}", interpolation="zero")


def limits(low: float, high: float) -> tuple[float, float]:
    """Return contrast limits in which `low` has the first colour after the transparent bin."""
    return low - (high - low) / STEPS, high


def fill_below(low: float, high: float) -> float:
    """Return a value that is transparent: far below the limits, so that no rounding shows it."""
    return low - (high - low)
