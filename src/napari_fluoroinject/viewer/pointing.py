"""Clicks in the picture become marks in the session; nothing here knows of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_fluoroinject.model.annotation import Mark, NeedleTrajectory
from napari_fluoroinject.viewer import grips
from napari_fluoroinject.viewer.axes import NOT_FLAT
from napari_fluoroinject.viewer.placing import CURVE, MARK, NEEDLE, TARGET, Placing, placing

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.grips import Grip
    from napari_fluoroinject.viewer.scene import Scene
    from napari_fluoroinject.viewer.session import Session


class Pointing:
    """What the mouse is doing to the marks.

    Points come in the picture of the shown frame, in pixels; what was clicked so far is kept in
    the reference pose, so that stepping to another frame between two clicks changes nothing.

    Parameters
    ----------
    session
        What is changed.
    scene
        Returns the run that is shown, as it is shown; None = none.

    Attributes
    ----------
    placing
        What is being placed; None = nothing.
    mouse_px
        Where the mouse is, in the reference pose; None = not over the picture.
    changed
        Emitted when what is being placed has changed.
    asked
        Emitted with the place, in the reference pose, whose curve somebody asked for.
    """

    changed = Signal()
    asked = Signal(object)

    def __init__(self, session: Session, scene: Callable[[], Scene | None]) -> None:
        self._session = session
        self._scene = scene
        self.placing: Placing | None = None
        self.mouse_px: Point | None = None
        self._grip: Grip | None = None
        self._dragged = False

    @property
    def dragging(self) -> bool:
        """Whether a placed point is held."""
        return self._grip is not None

    def arm(self, tool: str | None) -> None:
        """Let the next clicks place this; None = nothing."""
        scene = self._scene()
        self.mouse_px = None
        self.placing = None
        if tool is not None and scene is None:
            self._tell("No run is shown; load one first, then mark in it.")
        elif tool is not None and scene is not None:
            self.placing = placing(tool, scene.procedure)
            if self.placing is None:
                self._tell(f"{scene.procedure.name} asks for no such landmark: {tool}.")
        self.changed.emit()

    def press(self, point: Point, *, reach_px: float) -> bool:
        """Take a click, or take hold of the placed point within reach; returns whether it did."""
        scene = self._scene()
        if scene is None:
            return False
        if self.placing is None:
            self._grip = grips.nearest(scene, self._session.frame, point, reach_px=reach_px)
            self._dragged = False
            return self._grip is not None
        if not inside(point, scene):
            self._tell("That click was outside the picture; click inside it.")
            return True
        there = grips.tidy(scene.to_reference(point, self._session.frame))
        self._go_on(self.placing.click(there))
        return True

    def miss(self) -> None:
        """Say that a click meant a pixel of no single frame, if anything was to be placed."""
        if self.placing is not None:
            self._tell(NOT_FLAT)

    def drag(self, point: Point) -> None:
        """Move the held point; the whole drag is one step that can be undone."""
        scene = self._scene()
        if self._grip is None or scene is None or not inside(point, scene):
            return
        grips.move(self._session, scene, self._grip, point, amend=self._dragged)
        self._dragged = True

    def release(self) -> None:
        """Let go of the held point."""
        self._grip = None

    def hover(self, point: Point) -> None:
        """Say where the mouse is, for the line from the last click to it."""
        scene = self._scene()
        if scene is None or self.placing is None or not self.placing.points_px:
            return
        self.mouse_px = scene.to_reference(point, self._session.frame)
        self.changed.emit()

    def end(self) -> None:
        """Say that no further point of the landmark follows."""
        if self.placing is None:
            return
        if not self.placing.may_end and self.placing.kind is not None:
            self._tell(f"More points are needed: {self.placing.asks()}.")
        self._go_on(self.placing.end())

    def back(self) -> None:
        """Take the last click back; without one, nothing is placed any more."""
        if self.placing is None:
            return
        if self.placing.points_px:
            self.placing = self.placing.back()
            self.changed.emit()
        else:
            self.cancel()

    def cancel(self) -> None:
        """Place nothing; a drag is taken back."""
        if self._grip is not None and self._dragged:
            self._session.undo()
        self._grip = None
        self.arm(None)

    def _go_on(self, placing: Placing) -> None:
        self.placing = placing
        if placing.complete:
            self.placing, self.mouse_px = None, None
            self._place(placing)
        self.changed.emit()
        if placing.complete and placing.tool == CURVE:
            self.asked.emit(placing.points_px[0])

    def _place(self, placing: Placing) -> None:
        scene, session = self._scene(), self._session
        if scene is None:
            return
        if placing.tool == NEEDLE:
            hub, tip = (self._taken(scene, point) for point in placing.points_px)
            session.place_needle(NeedleTrajectory(hub_px=hub, tip_px=tip, frame=session.frame))
        elif placing.tool.startswith(MARK):
            landmark = placing.tool.removeprefix(MARK)
            before = session.annotation.mark(landmark)
            session.place_mark(
                Mark(
                    landmark=landmark,
                    points_px=placing.points,
                    beyond_px=placing.far_point,
                    level=None if before is None else before.level,
                )
            )
        elif placing.tool == TARGET:
            session.place_target(placing.points_px[0])

    def _taken(self, scene: Scene, point: Point) -> Point:
        """Where a point of the reference pose stands in the shown frame, as it was taken."""
        if scene.motion is None:
            return point
        return grips.tidy(scene.motion.in_frame(point, self._session.frame))

    def _tell(self, sentence: str) -> None:
        self._session.signals.notice.emit(sentence)


def inside(point: Point, scene: Scene) -> bool:
    """Return whether a point lies on a pixel."""
    _, rows, columns = scene.run.loop.shape
    return -0.5 <= point[0] <= rows - 0.5 and -0.5 <= point[1] <= columns - 0.5
