"""Which procedure a received loop is analysed as, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import AnnotationError, SettingsError
from napari_fluoroinject.model.geometry import Side
from napari_fluoroinject.model.levels import check_level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari_fluoroinject.dicom.requested import Requested
    from napari_fluoroinject.settings.network import ServiceSettings

_T = TypeVar("_T")

AUTO = "auto"
"""In place of a procedure's key: decide for each loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a loop is analysed as.

    `basis` says in words what that rests on, without any text of the header; `level` and `side`
    are None where nothing coded states them.
    """

    procedure: str
    basis: str
    level: str | None = None
    side: Side | None = None


def decide(
    header: Requested,
    settings: ServiceSettings,
    *,
    scheduled: Requested | None = None,
    site: Path | None = None,
) -> Decision:
    """Decide by what was set, the worklist, the header's codes, its descriptions; else `generic`.

    The first of these that names a procedure decides. Where it names two, none is chosen: the
    loop is analysed as `generic`, and `basis` says so.

    Parameters
    ----------
    header
        What the loop says.
    settings
        `analyze`, and the site's codes and texts.
    scheduled
        The worklist item of the same study; None = there is none, or nobody was asked.
    site
        Folder of the site's own procedures.
    """
    key, basis = _procedure(header, settings, scheduled)
    told = [one for one in (scheduled, header) if one is not None]
    level = _agreed(one.level for one in told)
    try:
        if level is not None:
            check_level(level, region=procedures.get(key, site=site).region)
    except AnnotationError:
        basis += f"; level {level} is coded, does not belong to its region and is left out"
        level = None
    side: Side | None = _agreed(one.side for one in told)
    return Decision(procedure=key, basis=basis, level=level, side=side)


def check_settings(settings: ServiceSettings, *, site: Path | None) -> None:
    """Refuse procedures that there are not, before the first loop comes.

    Parameters
    ----------
    settings
        Of the service.
    site
        Folder of the site's own procedures.

    Raises
    ------
    SettingsError
        A key that no procedure has.
    """
    known = procedures.all_keys(site=site)
    named = {
        "service.analyze": settings.analyze,
        **{f"service.procedure_codes.{c}": key for c, key in settings.procedure_codes.items()},
        **{f"service.protocols.{text}": key for text, key in settings.protocols.items()},
    }
    for at, key in named.items():
        if key not in (None, AUTO, *known) or (key == AUTO and at != "service.analyze"):
            raise SettingsError(
                f"{at}: seen {key!r}; expected the key of a procedure: `fluoroinject procedures` "
                "lists them"
            )


def _procedure(
    header: Requested, settings: ServiceSettings, scheduled: Requested | None
) -> tuple[str, str]:
    if settings.analyze not in (None, AUTO):
        return settings.analyze or procedures.GENERIC, "set for every loop"
    for whose, told in (("worklist item", scheduled), ("header", header)):
        if told is None:
            continue
        for keys, how in (
            (_by_code(told.codes, settings.procedure_codes), "code"),
            (_by_text(told.descriptions, settings.protocols), "text"),
        ):
            if keys:
                return _chosen(keys, f"{how} of the {whose}")
    return procedures.GENERIC, "nothing that is set up names a procedure"


def _chosen(keys: Mapping[str, str], where: str) -> tuple[str, str]:
    """The one procedure that is named; `keys` maps what named it to its key."""
    if len(set(keys.values())) > 1:
        named = ", ".join(sorted(set(keys.values())))
        return procedures.GENERIC, f"{where}: names {named} alike, so none is chosen"
    by, key = min(keys.items())
    return key, f"{where}: {by}"


def _by_code(codes: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    return {code: known[code] for code in codes if code in known}


def _by_text(descriptions: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """The longest of the texts that any description holds, and all that are as long."""
    held = [one.casefold() for one in descriptions]
    found = {
        text: key
        for text, key in known.items()
        if text.strip() and any(text.casefold() in one for one in held)
    }
    longest = max(map(len, found), default=0)
    return {text: key for text, key in found.items() if len(text) == longest}


def _agreed(values: Iterable[_T | None]) -> _T | None:
    """What all that say anything say; None where they contradict one another."""
    told = {value for value in values if value is not None}
    return told.pop() if len(told) == 1 else None
