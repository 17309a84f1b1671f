"""What a person does and sees in a real window."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from seen import opened

from napari_fluoroinject.model.subtracted import MIDDLE, UNDEFINED
from napari_fluoroinject.viewer import adapter
from napari_fluoroinject.viewer.colormaps import NOT_KNOWN, hex_rgb
from napari_fluoroinject.viewer.stage import Stage

pytestmark = pytest.mark.screen


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """A viewer of 900 x 700 on an analysed run, drawn."""
    from qtpy.QtCore import QCoreApplication, QEvent

    viewer = make_napari_viewer(show=True)
    adapter.main_window(viewer).resize(900, 700)
    stage = Stage(viewer, opened(motion="still"))
    stage.fit()
    qtbot.wait(200)
    yield viewer, stage
    stage.close()
    # napari counts its views right afterwards: the second one must be gone by then
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()


def on_canvas(viewer, row, column, px):
    """Where a pixel of the picture lies on the canvas, in its own pixels (x, y)."""
    width, height = (side(adapter.canvas_widget(viewer)) for side in (_width, _height))
    camera = viewer.scene.camera
    y, x = np.array([row, column]) * px - np.array(camera.center[-2:])
    return round(width / 2 + x * camera.zoom), round(height / 2 + y * camera.zoom)


def _width(widget):
    return widget.width()


def _height(widget):
    return widget.height()


def drag(qtbot, widget, *places):
    from qtpy.QtCore import QPoint, Qt

    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(widget, button, pos=QPoint(*places[0]))
    for place in places[1:]:
        qtbot.wait(30)  # vispy leaves out moves that come faster
        send_move(widget, place)
    qtbot.mouseRelease(widget, button, pos=QPoint(*places[-1]))


def send_move(widget, place):
    """A move with the button held: qtbot's own moves hold none."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    at = QPointF(*place)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        QPointF(widget.mapToGlobal(at.toPoint())),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def test_two_clicks_place_the_needle_where_they_were_and_the_picture_stays(window, qtbot):
    from qtpy.QtCore import QPoint, Qt

    viewer, stage = window
    session, px = stage._session, stage._session.run.loop.mm_per_px
    canvas, camera = adapter.canvas_widget(viewer), viewer.scene.camera.center
    session.place_needle(None)
    stage.arm("needle")
    assert stage.armed == "needle"
    for spot in ((20, 30), (60, 70)):
        place = QPoint(*on_canvas(viewer, *spot, px))
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert stage.armed is None
    needle = session.annotation.needle
    np.testing.assert_allclose([needle.hub_px, needle.tip_px], [(20, 30), (60, 70)], atol=0.5)
    np.testing.assert_allclose(viewer.scene.camera.center, camera)


def test_a_placed_target_is_dragged_and_beside_it_the_picture(window, qtbot):
    viewer, stage = window
    session, px = stage._session, stage._session.run.loop.mm_per_px
    canvas, camera = adapter.canvas_widget(viewer), np.array(viewer.scene.camera.center)
    scene = stage._main.scene
    start = scene.to_picture(session.annotation.target_px, 0)
    spots = [on_canvas(viewer, *spot, px) for spot in (start, (30, 31), (20, 21))]
    drag(qtbot, canvas, *spots)
    moved = scene.to_picture(session.annotation.target_px, 0)
    np.testing.assert_allclose(moved, (20, 21), atol=0.5)
    np.testing.assert_allclose(viewer.scene.camera.center, camera)
    assert session.undo() == "place the target"
    assert viewer.scene.camera.mouse_pan
    drag(qtbot, canvas, *[on_canvas(viewer, *spot, px) for spot in ((90, 10), (85, 15), (80, 20))])
    assert np.abs(np.array(viewer.scene.camera.center) - camera).max() > 1


def test_holding_w_and_dragging_changes_window_and_level(window, qtbot):
    viewer, stage = window
    canvas = adapter.canvas_widget(viewer)
    layer, camera = viewer.layers["AP 1 · native"], viewer.scene.camera.center
    low, high = layer.contrast_limits
    stage.mouse.hold_window()
    drag(qtbot, canvas, (300, 300), (350, 300), (400, 260))
    assert "window" in viewer.canvas.overlays.text.text
    stage.mouse.free_window()
    assert "window" not in viewer.canvas.overlays.text.text
    new_low, new_high = layer.contrast_limits
    assert new_high - new_low > high - low
    assert new_low + new_high > low + high
    np.testing.assert_allclose(viewer.scene.camera.center, camera)
    stage.mouse.hold_window()
    stage.mouse.free_window()
    stage.mouse.hold_window()
    stage.mouse.free_window()
    assert tuple(layer.contrast_limits) == (low, high)


