"""Keeps the layers of one napari viewer equal to what they should be, by differences."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from napari import layers as napari_layers
from napari.utils.colormaps import DirectLabelColormap

from napari_fluoroinject.viewer import colormaps
from napari_fluoroinject.viewer.adapter import sliced_once
from napari_fluoroinject.viewer.keys import OURS
from napari_fluoroinject.viewer.layers import EXTENT_COLOURS, LayerSpec, placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_fluoroinject.viewer.scene import Scene

_LAYERS: dict[str, type[Layer]] = {
    "image": napari_layers.Image,
    "labels": napari_layers.Labels,
    "points": napari_layers.Points,
    "shapes": napari_layers.Shapes,
    "vectors": napari_layers.Vectors,
}
_ONCE = ("scale", "units", "axis_labels", "translate", "vector_style")
"""Options that a layer is made with: where one of them changes it is made anew."""
_LATER = ("contour", "colorbar")
"""Options that a layer takes only once it is made."""
BAR_PX, BAR_PT = (14, 110), 7
"""A colour bar and its numbers: it stands in a corner of a picture."""
_NOT_SEEN_PX = 0.5
"""A layer that would move by less stays where it is: each move costs milliseconds."""


class Board:
    """The layers of one viewer.

    A layer that somebody deleted comes back at the next change of what is shown. What somebody
    changed by hand (colours, window, opacity) stays until the session asks for something else.

    Parameters
    ----------
    viewer
        Whose layers these are; layers of others in it are left alone.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._held: dict[str, tuple[LayerSpec, Layer]] = {}
        self.changing = False

    @property
    def layers(self) -> dict[str, Layer]:
        """Its layers by name."""
        return {name: layer for name, (_, layer) in self._held.items()}

    def spec(self, name: str) -> LayerSpec | None:
        """Return how one of its layers should be; None where there is no such layer."""
        held = self._held.get(name)
        return None if held is None else held[0]

    def show(self, specs: Sequence[LayerSpec]) -> None:
        """Make the layers equal to these, from bottom to top; what is equal is not touched."""
        with self._changing():
            wanted = {spec.name for spec in specs}
            for name in [one for one in self._held if one not in wanted]:
                self._remove(name)
            for spec in specs:
                self._show_one(spec)
            self._sort([spec.name for spec in specs])

    def update(self, specs: Sequence[LayerSpec]) -> None:
        """Bring a few layers up to date and leave the others as they are."""
        with self._changing():
            for spec in specs:
                self._show_one(spec)

    def drop(self, names: Sequence[str]) -> None:
        """Take layers away."""
        with self._changing():
            for name in names:
                if name in self._held:
                    self._remove(name)

    def move(self, scene: Scene, frame: int) -> None:
        """Move every layer whose data are of another pose than the picture of this frame."""
        with self._changing():
            for spec, layer in self._held.values():
                if spec.pose != "picture" and layer.visible:
                    _move(layer, placed(scene, spec.pose, frame), _reach_px(scene), scene)

    def step(self, frame: int) -> None:
        """Show a frame."""
        if self.viewer.dims.ndim > 2 and self.viewer.dims.current_step[0] != frame:
            with self._changing(), sliced_once(self.viewer):
                self.viewer.dims.set_current_step(0, frame)

    def clear(self) -> None:
        """Take all of its layers away."""
        self.show(())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """What the viewer tells meanwhile comes from here, not from a person."""
        before, self.changing = self.changing, True
        try:
            yield
        finally:
            self.changing = before

    def _show_one(self, spec: LayerSpec) -> None:
        held = self._held.get(spec.name)
        if held is not None and (held[1] not in self.viewer.layers or _other(held[0], spec)):
            self._remove(spec.name)
            held = None
        if held is None:
            layer = _made(spec)
            active = self.viewer.layers.selection.active
            self.viewer.add_layer(layer)
            layer.locked = True
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection.active = active
        else:
            layer = held[1]
            _update(layer, held[0], spec)
        self._held[spec.name] = (spec, layer)

    def _remove(self, name: str) -> None:
        _, layer = self._held.pop(name)
        if layer in self.viewer.layers:
            layer.locked = False
            self.viewer.layers.remove(layer)

    def _sort(self, names: list[str]) -> None:
        """From bottom to top, only if it is not so: each move has the viewer draw anew."""
        layers = self.viewer.layers
        own = [self._held[name][1] for name in names]
        now = [layer for layer in layers if layer in own]
        if now != own:
            for layer in own:
                layers.move(layers.index(layer), len(layers))


