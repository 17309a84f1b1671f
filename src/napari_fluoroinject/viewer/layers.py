"""What the session holds, as layers: pure values that the boards keep their viewers equal to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN
from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer import colormaps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.spread import SpreadMaps
    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.scene import Scene

LayerKind = Literal["image", "labels", "points", "shapes", "vectors"]
Pose = Literal["picture", "reference", "frame"]
NATIVE, SUBTRACTED = "native", "DSA"
MAP_NAMES: dict[MapKind, str] = {
    "opacity": "opacity",
    "arrival": "arrival time",
    "time_to_peak": "time to peak",
    "washout": "washout",
}
_OUTLIERS = 99.0
"""Percentile of a washout's size at which its colours end."""
_SHORTEST_SPAN = 0.1
"""Of colours: a spread that is there at once is of one colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What a step along each axis measures; None = unknown, then frames and pixels are counted."""

    frame_s: float | None
    mm_per_px: float | None

    @property
    def px(self) -> float:
        """Size of a pixel in the picture's world: millimetres, or 1."""
        return self.mm_per_px or 1.0

    def options(self, ndim: int) -> dict[str, Any]:
        """Scale, units and names of the axes of a layer of 2 or 3 dimensions."""
        length = "pixel" if self.mm_per_px is None else "mm"
        time = "pixel" if self.frame_s is None else "s"  # napari knows no unit of counting
        return {
            "scale": (self.frame_s or 1.0, self.px, self.px)[-ndim:],
            "units": (time, length, length)[-ndim:],
            "axis_labels": ("frame" if self.frame_s is None else "time", "y", "x")[-ndim:],
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerSpec:
    """One layer as it should be.

    Attributes
    ----------
    kind
        Of napari's layers.
    name
        Unique among the layers of a picture.
    data
        As the layer takes it; in pixels.
    options
        Attributes of the layer, by name; those that the person at the screen changes stay as they
        are until the session asks for others.
    pose
        In which pose its data are: that of the `picture`, whichever that is; the `reference` pose,
        from which they are moved with the anatomy; or each frame's own, as it was taken.
    """

    kind: LayerKind
    name: str
    data: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    pose: Pose = "picture"


def grid_of(loop: CineLoop) -> Grid:
    """Return what a step along each axis of a loop measures: the usual time between frames."""
    frame_s = None
    if loop.times_s is not None and len(loop.times_s) > 1:
        usual = float(np.median(np.diff(loop.times_s)))
        frame_s = usual if usual > 0 else None
    return Grid(frame_s=frame_s, mm_per_px=loop.mm_per_px)


def native_layer(scene: Scene, frames: Any, window: tuple[float, float]) -> LayerSpec:
    """Return the frames as stored; more beam is brighter, however values are stored."""
    ln = scene.run.loop.intensity.ln_beam
    falls = len(ln) > 1 and float(ln[-1]) < float(ln[0])
    return LayerSpec(
        kind="image",
        name=f"{scene.prefix} · {NATIVE}",
        data=frames,
        options={
            "colormap": "gray_r" if falls else "gray",
            "contrast_limits": window,
            **grid_of(scene.run.loop).options(3),
        },
    )


def subtracted_layer(scene: Scene, frames: Any) -> LayerSpec:
    """Return the subtracted frames: contrast is dark, no difference is mid-grey.

    What is not known has a colour of its own: black would be the densest contrast.
    """
    made = scene.subtracted
    span = 1.0 if made is None else max(made.window_ln / STEP_LN, 1.0)
    return LayerSpec(
        kind="image",
        name=f"{scene.prefix} · {SUBTRACTED}",
        data=frames,
        options={
            "colormap": "differences",
            "contrast_limits": (max(MIDDLE - span, 1.0), min(MIDDLE + span, 2.0 * MIDDLE)),
            **grid_of(scene.run.loop).options(3),
        },
    )


def map_layer(scene: Scene, kind: MapKind) -> LayerSpec | None:
    """Return a map over the contrast region; None where there is none, or nothing in it."""
    maps = None if scene.report is None else scene.report.maps
    if maps is None or kind == "none" or not maps.region.any():
        return None
    values, name = _values(maps, kind)
    known = maps.region & np.isfinite(values)
    if not known.any():
        return None
    low, high = _range(values[known], kind)
    rows, columns = (_bounds(known.any(axis=axis)) for axis in (1, 0))
    picture = np.where(known, np.clip(values, low, high), colormaps.fill_below(low, high))
    grid = grid_of(scene.run.loop)
    return LayerSpec(
        kind="image",
        name=f"{scene.prefix} · {MAP_NAMES[kind]}",
        data=picture[rows, columns].astype(np.float32),
        options={
            "colormap": name,
            "contrast_limits": colormaps.limits(low, high),
            "translate": (rows.start * grid.px, columns.start * grid.px),
            "opacity": 0.8,
            "colorbar": True,
            "blending": "translucent",
            **grid.options(2),
        },
        pose="reference",
    )


def map_unit(kind: MapKind) -> str:
    """Return what the numbers of a map's colour bar are, as it stands at the bar."""
    return {
        "opacity": "opacity\n(natural log)",
        "arrival": "arrival\n(s from frame 1)",
        "time_to_peak": "time to\npeak (s)",
        "washout": "washout\n(share of peak / s)",
        "none": "",
    }[kind]


def extent_layer(scene: Scene) -> LayerSpec | None:
    """Return the outline of the contrast, frame by frame; None where there are no maps."""
    maps = None if scene.report is None else scene.report.maps
    if maps is None:
        return None
    return LayerSpec(
        kind="labels",
        name=f"{scene.prefix} · spread extent",
        data=maps.region_by_frame.view(np.uint8),
        options={"contour": 2, "opacity": 1.0, **grid_of(scene.run.loop).options(3)},
        pose="frame",
    )


_CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
EXTENT_COLOURS = {None: "transparent", 0: "transparent", 1: palette.REGION}


def placed(scene: Scene, pose: Pose, frame: int) -> DoubleArray:
    """Return how data of a pose are moved into the picture of a frame: (3, 3), in the world."""
    matrix, motion, grid = np.eye(3), scene.motion, grid_of(scene.run.loop)
    if motion is None or pose == "picture" or scene.still != (pose == "frame"):
        return matrix
    if pose == "frame":
        origin, down, right = motion.all_in_reference_pose(_CORNERS, frame)
    else:
        origin, down, right = motion.all_in_frame(_CORNERS, frame)
    matrix[:2, 0], matrix[:2, 1] = down - origin, right - origin
    matrix[:2, 2] = origin * grid.px
    return matrix


def _values(maps: SpreadMaps, kind: MapKind) -> tuple[npt.NDArray[Any], colormaps.MapName]:
    if kind == "opacity":
        return maps.peak_od, "magma"
    if kind == "washout":
        return maps.washout_per_s, "diverging"
    return (maps.arrival_s if kind == "arrival" else maps.time_to_peak_s), "viridis"


def _range(values: npt.NDArray[Any], kind: MapKind) -> tuple[float, float]:
    if kind == "washout":
        most = max(float(np.percentile(np.abs(values), _OUTLIERS)), 1e-3)
        return -most, most
    low = 0.0 if kind == "opacity" else float(values.min())
    return low, max(float(values.max()), low + _SHORTEST_SPAN)


def _bounds(chosen: npt.NDArray[np.bool_]) -> slice:
    where = np.flatnonzero(chosen)
    return slice(int(where[0]), int(where[-1]) + 1)
