"""What is wrong with a window, as far as a program can see it: cut words, overlaps, complaints."""

from __future__ import annotations

import gc
import logging
import time
import warnings
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QRect
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QScrollBar,
    QSplitterHandle,
    QWidget,
)

if TYPE_CHECKING:
    from types import TracebackType

SLACK_PX = 1
MARK_PX = 18
"""What stands before the words of a check box."""
OF_NAPARI = ("CanvasBackendDesktop", "QtViewer", "_QtMainWindow")
"""Taken away by napari itself, at a time of its own."""
COMPLAINTS = ("inconsistent units", "traceback", "error")


def clipped(part: QWidget) -> list[str]:
    """Words that are cut: of every visible label and button below a widget, one line each."""
    found = []
    for one in part.findChildren(QWidget):
        if not one.isVisible() or not isinstance(
            one, QLabel | QPushButton | QCheckBox | QRadioButton
        ):
            continue
        text = one.text().strip()
        if text and (why := _cut(one)):
            found.append(f"{type(one).__name__} {text[:60]!r}: {why}")
    for box in part.findChildren(QAbstractSpinBox):
        field, text = box.lineEdit(), box.text()
        needed = box.fontMetrics().horizontalAdvance(text)
        if box.isVisible() and field is not None and needed > field.width():
            found.append(f"{box.accessibleName()} {text!r}: {needed} px in {field.width()}")
    return found


def overlapping(part: QWidget) -> list[str]:
    """Visible siblings that lie over each other, one line for each pair."""
    found = []
    for parent in [part, *part.findChildren(QWidget)]:
        if not parent.isVisible():
            continue
        children = [one for one in parent.children() if _laid_out(one)]
        for at, one in enumerate(children):
            for other in children[at + 1 :]:
                both = one.geometry().intersected(other.geometry())
                if both.width() > SLACK_PX and both.height() > SLACK_PX:
                    found.append(f"{_told(one)} and {_told(other)} by {both.size()}")
    return found


def widgets_now() -> set[int]:
    """Top-level widgets that there are, by identity."""
    if QApplication.instance() is None:
        return set()
    return {id(one) for one in QApplication.topLevelWidgets()}


def left_over(before: set[int]) -> list[str]:
    """Widgets that outlive their window, after Qt and Python had time to take them away."""
    end = time.monotonic() + 5.0
    while True:
        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        left = [
            str(one)
            for one in QApplication.topLevelWidgets()
            if id(one) not in before and type(one).__name__ not in OF_NAPARI
        ]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.02)


class Heard(logging.Handler):
    """What the program complained of in the log, in warnings and in napari's messages."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._warned: Any = None

    @property
    def faults(self) -> list[str]:
        """Complaints that a person would have to be told of."""
        return [one for one in self.said if any(word in one.lower() for word in COMPLAINTS)]

    def emit(self, record: logging.LogRecord) -> None:
        """Note what is logged."""
        self.said.append(record.getMessage())

    def __enter__(self) -> Heard:
        from napari.utils.notifications import notification_manager

        logging.getLogger().addHandler(self)
        self._warned = warnings.showwarning
        warnings.showwarning = self._show
        notification_manager.notification_ready.connect(self._notified)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from napari.utils.notifications import notification_manager

        logging.getLogger().removeHandler(self)
        warnings.showwarning = self._warned
        notification_manager.notification_ready.disconnect(self._notified)

    def _show(self, message: Warning | str, *_rest: object, **_named: object) -> None:
        self.said.append(str(message))

    def _notified(self, told: Any) -> None:
        self.said.append(f"{told.severity}: {told.message}")


def _cut(one: Any) -> str:
    """Why not all of its words can be seen; empty where they can."""
    if sideways := _beyond_its_area(one):
        return sideways
    if isinstance(one, QLabel) and one.wordWrap():
        return _cut_wrapped(one)
    words = one.text() if isinstance(one, QLabel) else one.text().replace("&&", "&")
    needed, has = one.fontMetrics().size(0, words), one.size()
    needed_px = needed.width() + (0 if isinstance(one, QLabel | QPushButton) else MARK_PX)
    if needed_px > has.width() + SLACK_PX:
        return f"needs {needed_px} px, has {has.width()}"
    if needed.height() > has.height() + SLACK_PX:
        return f"needs {needed.height()} px of height, has {has.height()}"
    return ""


def _cut_wrapped(one: QLabel) -> str:
    needed, there = one.heightForWidth(one.width()), one.height()
    if needed > there + SLACK_PX:
        return f"needs {needed} px of height, has {there}"
    words = max(one.text().replace("\N{ZERO WIDTH SPACE}", " ").split(), key=len, default="")
    needed = one.fontMetrics().horizontalAdvance(words)
    return f"{words!r} needs {needed} px, has {one.width()}" if needed > one.width() else ""


def _beyond_its_area(one: QWidget) -> str:
    """Whether it reaches out at the side of a scroll area that scrolls up and down alone."""
    parent = one.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    if parent is None:
        return ""
    view = parent.viewport()
    here = QRect(one.mapTo(view, QPoint(0, 0)), one.size())
    if here.left() < -SLACK_PX or here.right() > view.width() + SLACK_PX:
        return f"reaches from {here.left()} to {here.right()} of {view.width()} px"
    return ""


def _laid_out(one: Any) -> bool:
    return (
        isinstance(one, QWidget)
        and one.isVisible()
        and not one.isWindow()
        and not isinstance(one, QScrollBar | QSplitterHandle)
        and one.objectName() not in ("ScrollLeftButton", "ScrollRightButton")
        and not one.objectName().startswith("qt_")
    )


def _told(one: QWidget) -> str:
    text = getattr(one, "text", lambda: "")()
    return f"{type(one).__name__} {text[:40] if isinstance(text, str) else ''!r}"
