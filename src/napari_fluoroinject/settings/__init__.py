"""What a site sets up once, from `fluoroinject.toml`: named endpoints and defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from napari_fluoroinject.errors import SettingsError
from napari_fluoroinject.settings.batch import BatchSettings
from napari_fluoroinject.settings.live import LiveSettings
from napari_fluoroinject.settings.network import Endpoint, ListenSettings, ServiceSettings
from napari_fluoroinject.settings.table import read_table, table_faults
from napari_fluoroinject.settings.table import unknown_keys as _unknown

FILE_NAME = "fluoroinject.toml"
ENVIRONMENT = "FLUOROINJECT_CONFIG"
"""Names the settings file where no path is given."""

Device = Literal["auto", "cpu", "cuda"]
Decoder = Literal["auto", "cpu", "nvimgcodec"]
SegProfile = Literal["strict", "viewer"]
ReportClass = Literal["comprehensive", "comprehensive3d"]

_DOSES = ("kap_p75_gycm2", "time_p75_s", "kerma_p75_mgy")
"""A site's own 75th percentiles of a procedure: kerma-area product, fluoroscopy time, air kerma at
the reference point."""

_TABLES = ("endpoints", "defaults", "batch", "dose", "listen", "live", "service")
_CHOICES = {
    "on": get_args(Device),
    "decoder": get_args(Decoder),
    "seg_profile": get_args(SegProfile),
    "report_class": get_args(ReportClass),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What `analyze` uses where the command line says nothing; `procedure` None = `generic`.

    `procedures` is a folder with the site's own, which add to those that ship or take their place;
    `codes` a file with its codes, `also` what is written beside the usual objects, with blanks
    between.
    """

    procedure: str | None = None
    procedures: str | None = None
    on: Device = "auto"
    decoder: Decoder = "auto"
    seg_profile: SegProfile = "strict"
    report_class: ReportClass = "comprehensive"
    codes: str | None = None
    also: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """Endpoints by name, defaults, listener, service, live feeds, batches; `path` is their file.

    `dose` holds the site's own 75th percentiles by procedure, each a number by its name:
    `kap_p75_gycm2`, `time_p75_s`, `kerma_p75_mgy`.
    """

    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)
    listen: ListenSettings = field(default_factory=ListenSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
    dose: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    path: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoints", MappingProxyType(dict(self.endpoints)))
        doses = {key: MappingProxyType(dict(one)) for key, one in self.dose.items()}
        object.__setattr__(self, "dose", MappingProxyType(doses))

    @property
    def site_procedures(self) -> Path | None:
        """The folder of the site's own procedures; a relative path begins at the settings file."""
        return self._beside(self.defaults.procedures)

    @property
    def site_codes(self) -> Path | None:
        """The file of the site's codes; a relative path begins at the settings file."""
        return self._beside(self.defaults.codes)

    def _beside(self, named: str | None) -> Path | None:
        if named is None:
            return None
        return Path(named) if self.path is None else self.path.parent / named

    def resolve(self, source: str) -> str:
        """Replace the name of an endpoint by its URL; everything else stands for itself.

        A query (`name?StudyInstanceUID=...`) is kept.
        """
        name, mark, query = source.partition("?")
        return self.endpoints[name].url + mark + query if name in self.endpoints else source

    def endpoint(self, named: str) -> Endpoint:
        """Return the endpoint of this name, or that of this URL or folder.

        A folder is what exists, or is written as a path: with a separator, or a `.` or `~` first.

        Raises
        ------
        SettingsError
            A word that is none of these, or a URL that nobody answers to.
        """
        if named in self.endpoints:
            return self.endpoints[named]
        if _is_word(named) and not Path(named).exists():
            raise SettingsError(
                f"{named!r} is no endpoint of the settings and nothing of that name exists; "
                f"{self._expected_name()}, a URL, or a folder written as a path: ./{named}"
            )
        try:
            return Endpoint(url=named)
        except ValueError as error:
            raise SettingsError(f"{named}: {error}") from error

    def to_keep(self, named: str) -> str:
        """Return what `kept` will take, now and when the settings have become others.

        A folder that is written as a word gets `./` before it.
        """
        word = _is_word(named) and named not in self.endpoints and Path(named).exists()
        return f"./{named}" if word else named

    def kept(self, destination: str) -> Endpoint:
        """Return the endpoint that was named some time ago: a word is a name, never a folder.

        Raises
        ------
        SettingsError
            The settings do not know it any more, or it is a URL that nobody answers to.
        """
        if _is_word(destination) and destination not in self.endpoints:
            raise SettingsError(
                f"{destination!r} is no endpoint of the settings any more; {self._expected_name()}"
                f": set [endpoints.{destination}] up again, and start the service anew"
            )
        return self.endpoint(destination)

    def knows(self, destination: str) -> bool:
        """Whether `kept` returns an endpoint."""
        try:
            self.kept(destination)
        except SettingsError:
            return False
        return True

    def _expected_name(self) -> str:
        where = f" of {self.path}" if self.path is not None else ""
        known = ", ".join(sorted(self.endpoints)) or "none is set up"
        return f"expected a name{where} ({known})"


def _is_word(named: str) -> bool:
    """Whether it is written as a name: neither as a URL nor as a path."""
    return not named.startswith((".", "~")) and not {"/", os.sep} & set(named)


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings file: `path`, or the one the environment names, or the one in this folder.

    Where there is none, everything has its default.

    Raises
    ------
    SettingsError
        If a named file is not there, or a file is not valid; every fault is told with its path.
    """
    named = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    file = named or Path(FILE_NAME)
    if named is None and not file.is_file():
        return Settings()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}; expected a TOML file") from error
    return parse_settings(text, path=file)


def parse_settings(text: str, *, path: Path) -> Settings:
    """Read the text of a settings file.

    Raises
    ------
    SettingsError
        As `load_settings`.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    faults = [
        *_unknown(document, _TABLES, at=""),
        *_endpoint_faults(document.get("endpoints", {})),
        *_default_faults(document.get("defaults", {})),
        *_dose_faults(document.get("dose", {})),
        *table_faults(ListenSettings, document.get("listen", {}), at="listen"),
        *table_faults(ServiceSettings, document.get("service", {}), at="service"),
        *table_faults(LiveSettings, document.get("live", {}), at="live"),
        *table_faults(BatchSettings, document.get("batch", {}), at="batch"),
    ]
    if faults:
        raise SettingsError(f"{path}: {'; '.join(faults)}")
    return Settings(
        endpoints={
            name: read_table(Endpoint, one, folder=path.parent)
            for name, one in document.get("endpoints", {}).items()
        },
        listen=read_table(ListenSettings, document.get("listen", {}), folder=path.parent),
        service=read_table(ServiceSettings, document.get("service", {}), folder=path.parent),
        live=read_table(LiveSettings, document.get("live", {}), folder=path.parent),
        batch=read_table(BatchSettings, document.get("batch", {}), folder=path.parent),
        defaults=Defaults(**document.get("defaults", {})),
        dose=document.get("dose", {}),
        path=path,
    )


def _endpoint_faults(endpoints: Any) -> list[str]:
    if not isinstance(endpoints, dict):
        return [f"endpoints: seen {endpoints!r}; expected a table of named endpoints"]
    faults = []
    for name, endpoint in endpoints.items():
        at = f"endpoints.{name}"
        if not isinstance(endpoint, dict):
            faults.append(f'{at}: seen {endpoint!r}; expected a table such as {{url = "..."}}')
        else:
            faults += table_faults(Endpoint, {"url": ""} | endpoint, at=at)
    return faults


def _default_faults(defaults: Any) -> list[str]:
    if not isinstance(defaults, dict):
        return [f"defaults: seen {defaults!r}; expected a table"]
    known = tuple(one.name for one in fields(Defaults))
    faults = _unknown(defaults, known, at="defaults")
    for name in known:
        value = defaults.get(name, "unset")
        expected = _CHOICES.get(name)
        if not isinstance(value, str):
            faults.append(f"defaults.{name}: seen {value!r}; expected text")
        elif name in defaults and expected and value not in expected:
            faults.append(
                f"defaults.{name}: seen {value!r}; expected one of {', '.join(expected)}"
            )
    return faults


def _dose_faults(doses: Any) -> list[str]:
    if not isinstance(doses, dict):
        return [f"dose: seen {doses!r}; expected a table for each procedure"]
    faults = []
    for key, one in doses.items():
        at = f"dose.{key}"
        if not isinstance(one, dict):
            faults.append(f"{at}: seen {one!r}; expected a table such as {{time_p75_s = 30}}")
            continue
        faults += _unknown(one, _DOSES, at=at)
        for name, value in one.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name in _DOSES and not (number and isfinite(value) and value > 0):
                faults.append(f"{at}.{name}: seen {value!r}; expected a number above 0")
    return faults
