"""A person's hand at the viewer's window: it clicks, types and drags real widgets, and waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QRadioButton,
    QScrollArea,
    QWidget,
)

from napari_fluoroinject.viewer.adapter import canvas_widget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.bench import StepKey
    from napari_fluoroinject.viewer.workspace import Workspace

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PATIENCE_S = 180.0


class Hand:
    """Works a window as a person does: whatever it cannot see or reach, it does not do.

    Parameters
    ----------
    place
        The workspace of the window.
    """

    def __init__(self, place: Workspace) -> None:
        self.place = place

    # Widgets

    def step(self, key: StepKey) -> Any:
        """Click a step's button; its page."""
        self.click(self.place.dock.steps.button(key))
        assert self.place.dock.step == key
        return self.place.dock.page(key)

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        """Scroll to a widget that can be used, and click it in its middle, or at a place."""
        self.reach(widget)
        if at is None and isinstance(widget, QCheckBox | QRadioButton):
            at = QPoint(10, widget.height() // 2)  # the box stands at its left
        where = widget.rect().center() if at is None else at
        QTest.mouseClick(widget, LEFT, NO_KEYS, where)
        self.look()

    def type(self, field: QWidget, words: str, *, end: Qt.Key | None = Qt.Key.Key_Return) -> None:
        """Click into a field, replace what stands there, and press a key."""
        self.click(field)
        field.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(field, words)
        if end is not None:
            QTest.keyClick(field, end)
        self.look()

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NO_KEYS, *, on: QWidget) -> None:
        """Press a key on a widget."""
        QTest.keyClick(on, key, keys)
        self.look()

    def choose(self, box: QComboBox, words: str) -> None:
        """Open a list of choices, go to one with the arrow keys, and take it."""
        at = box.findText(words)
        assert at >= 0, f"{words} is not offered: {[box.itemText(n) for n in range(box.count())]}"
        self.reach(box)
        box.setFocus(Qt.FocusReason.TabFocusReason)
        box.showPopup()
        self.look()
        view = box.view()
        QTest.keyClick(view, Qt.Key.Key_Home)
        for _ in range(at):
            QTest.keyClick(view, Qt.Key.Key_Down)
        QTest.keyClick(view, Qt.Key.Key_Return)
        self.look()
        assert box.currentText() == words

    def drop(self, widget: QWidget, path: Path) -> None:
        """Drop a file or a folder, as a file manager does."""
        self.reach(widget)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        where, copy = widget.rect().center(), Qt.DropAction.CopyAction
        QApplication.sendEvent(widget, QDragEnterEvent(where, copy, data, LEFT, NO_KEYS))
        QApplication.sendEvent(widget, QDropEvent(QPointF(where), copy, data, LEFT, NO_KEYS))
        self.look()

    def reach(self, widget: QWidget) -> None:
        """Scroll until a widget is in sight, and be sure that it can be used."""
        self.look()
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget, 0, 20)
            parent = parent.parentWidget()
        self.look()
        assert widget.isVisible(), f"{_name(widget)} is not in the window"
        assert widget.isEnabled(), f"{_name(widget)} cannot be used now"

    # The picture

    def at(self, point: Point) -> QPoint:
        """Where a pixel (row, column) of the shown frame lies on the canvas."""
        viewer, canvas = self.place.viewer, canvas_widget(self.place.viewer)
        px = self.world_px()
        camera = viewer.scene.camera
        centre_y, centre_x = camera.center[-2:]
        zoom = float(camera.zoom)
        x = canvas.width() / 2 + (point[1] * px - centre_x) * zoom
        y = canvas.height() / 2 + (point[0] * px - centre_y) * zoom
        return QPoint(round(x), round(y))

    def world_px(self) -> float:
        """The side of a pixel of the shown run, as the viewer measures: millimetres, or 1."""
        run = self.place.session.run
        return 1.0 if run is None else run.loop.mm_per_px or 1.0

    def click_picture(self, point: Point) -> None:
        """Move to a pixel of the shown frame, and click it."""
        canvas, where = canvas_widget(self.place.viewer), self.at(point)
        assert canvas.rect().contains(where), f"{point} is outside the canvas"
        self._mouse(canvas, QEvent.Type.MouseMove, where, pressed=False)
        QTest.mouseClick(canvas, LEFT, NO_KEYS, where)
        self.look()

    def press_in_picture(self, key: Qt.Key) -> None:
        """Press a key with the mouse over the picture."""
        canvas = canvas_widget(self.place.viewer)
        canvas.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClick(canvas, key)
        self.look()

    def drag(
        self, widget: QWidget, start: QPoint, end: QPoint, keys: Qt.KeyboardModifier = NO_KEYS
    ) -> None:
        """Press, move in steps, and let go."""
        self._mouse(widget, QEvent.Type.MouseMove, start, pressed=False, keys=keys)
        self._mouse(widget, QEvent.Type.MouseButtonPress, start, keys=keys)
        for part in range(1, 9):
            where = start + (end - start) * (part / 8)
            self._mouse(widget, QEvent.Type.MouseMove, where, keys=keys)
            self.look()
        self._mouse(widget, QEvent.Type.MouseButtonRelease, end, pressed=False, keys=keys)
        self.look()

    def _mouse(
        self,
        widget: QWidget,
        kind: QEvent.Type,
        where: QPoint,
        *,
        pressed: bool = True,
        keys: Qt.KeyboardModifier = NO_KEYS,
    ) -> None:
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
        held = LEFT if pressed else Qt.MouseButton.NoButton
        there = QPointF(widget.mapToGlobal(where))
        QApplication.sendEvent(
            widget, QMouseEvent(kind, QPointF(where), there, button, held, keys)
        )

    # Waiting

    def look(self) -> None:
        """Let the window do what is due."""
        for _ in range(3):
            QApplication.processEvents()

    def until(
        self, condition: Callable[[], object], what: str, *, within_s: float = PATIENCE_S
    ) -> float:
        """Wait until something is seen; how long that took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within_s, f"not seen in {within_s:.0f} s: {what}"
            QTest.qWait(20)
        return time.monotonic() - began

    def idle(self) -> None:
        """Wait until no work runs, and what it came to is shown."""
        self.until(lambda: not self.place.jobs.running, "the end of all work")
        QTest.qWait(60)


def _name(widget: QWidget) -> str:
    return widget.accessibleName() or type(widget).__name__
