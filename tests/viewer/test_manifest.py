"""The manifest: everything that it names is there, and napari takes it."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from typing import get_args

import pytest
from npe2 import PluginManifest

from napari_fluoroinject.settings import Device
from napari_fluoroinject.settings.network import ListenSettings
from napari_fluoroinject.viewer.bench import STEPS

MANIFEST = PluginManifest.from_distribution("napari-fluoroinject")
OFFERED = MANIFEST.contributions
COMMANDS = {one.id: one for one in OFFERED.commands}


def called(name):
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.qt
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_names_something_to_call_that_tells_what_it_does(command, qapp):
    found = called(command.python_name)
    assert callable(found)
    assert inspect.getdoc(found)


def test_every_step_has_a_command():
    assert {f"napari-fluoroinject.step.{one}" for one in STEPS} <= COMMANDS.keys()


@pytest.mark.qt
def test_every_command_of_the_dock_is_in_the_manifest(qapp):
    from napari_fluoroinject.viewer import widgets

    named = {one.python_name.partition(":")[2] for one in COMMANDS.values()}
    public = {
        name
        for name, one in vars(widgets).items()
        if not name.startswith("_") and getattr(one, "__module__", "") == widgets.__name__
    }
    assert public - named - {"open_workspace"} == set()


def test_every_menu_is_one_that_napari_lets_plugins_add_to():
    from napari._app_model.constants._menus import is_menu_contributable

    assert "napari/file/acquire" in OFFERED.menus
    assert [one for one in OFFERED.menus if not is_menu_contributable(one)] == []


def test_no_two_commands_have_one_title():
    titles = [one.title for one in COMMANDS.values()]
    assert len(set(titles)) == len(titles)


def test_preferences_offer_what_the_settings_take():
    pages = {key: page.properties for key, page in OFFERED.configurations.items()}
    assert pages["processing"]["device"].enum == list(get_args(Device))
    assert pages["receiver"]["port"].default == ListenSettings().port
    assert all(one.title and one.description for page in pages.values() for one in page.values())


@pytest.mark.qt
def test_preferences_are_those_that_are_read(qapp):
    from napari_fluoroinject.viewer.preferences import Preferences, read_preferences

    pages = {
        key: {name: one.default for name, one in page.properties.items()}
        for key, page in OFFERED.configurations.items()
    }
    read, faults = read_preferences(pages)
    assert faults == ()
    assert read == Preferences(receiver_port=ListenSettings().port)
    filled = {page: dict.fromkeys(names, "said") for page, names in pages.items()}
    filled["receiver"]["port"], filled["processing"]["device"] = 104, "cpu"
    read, _ = read_preferences(filled)
    assert "" not in (read.pacs_url, read.receiver_ae_title, read.results_folder, read.operator)


def test_napari_knows_the_plugin_without_a_screen():
    code = (
        "import npe2; manager = npe2.PluginManager.instance(); manager.discover(); "
        "print(manager.get_manifest('napari-fluoroinject').display_name)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout.strip() == "FluoroInject"
