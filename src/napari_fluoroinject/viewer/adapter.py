"""The one place that knows names of napari which are not public: canvas, window, second view."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QMainWindow, QWidget


UNSEEN_MS = 500
"""After so long nobody waits for a window to be drawn."""


def on_drawn(viewer: napari.Viewer, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after each time that a viewer's canvas was drawn; returns what ends that."""
    return _on_canvas(viewer.window._qt_viewer.canvas, callback)  # noqa: SLF001 - see the module


def on_resized(viewer: napari.Viewer, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after a viewer's canvas took another size; returns what ends that."""
    return _on_canvas(viewer.window._qt_viewer.canvas, callback, "resize")  # noqa: SLF001 - see the module


def once_drawn(viewer: napari.Viewer, call: Callable[[], None]) -> Callable[[], None]:
    """Call once after a viewer's canvas was drawn next; returns what takes that back.

    A window that is not seen is not drawn: then it is called after `UNSEEN_MS`.
    """
    from qtpy.QtCore import QTimer

    timer = QTimer()
    timer.setSingleShot(True)

    def end() -> None:
        timer.stop()
        silent()

    def due() -> None:
        end()
        call()

    timer.timeout.connect(due)
    silent = on_drawn(viewer, lambda: timer.start(0))
    timer.start(UNSEEN_MS)
    return end


def load_letters(viewer: napari.Viewer, letters: str) -> Callable[[], None]:
    """Make the letters of a viewer's text ready, while nothing else is to be done.

    Each takes milliseconds, and napari makes it when it is first drawn. Returns what ends that.
    """
    from qtpy.QtCore import QTimer

    canvas, overlay = viewer.window._qt_viewer.canvas, viewer.canvas.overlays.text  # noqa: SLF001 - see the module
    left, timer = list(letters), QTimer()

    def load() -> None:
        visuals = canvas._viewer_overlay_to_visual.get(overlay, ())  # noqa: SLF001 - see the module
        if not left or not visuals:
            timer.stop()
        else:
            visuals[0].node._font[left.pop()]  # noqa: SLF001 - see the module

    timer.timeout.connect(load)
    timer.start(0)
    return timer.stop


def steady_text(viewer: napari.Viewer) -> None:
    """Keep the box behind a viewer's text as it is while the text keeps its size."""
    _steady_text(viewer.window._qt_viewer.canvas, viewer)  # noqa: SLF001 - see the module


def canvas_widget(viewer: napari.Viewer) -> QWidget:
    """Return the native widget of a viewer's canvas."""
    native: QWidget = viewer.window._qt_viewer.canvas.native  # noqa: SLF001 - see the module
    return native


def main_window(viewer: napari.Viewer) -> QMainWindow:
    """Return a viewer's window."""
    window: QMainWindow = viewer.window._qt_window  # noqa: SLF001 - see the module
    return window


def show_own_docks(viewer: napari.Viewer, shown: bool) -> None:
    """Show or hide napari's layer controls and layer list."""
    qt_viewer = viewer.window._qt_viewer  # noqa: SLF001 - see the module
    for dock in (qt_viewer.dockLayerControls, qt_viewer.dockLayerList):
        dock.setVisible(shown)


def show_own_slider(viewer: napari.Viewer, shown: bool) -> None:
    """Show or hide napari's sliders below the canvas; hidden ones follow no frame."""
    sliders, stepped = viewer.window._qt_viewer.dims, viewer.dims.events.current_step  # noqa: SLF001 - see the module
    sliders.setVisible(shown)
    follow = sliders._update_slider  # noqa: SLF001 - see the module
    stepped.disconnect(follow)
    if shown:
        stepped.connect(follow)
        follow()


@contextmanager
def sliced_once(viewer: ViewerModel) -> Iterator[None]:
    """Have a step along an axis bring the layers up to date once.

    napari does it for the new point, and again for the new number of the same step.
    """
    with viewer.dims.events.current_step.blocker(viewer._update_layers):  # noqa: SLF001 - see the module
        yield


def own_docks_shown(viewer: napari.Viewer) -> bool:
    """Return whether napari's layer controls or layer list are shown."""
    qt_viewer = viewer.window._qt_viewer  # noqa: SLF001 - see the module
    return any(
        not dock.isHidden() for dock in (qt_viewer.dockLayerControls, qt_viewer.dockLayerList)
    )


class SecondView:
    """A second canvas with its own zoom; `model` holds its layers.

    Attributes
    ----------
    widget
        What goes into a dock; it belongs to whoever closes this.
    """

    def __init__(self, model: ViewerModel) -> None:
        from napari.qt import QtViewer

        self._view = QtViewer(model)
        self._view.dims.hide()  # its frame follows the first view
        _steady_text(self._view.canvas, model)
        self.widget: QWidget = self._view

    def on_drawn(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each time that it was drawn; returns what ends that."""
        return _on_canvas(self._view.canvas, callback)

    def on_resized(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after it took another size; returns what ends that."""
        return _on_canvas(self._view.canvas, callback, "resize")

    def close(self) -> None:
        """Take the canvas away; the layers stay in the model."""
        self._view.close()
        self._view.deleteLater()


def has_window(viewer: Any) -> bool:
    """Return whether a viewer stands in a window; a bare model does not."""
    return getattr(viewer, "window", None) is not None


def _on_canvas(
    canvas: Any, callback: Callable[[], None], name: str = "draw"
) -> Callable[[], None]:
    emitter = canvas._scene_canvas.events[name]  # noqa: SLF001 - see the module

    def happened(_event: Any = None) -> None:
        callback()

    emitter.connect(happened, position="last")

    def disconnect() -> None:
        emitter.disconnect(happened)

    return disconnect


def _steady_text(canvas: Any, model: Any) -> None:
    """Spare the box what changes nothing.

    napari makes it anew with each text, and with it a program for the graphics card: ten
    milliseconds of each frame that is played.
    """
    overlay = model.canvas.overlays.text

    def settle(_event: Any = None) -> None:
        for visual in canvas._viewer_overlay_to_visual.get(overlay, ()):  # noqa: SLF001 - see the module
            if "_on_box_change" not in vars(visual):
                visual._on_box_change = _SteadyBox(visual, model)  # noqa: SLF001 - see the module
                visual._on_position_change = _SteadyPlace(visual)  # noqa: SLF001 - see the module

    overlay.events.visible.connect(settle, priority=-1)  # napari makes it when it is shown
    settle()


class _SteadyBox:
    """Changes the box of a text only if it would look different."""

    def __init__(self, visual: Any, model: Any) -> None:
        self._visual, self._model = visual, model
        self._change = visual._on_box_change  # noqa: SLF001 - see the module
        self._seen: tuple[object, ...] = ()

    def __call__(self, _event: Any = None) -> None:
        visual, canvas = self._visual, self._model.canvas
        overlay = visual.overlay
        now = (
            *(visual.x_size, visual.y_size, visual.node.parent, visual.node.order),
            *(overlay.box, overlay.visible, str(overlay.box_color)),
            *(str(canvas.overlay_tiling.padding), str(canvas.background_color)),
        )
        if now != self._seen:
            self._seen = now
            self._change()


class _SteadyPlace:
    """Puts a text into its place only if it takes another size: else all overlays are placed."""

    def __init__(self, visual: Any) -> None:
        self._visual = visual
        self._place = visual._on_position_change  # noqa: SLF001 - see the module
        self._seen: tuple[object, ...] = ()

    def __call__(self, _event: Any = None) -> None:
        overlay, node = self._visual.overlay, self._visual.node
        now = (*node.get_width_height(), str(overlay.position), overlay.font_size, overlay.visible)
        if now != self._seen:
            self._seen = now
            self._place()
