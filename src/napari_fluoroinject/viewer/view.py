"""One picture on the screen: a run with everything that stands over it, at one frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.viewer import axes, hud, overlays
from napari_fluoroinject.viewer.board import Board
from napari_fluoroinject.viewer.layers import (
    SUBTRACTED,
    LayerSpec,
    extent_layer,
    grid_of,
    map_layer,
    native_layer,
    subtracted_layer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.pictures import Pictures
    from napari_fluoroinject.viewer.scene import Scene, Shaft

Base = Literal["both", "native", "subtracted"]
_NOT_SEEN_PX = 0.3
"""A needle that would move by less stays where it is: each change costs milliseconds."""
TEXT_PT = 9
NOTHING = "nothing to show yet"
_OWN_COLOUR = "#EEF1F5"


class View:
    """A viewer that shows a scene.

    Parameters
    ----------
    viewer
        Whose layers show it.
    pictures
        Where frames come from.

    Attributes
    ----------
    board
        Its layers.
    scene
        What is shown; None = nothing.
    """

    def __init__(self, viewer: ViewerModel, pictures: Pictures) -> None:
        self.viewer = viewer
        self.board = Board(viewer)
        self.scene: Scene | None = None
        self._pictures = pictures
        self._shaft: Shaft | None = None
        self._frame = 0
        self.shows_map = False
        self._fitted: tuple[float, ...] = ()
        self._extra: tuple[str, ...] = ()
        self._hidden: list[Layer] = []
        self._make_ready()

    def show(
        self,
        scene: Scene | None,
        frame: int,
        *,
        kind: MapKind = "none",
        of: Base = "both",
        extra: Sequence[LayerSpec] = (),
    ) -> None:
        """Show a scene at a frame, with the map of that kind; None = nothing.

        `of` says which frames there are; with those of the subtraction alone maps and outline
        are left out. `extra` lies over all.
        """
        other = scene is None or self.scene is None or scene.run.uid != self.scene.run.uid
        self.scene = scene
        if scene is None:
            self._shaft = None
            self.board.clear()
            self.viewer.canvas.overlays.scale_bar.visible = False
            self._say(NOTHING)
            return
        bases = self._bases(scene, of=of)
        over = [] if of == "subtracted" else [map_layer(scene, kind), extent_layer(scene)]
        over += [
            overlays.landmark_layer(scene),
            overlays.run_off_layer(scene),
            overlays.lead_layer(scene),
        ]
        self._shaft, self._frame = scene.shaft(frame), frame
        needle = overlays.needle_layers(scene, frame)
        if of == "subtracted":
            over = over[1:]  # contrast is read there, between as few lines as can be
        found = [*bases, *over, *needle, overlays.target_layer(scene), *extra]
        self._extra = tuple(one.name for one in extra)
        self.shows_map = of != "subtracted" and over[0] is not None
        self.board.show([one for one in found if one is not None])
        self.board.step(frame)
        self.board.move(scene, frame)
        self._scale_bar(scene)
        if other:
            self.fit()

    def step(self, frame: int) -> None:
        """Show another frame; this is what playing does, thirty times a second."""
        if self.scene is None:
            return
        self._frame = frame
        self.board.step(frame)
        shaft = self.scene.shaft(frame)
        if _moved(self._shaft, shaft):
            self._shaft = shaft
            self.board.update(overlays.needle_layers(self.scene, frame))
        self.board.move(self.scene, frame)

    def pixel_at(self, position: Sequence[float]) -> Point | None:
        """The pixel at a position of the mouse; None where no single frame is shown."""
        picture = self.board.picture
        return None if picture is None else axes.pixel_at(self.viewer, picture, position)

    @property
    def px(self) -> float:
        """The size of a pixel as the viewer measures; 1 where nothing is shown."""
        picture = self.board.picture
        return 1.0 if picture is None else axes.pixel_size(self.viewer, picture)

    @property
    def slider(self) -> int | None:
        """The frame at which napari's own slider stands; None where nothing is shown."""
        picture = self.board.picture
        return None if picture is None else axes.frame_at(self.viewer, picture)

    def turned(self) -> None:
        """A person changed to the 3D display, or turned the axes, or back."""
        if self.scene is not None:
            self._scale_bar(self.scene)

    def fit(self) -> None:
        """Show the whole picture, as large as it goes."""
        self.viewer.reset_view()
        self._fitted = self._camera()

    def refit(self) -> None:
        """Show the whole picture again, unless a person has zoomed or moved it since."""
        if self.scene is not None and self._fitted == self._camera():
            self.fit()

    def over(self, extra: Sequence[LayerSpec]) -> None:
        """Lay these over all, in place of those that lay there."""
        names = tuple(one.name for one in extra)
        self.board.drop([one for one in self._extra if one not in names])
        self.board.update(extra)
        self._extra = names
        if self.scene is not None:
            self.board.move(self.scene, self._frame)

    def say(self, text: str) -> None:
        """Write on the picture, top left."""
        text = hud.wrapped(text)
        if self.viewer.canvas.overlays.text.text != text:
            self._say(text)

    def hide_overlays(self, hidden: bool) -> None:
        """Hide everything over the frames, or show again what was hidden."""
        if not hidden:
            for layer in self._hidden:
                layer.visible = True
            self._hidden = []
        elif not self._hidden:
            over = [layer for name, layer in self.board.layers.items() if not is_base(name)]
            self._hidden = [layer for layer in over if layer.visible]
            for layer in self._hidden:
                layer.visible = False

    def first_window(self) -> tuple[float, float]:
        """The window with which the seen frames were first shown."""
        base = self.base()
        spec = None if base is None else self.board.spec(base.name)
        return (0.0, 1.0) if spec is None else spec.options["contrast_limits"]

    def base(self) -> Image | None:
        """The frames that are seen; None where nothing is shown."""
        bases = [layer for name, layer in self.board.layers.items() if is_base(name)]
        return next((one for one in bases if one.visible), None)

    def close(self) -> None:
        """Take everything away."""
        self.board.clear()
        self._say("")

    def _bases(self, scene: Scene, *, of: Base) -> list[LayerSpec]:
        bases, made = [], scene.subtracted
        if of != "subtracted":
            frames, window = self._pictures.native(scene.run)
            bases.append(
                _visible(native_layer(scene, frames, window), not scene.subtraction_shown)
            )
        if made is not None and of != "native":
            frames = self._pictures.subtracted(scene.run.uid, made)
            bases.append(_visible(subtracted_layer(scene, frames), scene.subtraction_shown))
        return bases

    def _say(self, text: str) -> None:
        overlay = self.viewer.canvas.overlays.text
        overlay.text = text
        overlay.visible = bool(text)
        if overlay.position != "top_left":
            overlay.position = "top_left"
            overlay.font_size = TEXT_PT
            overlay.color = _OWN_COLOUR

    def _make_ready(self) -> None:
        """Make what is drawn on every picture before there is one: the first is there sooner."""
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.viewer.canvas.overlays.scale_bar.visible = False
        self._say(NOTHING)

    def _camera(self) -> tuple[float, ...]:
        camera = self.viewer.scene.camera
        return (float(camera.zoom), *map(float, camera.center))

    def _scale_bar(self, scene: Scene) -> None:
        """Millimetres where they are known; pixels need no bar, nor does what is no picture."""
        known = grid_of(scene.run.loop).mm_per_px is not None
        self.viewer.canvas.overlays.scale_bar.visible = known and axes.is_flat(self.viewer)


def is_base(name: str) -> bool:
    """Whether a layer holds frames rather than something over them."""
    return name.endswith((f" · {SUBTRACTED}", " · native"))


def _moved(before: Shaft | None, now: Shaft | None) -> bool:
    if before is None or now is None:
        return before is not now
    if before.proposed != now.proposed:
        return True
    one, other = np.array([before.hub_px, before.tip_px]), np.array([now.hub_px, now.tip_px])
    return bool(np.abs(one - other).max() >= _NOT_SEEN_PX)


def _visible(spec: LayerSpec, visible: bool) -> LayerSpec:
    return replace(spec, options={**spec.options, "visible": visible})
