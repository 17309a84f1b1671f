"""The clinical layout, and the end of a window."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QMainWindow, QWidget

from napari_fluoroinject.viewer.layout import OF_NAPARI, Layout
from napari_fluoroinject.viewer.window_end import WindowEnd

pytestmark = pytest.mark.qt
LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


def docked(window, name, area):
    dock = QDockWidget(name, window)
    dock.setObjectName(name)
    dock.setWidget(QLabel(name))
    window.addDockWidget(area, dock)
    return dock


@pytest.fixture
def window(qtbot):
    made = QMainWindow()
    centre = QWidget()
    QHBoxLayout(centre).addWidget(QLabel("picture"))
    made.setCentralWidget(centre)
    for name in OF_NAPARI:
        docked(made, name, LEFT)
    docked(made, "somebody else's", LEFT)
    qtbot.addWidget(made)
    return made


def state(window):
    docks = sorted(window.findChildren(QDockWidget), key=QDockWidget.objectName)
    return (
        [(dock.objectName(), dock.isHidden()) for dock in docks],
        window.corner(Qt.Corner.BottomRightCorner),
        window.centralWidget().layout().count(),
    )


def test_the_way_back_leads_to_what_the_window_was(window, qtbot):
    steps, strip = docked(window, "steps", RIGHT), docked(window, "strip", BOTTOM)
    before = state(window)
    companion = QLabel("companion")
    qtbot.addWidget(companion)
    layout = Layout(window, companion)
    layout.apply(steps, strip)
    assert layout.applied
    assert state(window) != before
    assert not layout.panels_shown
    layout.restore()
    assert state(window) == before
    assert companion.parent() is None


def test_panels_that_were_hidden_before_stay_hidden_after(window, qtbot):
    window.findChild(QDockWidget, OF_NAPARI[0]).hide()
    companion = QLabel("companion")
    qtbot.addWidget(companion)
    layout = Layout(window, companion)
    before = state(window)[0]
    layout.apply(docked(window, "steps", RIGHT), docked(window, "strip", BOTTOM))
    layout.restore()
    assert state(window)[0][: len(before)] == before


def test_docks_of_others_are_left_alone(window, qtbot):
    other = window.findChild(QDockWidget, "somebody else's")
    companion = QLabel("companion")
    qtbot.addWidget(companion)
    Layout(window, companion).apply(docked(window, "s", RIGHT), docked(window, "t", BOTTOM))
    assert not other.isHidden()
    companion.setParent(None)


class Refusing(QMainWindow):
    def __init__(self):
        super().__init__()
        self.refuses = True

    def closeEvent(self, event):  # noqa: N802 - Qt's name
        event.setAccepted(not self.refuses)


def test_the_end_of_a_window_is_told_once_it_really_closes(qtbot):
    window, told = Refusing(), []
    qtbot.addWidget(window)
    end = WindowEnd(
        window,
        asked=lambda: told.append("asked"),
        stays=lambda: told.append("stays"),
        ended=lambda: told.append("ended"),
    )
    window.show()
    window.close()
    qtbot.waitUntil(lambda: told == ["asked", "stays"])
    window.hide()
    window.show()
    assert told == ["asked", "stays"]
    window.refuses = False
    window.close()
    assert told == ["asked", "stays", "asked", "ended"]
    end.release()
