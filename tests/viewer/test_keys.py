"""The table of keys: no clash, bound and given back, and a page that is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from napari_fluoroinject.viewer.actions import actions
from napari_fluoroinject.viewer.keys import KEYS, NAPARIS, OURS, bind, key_of, page, tip

PAGE = Path(__file__).resolve().parents[2] / "docs" / "keys.md"


def press(model, key, *, layer=None):
    """Press and release a key as napari's window does, with a layer selected."""
    from napari.utils.key_bindings import KeymapHandler

    handler = KeymapHandler()
    handler.keymap_providers = [one for one in (layer, model) if one is not None]
    found = handler.press_key(key)
    yield found
    handler.release_key(key)
    yield found


def tap(model, key, *, layer=None):
    return next(press(model, key, layer=layer))


@pytest.fixture
def model():
    from napari.components import ViewerModel

    return ViewerModel()


def test_no_key_and_no_action_stands_twice_in_the_table():
    assert len({one.key for one in KEYS}) == len(KEYS)
    assert len({one.action for one in KEYS}) == len(KEYS)


def test_no_key_of_naparis_is_taken():
    assert {one.key for one in KEYS} & set(NAPARIS) == set()


def test_no_default_of_this_napari_is_taken_but_for_marking(model):
    from napari.utils.key_bindings import coerce_keybinding
    from napari.utils.shortcuts import _default_shortcuts

    theirs = {
        str(coerce_keybinding(key)): name
        for name, keys in _default_shortcuts.items()
        for key in keys
    }
    taken = {key.key: theirs[key.key] for key in KEYS if key.key in theirs}
    # Both belong to drawing in layers of shapes and points; on ours they do the same for marks.
    assert set(taken) <= {"Escape", "Delete", "Enter"}
    drawing = ("polygon", "finish_drawing", "selected_points", "selected_shapes")
    assert all(any(one in name for one in drawing) for name in taken.values()), taken
    assert {str(one) for one in model.class_keymap} & {key.key for key in KEYS} == set()


def test_a_bound_key_calls_its_action(model):
    called = []
    actions = {one.action: (lambda name=one.action: called.append(name)) for one in KEYS}
    for one in KEYS:
        if one.hold:
            actions[one.action] = lambda down, name=one.action: called.append((name, down))
    with bind(model, actions):
        for one in KEYS:
            called.clear()
            assert tap(model, one.key)
            name = one.action
            assert called == ([(name, True)] if one.hold else [name])


def test_every_key_of_the_table_has_an_action_and_every_action_a_key():
    parts = (MagicMock() for _ in range(4))
    assert set(actions(*parts)) == {one.action for one in KEYS}


def test_a_held_key_acts_until_it_comes_up(model):
    called = []
    with bind(model, {"hide": called.append}):
        steps = press(model, "H")
        next(steps)
        assert called == [True]
        next(steps)
        assert called == [True, False]


def test_an_action_that_no_key_has_is_refused(model):
    with pytest.raises(KeyError, match="no_such"):
        bind(model, {"no_such": lambda: None})


def test_closing_gives_every_key_back(model):
    called = []
    model.bind_key("N", lambda _viewer: called.append("theirs"))
    layer = model.add_points(np.zeros((1, 2)), metadata={OURS: "tip"})
    with bind(model, {"needle": lambda: called.append("ours"), "remove": lambda: None}):
        tap(model, "N")
    assert not layer.keymap
    tap(model, "N")
    assert called == ["ours", "theirs"]


def test_a_key_that_somebody_took_meanwhile_is_theirs(model):
    with bind(model, {"target": lambda: None}):
        model.bind_key("G", lambda _viewer: None, overwrite=True)
    assert "G" not in {str(one) for one in model.keymap}


@pytest.mark.parametrize("early", [True, False])
def test_our_layers_do_not_take_delete_for_themselves(model, early):
    called = []

    def add():
        return model.add_points(np.zeros((1, 2)), metadata={OURS: "tip"})

    layer = add() if early else None
    with bind(model, {"remove": lambda: called.append("remove")}):
        layer = layer or add()
        layer.selected_data = {0}
        tap(model, "Delete", layer=layer)
    assert called == ["remove"]
    assert len(layer.data) == 1


def test_layers_of_other_people_keep_their_keys(model):
    layer = model.add_points(np.zeros((1, 2)))
    with bind(model, {"remove": lambda: None}):
        assert not layer.keymap


def test_layers_of_labels_keep_their_undo(model):
    layer = model.add_labels(np.zeros((4, 4), int), metadata={OURS: "extent"})
    with bind(model, {"undo": lambda: None, "remove": lambda: None}):
        assert {str(one) for one in layer.keymap} == {"Delete"}


@pytest.mark.screen
def test_a_text_field_keeps_its_keys(make_napari_viewer_proxy, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

    viewer, called = make_napari_viewer_proxy(show=True), []
    dock = QWidget()
    column = QVBoxLayout(dock)
    field, button = QLineEdit(), QPushButton("x")
    column.addWidget(field)
    column.addWidget(button)
    viewer.window.add_dock_widget(dock)
    dock.window().activateWindow()
    actions = {
        name: (lambda name=name: called.append(name)) for name in ("needle", "undo", "step_2")
    }
    with bind(viewer, actions):
        field.setFocus()
        qtbot.waitUntil(field.hasFocus)
        QTest.keyClicks(field, "nn")
        QTest.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert called == []
        assert field.text() != "nn"
        QTest.keyClick(field, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
        assert called == ["step_2"]
        button.setFocus()
        qtbot.waitUntil(button.hasFocus)
        QTest.keyClick(button, Qt.Key.Key_N)
        assert called == ["step_2", "needle"]


def test_tooltips_name_the_key():
    assert tip("Play or stop", "play") == "Play or stop (K)"
    assert tip("Hide", "hide") == "Hide (hold H)"
    assert key_of("play").command == "napari-fluoroinject.play"


def test_the_page_of_keys_is_current():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_table_is_read_without_napari_or_qt():
    code = (
        "import sys, napari_fluoroinject.viewer.keys; "
        "print([m for m in ('napari', 'qtpy', 'PyQt6', 'PySide6') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
