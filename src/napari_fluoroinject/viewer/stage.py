"""The pictures on the screen: main view and companion, kept equal to the session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.viewer import adapter, axes, hud
from napari_fluoroinject.viewer.layers import MAP_NAMES, LayerSpec
from napari_fluoroinject.viewer.linking import LinkBasis, linked_frame
from napari_fluoroinject.viewer.mouse import Mouse
from napari_fluoroinject.viewer.on_top import on_top
from napari_fluoroinject.viewer.pictures import Pictures
from napari_fluoroinject.viewer.pointing import Pointing
from napari_fluoroinject.viewer.scene import Scene, scene_of
from napari_fluoroinject.viewer.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.components import ViewerModel
    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.bench import MapKind
    from napari_fluoroinject.viewer.session import Session

MAPS: tuple[MapKind, ...] = ("none", *MAP_NAMES)


class Stage:
    """Shows a session in a viewer, and lets the mouse mark in it; it is the dock's `Tools`.

    Works with a bare `ViewerModel`, too, as long as nobody asks for a canvas.

    Parameters
    ----------
    viewer
        The main view.
    session
        What is shown.

    Attributes
    ----------
    companion
        The layers of the second view: the subtraction, or the run beside.
    pointing
        What clicks do.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        from napari.components import ViewerModel

        self._viewer, self._session = viewer, session
        self._pictures = Pictures()
        self.companion: ViewerModel = ViewerModel(title="companion")
        self._main = View(viewer, self._pictures)
        self._beside = View(self.companion, self._pictures)
        self._second: adapter.SecondView | None = None
        self._map: MapKind = "arrival"
        self._subtraction = False
        self._pointed: tuple[Point, ...] = ()
        self._window_told = ""
        self._basis: LinkBasis | None = None
        self.pointing = Pointing(session, lambda: self._main.scene)
        self.mouse = Mouse(
            viewer,
            self.pointing,
            view=self._main,
            windowed=self._windowed,
            told=self._tell_window,
        )
        self._heard: list[tuple[SignalInstance, Callable[..., Any]]] = []
        self._listen()
        self._ends: list[Callable[[], None]] = []
        if adapter.has_window(viewer):
            adapter.steady_text(viewer)
            self._ends.append(adapter.on_resized(viewer, self._main.refit))
            self._ends.append(adapter.load_letters(viewer, hud.LETTERS))
        self.refresh()

    # What the dock asks for

    def arm(self, tool: str | None) -> None:
        """Let the next clicks place `needle`, `target`, `curve`, or `mark:ID`; None = none."""
        self._pointed = ()
        self.pointing.arm(tool)

    @property
    def armed(self) -> str | None:
        """What the next click places; None = nothing."""
        placing = self.pointing.placing
        return None if placing is None else placing.tool

    def show_map(self, kind: MapKind) -> None:
        """Lay this map over the picture."""
        self._map = kind
        self.refresh()

    @property
    def map_kind(self) -> MapKind:
        """The map that lies over the picture, as soon as there is one."""
        return self._map

    def next_map(self) -> None:
        """Lay the next map over the picture; after the last there is none."""
        self.show_map(MAPS[(MAPS.index(self._map) + 1) % len(MAPS)])

    def point_at(self, frame: int, points_px: tuple[Point, ...]) -> None:
        """Go to a frame and show where something is, in the reference pose; none = only go."""
        self._pointed = points_px
        self._session.go_to(frame)
        self.refresh()

    # Ways of looking

    @property
    def subtraction_shown(self) -> bool:
        """Whether the main view shows the subtraction."""
        return self._subtraction

    def toggle_subtraction(self) -> None:
        """Change between the frames and their subtraction, in place."""
        if not self._subtraction and self._session.subtracted is None:
            self._session.signals.notice.emit(
                "There is no subtraction of this run yet; make one in step 4, Contrast."
            )
            return
        self._subtraction = not self._subtraction
        self.refresh()

    def hide_overlays(self, hidden: bool) -> None:
        """Hide everything over the frames, or show it again."""
        self._main.hide_overlays(hidden)
        self._beside.hide_overlays(hidden)

    # Canvases

    def on_drawn(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each time that the main view was drawn; returns what ends that."""
        return adapter.on_drawn(self._viewer, callback)

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Call once the main view was drawn, or soon where it is not seen."""
        if adapter.has_window(self._viewer):
            self._ends.append(adapter.once_drawn(self._viewer, call))
        else:
            call()

    @property
    def companion_widget(self) -> QWidget:
        """The second view, for a dock; it is made when first asked for, and closed with this."""
        if self._second is None:
            self._second = adapter.SecondView(self.companion)
            self._ends.append(self._second.on_resized(self._beside.refit))
            self._beside.fit()
        return self._second.widget

    @property
    def link_basis(self) -> LinkBasis | None:
        """By what the run beside goes with the shown one; None = the subtraction stands there."""
        return self._basis

    def fit(self) -> None:
        """Show both pictures whole."""
        self._main.fit()
        self._beside.fit()

    def refresh(self) -> None:
        """Bring both views up to date with the session; what is equal is not touched."""
        run, session = self._session.run, self._session
        self._pictures.keep_only(one.uid for one in session.runs)
        if run is None:
            self._main.show(None, 0)
            self._beside.show(None, 0)
            return
        scene = scene_of(session, run.uid)
        self._subtraction = self._subtraction and scene.subtracted is not None
        scene = replace(scene, subtraction_shown=self._subtraction)
        self._main.show(scene, session.frame, kind=self._map, extra=self._extra(scene))
        self._refresh_beside(scene)
        self._say(session.frame)

    def close(self) -> None:
        """Leave the viewer as it was, and close the second view."""
        for signal, slot in self._heard:
            signal.disconnect(slot, missing_ok=True)
        self._heard.clear()
        for end in self._ends:
            end()
        self._ends.clear()
        self._viewer.dims.events.current_step.disconnect(self._stepped)
        for event in (self._viewer.dims.events.ndisplay, self._viewer.dims.events.order):
            event.disconnect(self._turned)
        self.mouse.close()
        self._main.close()
        self._beside.close()
        if self._second is not None:
            self._second.close()
            self._second = None
        self._pictures.close()

    def _listen(self) -> None:
        signals = self._session.signals
        for signal, slot in (
            (signals.runs, self.refresh),
            (signals.shown, self._shown),
            (signals.draft, self.refresh),
            (signals.look, self._of_a_run),
            (signals.results, self._of_a_run),
            (signals.frame, self._show_frame),
            (self.pointing.changed, self._placing),
        ):
            signal.connect(slot)
            self._heard.append((signal, slot))
        self._viewer.dims.events.current_step.connect(self._stepped)
        for event in (self._viewer.dims.events.ndisplay, self._viewer.dims.events.order):
            event.connect(self._turned, position="first")  # napari warns of the bar's units

    def _shown(self) -> None:
        self._pointed = ()
        self.pointing.arm(None)
        self.refresh()

    def _of_a_run(self, _uid: str) -> None:
        self.refresh()

    def _show_frame(self, frame: int) -> None:
        """Only what differs from frame to frame: playing comes through here."""
        scene = self._main.scene
        if scene is None or scene.run is not self._session.run:
            return
        self._main.step(frame)
        beside = self._beside.scene
        if beside is not None:
            self._beside.step(self._linked(scene, beside, frame))
        self._say(frame)

    def _linked(self, scene: Scene, beside: Scene, frame: int) -> int:
        if beside.run.uid == scene.run.uid:
            self._basis = None
            return frame
        there, self._basis = linked_frame(scene.run.loop, frame, beside.run.loop)
        return there

    def _refresh_beside(self, scene: Scene) -> None:
        run, frame = self._session.beside, self._session.frame
        if run is not None:
            beside = scene_of(self._session, run.uid)
            self._beside.show(beside, self._linked(scene, beside, frame), of="native")
        elif scene.subtracted is not None:
            self._basis = None
            self._beside.show(replace(scene, subtraction_shown=True), frame, of="subtracted")
        else:
            self._beside.show(None, 0)

    def _extra(self, scene: Scene) -> list[LayerSpec]:
        return on_top(scene, self.pointing, self._pointed)

    def _placing(self) -> None:
        self._pointed = ()
        scene = self._main.scene
        if scene is None:
            return
        extra = self._extra(scene)
        self._main.over(extra)
        self._say(self._session.frame)

    def _say(self, frame: int) -> None:
        scene, beside = self._main.scene, self._beside.scene
        if scene is not None:
            lines = [hud.picture_text(scene, frame)]
            placing = self.pointing.placing
            if not axes.is_flat(self._viewer):
                lines.append(hud.NOT_ONE_FRAME)
            if self._window_told:
                lines.append(self._window_told)
            if placing is not None:
                lines.append(f"> {placing.asks()} (Esc: not now)")
            self._main.say("\n".join(lines))
        if beside is not None and scene is not None:
            there = self._linked(scene, beside, frame)
            self._beside.say(hud.companion_text(beside, there, self._basis))

    def _stepped(self, _event: Any = None) -> None:
        """A person moved napari's own slider."""
        if self._main.board.changing:
            return
        frame = self._main.slider
        if frame is not None and frame != self._session.frame:
            self._session.go_to(frame)

    def _turned(self, _event: Any = None) -> None:
        """A person changed to the 3D display, or turned the axes, or back."""
        self._main.turned()
        self._say(self._session.frame)

    def _windowed(self) -> tuple[Any, tuple[float, float]] | None:
        base = self._main.base()
        return None if base is None else (base, self._main.first_window())

    def _tell_window(self, told: str) -> None:
        self._window_told = told
        self._say(self._session.frame)
