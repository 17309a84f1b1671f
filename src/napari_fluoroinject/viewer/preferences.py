"""napari's preferences page laid under the site's settings file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_fluoroinject.settings import Defaults, Device, Settings
from napari_fluoroinject.settings.network import Endpoint, ListenSettings
from napari_fluoroinject.viewer.places import data_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

PLUGIN = "napari-fluoroinject"
_DEVICES: tuple[Device, ...] = get_args(Device)
PACS_NAME = "pacs"
"""The name of the endpoint that the preferences tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What one person set in napari; empty or None = not said.

    `pacs_url` is `pacs://OUR-TITLE:THEIR-TITLE@host:port`.
    """

    pacs_url: str = ""
    receiver_ae_title: str = ""
    receiver_port: int | None = None
    receiver_spool: str = ""
    device: Device = "auto"
    results_folder: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """What a viewer works with; `faults` are preferences that were left out, and why."""

    settings: Settings
    results: Path
    operator: str
    faults: tuple[str, ...] = ()


def read_preferences(
    pages: Mapping[str, Mapping[str, Any]],
) -> tuple[Preferences, tuple[str, ...]]:
    """Read the pages of the preferences by their names in the manifest; return the faults, too.

    What is of another kind than expected is left out, and said.
    """
    faults: list[str] = []

    def told(page: str, name: str, kind: type[Any]) -> Any:
        value = pages.get(page, {}).get(name)
        if value is None or isinstance(value, kind):
            return value
        faults.append(f"preference {page}.{name}: seen {value!r}; expected {kind.__name__}")
        return None

    wish = told("processing", "device", str) or "auto"
    device: Device = wish if wish in _DEVICES else "auto"
    if device != wish:
        expected = ", ".join(_DEVICES)
        faults.append(f"preference processing.device: seen {wish!r}; expected {expected}")
    preferences = Preferences(
        pacs_url=(told("pacs", "url", str) or "").strip(),
        receiver_ae_title=(told("receiver", "ae_title", str) or "").strip(),
        receiver_port=told("receiver", "port", int),
        receiver_spool=(told("receiver", "spool", str) or "").strip(),
        device=device,
        results_folder=(told("results", "folder", str) or "").strip(),
        operator=(told("operator", "name", str) or "").strip(),
    )
    return preferences, tuple(faults)


def lay_under(settings: Settings, preferences: Preferences) -> Setup:
    """Return the set-up: the file wins, the preferences fill in what it leaves at its default.

    A site's file is set up by whoever answers for the network, and the command line obeys it,
    too; one person's preferences add to it and change nothing of it. The receiver's spool and the
    results never lie in the current folder, which is anywhere when napari is started from a menu:
    where nobody said where, they lie in the user's data folder.
    """
    faults: list[str] = []
    endpoints = dict(settings.endpoints)
    if preferences.pacs_url and PACS_NAME not in endpoints:
        try:
            endpoints[PACS_NAME] = Endpoint(url=preferences.pacs_url)
        except ValueError as error:
            faults.append(f"preference pacs.{error}")
    listen = settings.listen
    try:
        listen = _receiver(settings.listen, preferences)
    except ValueError as error:
        faults.append(f"preference receiver.{error}")
    folder = preferences.results_folder
    return Setup(
        settings=replace(
            settings,
            endpoints=endpoints,
            listen=_kept_apart(listen),
            defaults=_device(settings.defaults, preferences.device),
        ),
        results=_absolute(folder) if folder else data_folder() / "results",
        operator=preferences.operator,
        faults=tuple(faults),
    )


def napari_pages() -> Mapping[str, Mapping[str, Any]]:
    """The preferences of this plugin as napari holds them; none where it knows no such plugin."""
    from napari.settings import get_plugin_settings

    try:
        pages: Mapping[str, Mapping[str, Any]] = get_plugin_settings(PLUGIN).model_dump()
    except KeyError:  # not installed as a plugin: a checkout that is only imported
        log.debug("napari holds no preferences of %s", PLUGIN)
        return {}
    return pages


def _receiver(listen: ListenSettings, preferences: Preferences) -> ListenSettings:
    usual = ListenSettings()
    said: dict[str, Any] = {}
    if preferences.receiver_ae_title and listen.ae_title == usual.ae_title:
        said["ae_title"] = preferences.receiver_ae_title
    if preferences.receiver_port is not None and listen.port == usual.port:
        said["port"] = preferences.receiver_port
    if preferences.receiver_spool and listen.spool == usual.spool:
        said["spool"] = _absolute(preferences.receiver_spool)
    return replace(listen, **said)


def _kept_apart(listen: ListenSettings) -> ListenSettings:
    if listen.spool != ListenSettings().spool:
        return listen
    return replace(listen, spool=data_folder() / "spool")


def _device(defaults: Defaults, device: Device) -> Defaults:
    return defaults if defaults.on != Defaults().on else replace(defaults, on=device)


def _absolute(folder: str) -> Path:
    """A relative path begins at home."""
    return Path.home() / Path(folder).expanduser()