def _other(old: LayerSpec, new: LayerSpec) -> bool:
    """Whether a layer cannot be turned into another one."""
    if old.kind != new.kind or _other_words(old, new):
        return True
    return any(old.options.get(name) != new.options.get(name) for name in _ONCE)


def _other_words(old: LayerSpec, new: LayerSpec) -> bool:
    """Whether there are more or fewer words, each of its own colour: napari can change neither."""
    if not isinstance(new.options.get("text", {}).get("color"), list):
        return False
    return len(old.data) != len(new.data)


def _made(spec: LayerSpec) -> Layer:
    options = {name: value for name, value in spec.options.items() if name not in _LATER}
    if spec.kind == "image":
        options["colormap"] = _colormap(options["colormap"])
    elif spec.kind == "labels":
        options["colormap"] = DirectLabelColormap(color_dict=EXTENT_COLOURS)
    layer = _LAYERS[spec.kind](spec.data, name=spec.name, metadata={OURS: spec.name}, **options)
    for name in _LATER:
        if name in spec.options:
            _set(layer, name, spec.options[name])
    return layer


def _set(layer: Any, name: str, value: Any) -> None:
    if name == "colorbar":
        bar = layer.colorbar
        bar.size, bar.font_size, bar.position = BAR_PX, BAR_PT, "bottom_right"
        bar.visible = value
    else:
        setattr(layer, name, _colormap(value) if name == "colormap" else value)


def _colormap(name: str) -> Any:
    if name == "differences":
        return colormaps.differences()
    own = next((one for one in get_args(colormaps.MapName) if one == name), None)
    return name if own is None else colormaps.colormap(own)


def _update(layer: Any, old: LayerSpec, new: LayerSpec) -> None:
    if not _same(old.data, new.data):
        _set_data(layer, new)
    for name, value in new.options.items():
        if name in _ONCE or _same(old.options.get(name), value):
            continue
        _set(layer, name, value)


def _set_data(layer: Any, spec: LayerSpec) -> None:
    if spec.kind == "points" and len(spec.data) != len(layer.data):
        layer.text = {"string": ""}  # texts of other points would be refused
    layer.data = spec.data


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and bool(np.array_equal(one, other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_shape, one, other))
    return type(one) is type(other) and not isinstance(one, np.ndarray) and bool(one == other)


def _same_shape(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return _same(one, other)


def _reach_px(scene: Scene) -> float:
    """How far from the middle of the picture something may lie."""
    return max(scene.run.loop.shape[1:]) / 2


def _move(layer: Layer, matrix: Any, reach_px: float, scene: Scene) -> None:
    now = np.asarray(layer.affine.affine_matrix)[-3:, -3:]
    px = scene.run.loop.mm_per_px or 1.0
    turn = float(np.abs(matrix[:2, :2] - now[:2, :2]).max()) * 2 * reach_px
    shift_px = float(np.abs(matrix[:2, 2] - now[:2, 2]).max()) / px
    if turn + shift_px < _NOT_SEEN_PX and not np.array_equal(matrix, np.eye(3)):
        return
    if np.array_equal(matrix, now):
        return
    whole = np.eye(layer.ndim + 1)
    whole[-3:, -3:] = matrix
    layer.affine = whole
