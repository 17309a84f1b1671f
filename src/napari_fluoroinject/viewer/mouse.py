"""Mouse and keys of the main picture, handed on to pointing and to window and level."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.viewer.window_level import Presses, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.pointing import Pointing
    from napari_fluoroinject.viewer.view import View

REACH_SCREEN_PX = 9.0
"""How near to a placed point a press takes hold of it."""


class Mouse:
    """Connects a viewer's mouse and keys.

    Parameters
    ----------
    viewer
        Whose.
    pointing
        What clicks do.
    view
        The picture in which the mouse is.
    windowed
        Returns the image layer whose window is changed, and its first window; None = none.
    told
        Called with the numbers of the window while it is changed; empty = over.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        pointing: Pointing,
        *,
        view: View,
        windowed: Callable[[], tuple[Any, tuple[float, float]] | None],
        told: Callable[[str], None],
    ) -> None:
        self._viewer, self._pointing = viewer, pointing
        self._view, self._windowed, self._told = view, windowed, told
        self._presses = Presses()
        self._windowing = False
        self._zoomers: list[Any] = []
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.mouse_move_callbacks.append(self._move)
        viewer.mouse_double_click_callbacks.append(self._double)
        pointing.changed.connect(self._armed)

    def close(self) -> None:
        """Leave the viewer as it was."""
        self._pointing.changed.disconnect(self._armed, missing_ok=True)
        for callbacks, own in (
            (self._viewer.mouse_drag_callbacks, self._drag),
            (self._viewer.mouse_move_callbacks, self._move),
            (self._viewer.mouse_double_click_callbacks, self._double),
        ):
            if own in callbacks:
                callbacks.remove(own)
        self._free()

    def hold_window(self) -> None:
        """Let drags change window and level until `free_window`; twice at once resets them."""
        if self._presses.press(time.monotonic()):
            target = self._windowed()
            if target is not None:
                layer, first = target
                layer.contrast_limits = first
        self._windowing = True
        self._viewer.scene.camera.mouse_pan = False

    def free_window(self) -> None:
        """Let drags move the picture again."""
        self._windowing = False
        self._told("")
        self._armed()

    def _armed(self) -> None:
        if self._pointing.placing is None and not self._pointing.dragging:
            self._free()
            return
        self._viewer.scene.camera.mouse_pan = False
        self._viewer.cursor.style = "crosshair"
        callbacks = self._viewer.mouse_double_click_callbacks
        for other in [one for one in callbacks if one != self._double]:
            callbacks.remove(other)  # a double click ends a line and must not zoom
            self._zoomers.append(other)

    def _free(self) -> None:
        if not self._windowing:
            self._viewer.scene.camera.mouse_pan = True
        self._viewer.cursor.style = "standard"
        self._viewer.mouse_double_click_callbacks.extend(self._zoomers)
        self._zoomers.clear()

    def _drag(self, _viewer: ViewerModel, event: Any) -> Iterator[None]:
        if self._windowing:
            yield from self._drag_window(event)
            return
        if event.button == 2:
            if self._pointing.placing is not None:
                self._pointing.back()
                event.handled = True
            return
        if event.button != 1 or event.modifiers:
            return
        if not self._pressed(event):
            return
        event.handled = True
        self._viewer.scene.camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            self._dragged(event)
            event.handled = True
            yield
        self._pointing.release()
        self._armed()

    def _pressed(self, event: Any) -> bool:
        point = self._point(event)
        if point is None:
            self._pointing.miss()
            return False
        return self._pointing.press(point, reach_px=self._reach_px())

    def _dragged(self, event: Any) -> None:
        point = self._point(event)
        if point is not None:
            self._pointing.drag(point)

    def _drag_window(self, event: Any) -> Iterator[None]:
        target = self._windowed()
        if target is None:
            return
        layer, _ = target
        low, high = layer.contrast_limits
        start, first = Window(low=low, high=high), event.pos
        self._presses.used()
        event.handled = True
        yield
        while event.type == "mouse_move":
            right_px, down_px = (event.pos[0] - first[0], event.pos[1] - first[1])
            window = start.dragged(float(right_px), float(down_px))
            if window.low < layer.contrast_limits_range[0]:
                layer.contrast_limits_range = (window.low, layer.contrast_limits_range[1])
            if window.high > layer.contrast_limits_range[1]:
                layer.contrast_limits_range = (layer.contrast_limits_range[0], window.high)
            layer.contrast_limits = (window.low, window.high)
            self._told(window.told())
            yield

    def _move(self, _viewer: ViewerModel, event: Any) -> None:
        point = None if self._pointing.placing is None else self._point(event)
        if point is not None:
            self._pointing.hover(point)

    def _double(self, _viewer: ViewerModel, event: Any) -> None:
        if self._pointing.placing is not None:
            self._pointing.end()
            event.handled = True

    def _point(self, event: Any) -> Point | None:
        return self._view.pixel_at(event.position)

    def _reach_px(self) -> float:
        zoom = float(self._viewer.scene.camera.zoom)
        return REACH_SCREEN_PX / max(zoom * self._view.px, 1e-9)
