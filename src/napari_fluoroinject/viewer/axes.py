"""Where a viewer's slider and its mouse are in the frames of a picture, whatever else lies there.

A layer of somebody's own may add axes, take other steps along them, or have other units: then the
viewer counts otherwise than the run, and only the picture itself tells frames and pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_fluoroinject.model.geometry import Point

FRAME_AXIS, PICTURE_AXES = -3, (-2, -1)
NOT_FLAT = (
    "Marks are placed in the flat picture of one frame: change back from the 3D display, or turn "
    "the axes back (the buttons below napari's list of layers), then click again."
)


def is_flat(viewer: ViewerModel) -> bool:
    """Return whether the canvas shows single frames, upright or transposed."""
    dims = viewer.dims
    return dims.ndisplay == 2 and {one - dims.ndim for one in dims.displayed} == {*PICTURE_AXES}


def frame_at(viewer: ViewerModel, picture: Layer) -> int:
    """Return the frame at which the slider stands, counted from 0; it may be none of the run."""
    return round(float(_data(viewer, picture, viewer.dims.point)[FRAME_AXIS]))


def go_to_frame(viewer: ViewerModel, picture: Layer, frame: int) -> None:
    """Put the slider at a frame."""
    start = np.array([frame, 0, 0], dtype=float)
    world = np.asarray(picture.data_to_world(start)) / _factors(viewer, picture)
    viewer.dims.set_point(viewer.dims.ndim + FRAME_AXIS, float(world[FRAME_AXIS]))


def pixel_at(viewer: ViewerModel, picture: Layer, position: Sequence[float]) -> Point | None:
    """Return the pixel at a position of the mouse; None where the canvas shows no single frame."""
    if not is_flat(viewer):
        return None
    row, column = _data(viewer, picture, position)[-2:]
    return float(row), float(column)


def pixel_size(viewer: ViewerModel, picture: Layer) -> float:
    """Return the size of a pixel as the viewer measures."""
    return float(np.asarray(picture.scale)[-1] / _factors(viewer, picture)[-1])


def _data(viewer: ViewerModel, picture: Layer, position: Sequence[float]) -> npt.NDArray[Any]:
    place = np.asarray(position, dtype=float)[-picture.ndim :]
    return np.asarray(picture.world_to_data(place * _factors(viewer, picture)))


def _factors(viewer: ViewerModel, picture: Layer) -> npt.NDArray[np.float64]:
    """What turns the viewer's units into those of the picture, axis by axis."""
    units = viewer.layers.extent.units
    if units is None or len(units) < picture.ndim:
        return np.ones(picture.ndim)
    return np.array(_ratios(tuple(units[-picture.ndim :]), tuple(picture.units)))


@lru_cache(maxsize=64)
def _ratios(of: tuple[Any, ...], to: tuple[Any, ...]) -> tuple[float, ...]:
    known: Any = pint.get_application_registry()  # type: ignore[no-untyped-call] # pint's
    pairs = zip(of, to, strict=True)
    return tuple(float(known.get_base_units(a)[0] / known.get_base_units(b)[0]) for a, b in pairs)
