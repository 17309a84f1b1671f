"""One picture on the screen: a run with everything that stands over it, at one frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.components.overlays import TextOverlay

from napari_fluoroinject.viewer import hud, overlays
from napari_fluoroinject.viewer.board import Board
from napari_fluoroinject.viewer.layers import (
    SUBTRACTED,
    LayerSpec,
    extent_layer,
    grid_of,
    map_layer,
    map_unit,
    native_layer,
    subtracted_layer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.pictures import Pictures
    from napari_fluoroinject.viewer.scene import Scene, Shaft

Base = Literal["both", "native", "subtracted"]
_NOT_SEEN_PX = 0.3
"""A needle that would move by less stays where it is: each change costs milliseconds."""
TEXT_PT = 7
"""Of napari: 9.3 points on the screen, where it draws text a third larger than it is told."""
LINE_PX = 16
"""Height of a line of that text."""
HEAD_PX = 12 + 3 * LINE_PX
"""Kept free above a picture, for its text."""
_PAD_PX = 10
"""Between a text and the canvas' edge."""
_FILLED = 0.98
"""Share of the room left by the text that a picture fills."""
_UNIT = "map unit"
"""Of the overlays on the canvas, the one at a map's colour bar."""
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
        self._fitted: tuple[float, ...] = ()
        self._extra: tuple[str, ...] = ()
        self._hidden: list[Layer] = []
        self._text = ""
        self._per_px = 1.0
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
        self._per_px = 1 / fitted(scene.run.loop.shape[1:], self.viewer.canvas.size)[0]
        needle = overlays.needle_layers(scene, frame, self._per_px)
        if of == "subtracted":
            over = over[1:]  # contrast is read there, between as few lines as can be
        marked = [*over, *needle, overlays.target_layer(scene)]
        shown = [one.name for one in marked if one is not None]
        named = overlays.name_layers(scene, frame, per_px=self._per_px, shown=shown)
        found = [one for one in (*bases, *marked, *named, *extra) if one is not None]
        self._extra = tuple(one.name for one in extra)
        shows_map = of != "subtracted" and over[0] is not None
        self.board.show(found)
        self._say_unit(map_unit(kind if shows_map else "none"))
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
            self.board.update(overlays.needle_layers(self.scene, frame, self._per_px))
        self.board.move(self.scene, frame)

    def fit(self) -> None:
        """Show the whole picture below its text, as large as it goes."""
        self.viewer.reset_view()
        if self.scene is not None:
            loop, camera = self.scene.run.loop, self.viewer.scene.camera
            px, (height, width) = grid_of(loop).px, self.viewer.canvas.size
            camera.zoom, down = fitted(loop.shape[1:], (height, width))
            camera.zoom /= px
            middle = [(side - 1) / 2 * px for side in loop.shape[1:]]
            camera.center = (*camera.center[:-2], middle[0] - down * px, middle[1])
        self._fitted = self._camera()
        self.say(self._text)

    def refit(self) -> None:
        """Show the whole picture again, unless a person has zoomed or moved it since."""
        self.say(self._text)
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
        self._text = text
        text = hud.wrapped(text, self.viewer.canvas.size[1] - 2 * _PAD_PX)
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
        self._say_unit("")

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

    def _say_unit(self, text: str) -> None:
        """Say at the colour bar what its numbers are."""
        unit = self.viewer.canvas.overlays[_UNIT]
        unit.text = text
        unit.visible = bool(text)

    def _make_ready(self) -> None:
        """Make what is drawn on every picture before there is one: the first is there sooner."""
        overlays_of = self.viewer.canvas.overlays
        overlays_of.scale_bar.font_size = TEXT_PT
        if _UNIT not in overlays_of:
            overlays_of[_UNIT] = TextOverlay(
                position="bottom_right", font_size=TEXT_PT, color=_OWN_COLOUR, box=True
            )
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.viewer.canvas.overlays.scale_bar.visible = False
        self._say(NOTHING)

    def _camera(self) -> tuple[float, ...]:
        camera = self.viewer.scene.camera
        return (float(camera.zoom), *map(float, camera.center))

    def _scale_bar(self, scene: Scene) -> None:
        """Millimetres where they are known; pixels need no bar."""
        self.viewer.canvas.overlays.scale_bar.visible = (
            grid_of(scene.run.loop).mm_per_px is not None
        )


def fitted(picture: tuple[int, int], canvas: tuple[int, int]) -> tuple[float, float]:
    """Return how large a picture of rows and columns is shown below its text.

    The first is canvas pixels per pixel of the picture, the second how far its middle lies below
    the canvas' middle, in pixels of the picture. `canvas` is (height, width).
    """
    height, width = (max(side, 1) for side in canvas)
    room = max(height - HEAD_PX, height / 2)  # a canvas too small for both: the text lies over it
    zoom = _FILLED * min(room / picture[0], width / picture[1])
    return zoom, (height - room) / 2 / zoom


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