def test_a_map_is_transparent_where_it_is_undefined(window, qtbot):
    viewer, stage = window
    session = stage._session
    stage.show_map("arrival")
    session.go_to(15)
    report = session.report
    values, region = report.maps.arrival_s, report.maps.region
    holes = np.array(values)
    rows, columns = np.nonzero(region & np.isfinite(values))
    row, column = int(np.median(rows)), int(np.median(columns[rows == int(np.median(rows))]))
    holes[row - 3 : row + 4, column - 3 : column + 4] = np.nan
    analysed = session.analysed
    maps = replace(report.maps, arrival_s=holes)
    for layer in viewer.layers:
        layer.visible = layer.name == "AP 1 · native"
    qtbot.wait(100)
    bare = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    session.put_report(session.run.uid, replace(analysed, report=replace(report, maps=maps)))
    for layer in viewer.layers:
        layer.visible = layer.name in ("AP 1 · native", "AP 1 · arrival time")
    qtbot.wait(100)
    seen = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    px = session.run.loop.mm_per_px
    spots = {"hole": (row, column), "outside": (90, 90)}
    known = np.isfinite(holes) & region
    inside = np.argwhere(known)[len(np.argwhere(known)) // 2]
    for spot in spots.values():
        x, y = on_canvas(viewer, *spot, px)
        np.testing.assert_array_equal(seen[y, x], bare[y, x])
    x, y = on_canvas(viewer, *inside, px)
    assert np.ptp(bare[y, x]) == 0
    assert np.ptp(seen[y, x]) > 20


def test_what_a_subtraction_does_not_know_is_neither_black_nor_grey(window, qtbot):
    viewer, stage = window
    session = stage._session
    stored = np.array(session.subtracted.stored)
    stored[:, 10:20, 10:20] = UNDEFINED
    stored[:, 30:40, 10:20] = UNDEFINED + 1  # the densest contrast
    stored[:, 50:60, 10:20] = MIDDLE
    session.put_subtraction(session.run.uid, replace(session.subtracted, stored=stored))
    stage.toggle_subtraction()
    stage.hide_overlays(True)
    qtbot.wait(200)
    seen = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    px = session.run.loop.mm_per_px
    at = {row: seen[on_canvas(viewer, row, 15, px)[::-1]] for row in (15, 35, 55)}
    np.testing.assert_allclose(at[15], np.array(hex_rgb(NOT_KNOWN)) * 255, atol=3)
    np.testing.assert_allclose(at[35], 0, atol=3)
    np.testing.assert_allclose(at[55], 127, atol=6)
    assert "blue: nothing known there" in viewer.canvas.overlays.text.text


def test_every_drawing_is_told_until_nobody_asks(window, qtbot):
    _, stage = window
    drawn = []
    end = stage.on_drawn(lambda: drawn.append(1))
    stage._session.go_to(3)
    qtbot.waitUntil(lambda: bool(drawn), timeout=10_000)
    end()
    drawn.clear()
    stage._session.go_to(4)
    qtbot.wait(200)
    assert drawn == []


def test_the_companion_has_its_own_zoom_and_goes_with_the_stage(window, qtbot):
    viewer, stage = window
    viewer.window.add_dock_widget(stage.companion_widget, name="Companion")
    qtbot.wait(200)
    zoom = stage.companion.scene.camera.zoom
    viewer.scene.camera.zoom *= 3
    assert stage.companion.scene.camera.zoom == zoom
    stage._session.go_to(9)
    assert stage.companion.dims.current_step[0] == 9
    viewer.window.remove_dock_widget(stage.companion_widget)


def test_napari_s_own_docks_can_be_hidden_and_shown(window):
    viewer, _ = window
    adapter.show_own_docks(viewer, False)
    assert not adapter.own_docks_shown(viewer)
    adapter.show_own_docks(viewer, True)
    assert adapter.own_docks_shown(viewer)
