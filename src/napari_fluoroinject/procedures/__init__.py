"""Procedures as data: one TOML file each, validated into frozen values."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.model.procedure import Pattern, Procedure
from napari_fluoroinject.model.sourced import Source, Sourced
from napari_fluoroinject.procedures.coded import unfit_codes
from napari_fluoroinject.procedures.consistency import inconsistencies
from napari_fluoroinject.procedures.defaults import against_defaults, with_defaults
from napari_fluoroinject.procedures.reading import (
    cited,
    read_table,
    shared,
    text_of,
    validated,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

GENERIC = "generic"
"""The key used when no procedure is named."""


def every(*, site: Path | None = None) -> tuple[Procedure, ...]:
    """Return all procedures, ordered by key; `site` as in `get`."""
    return tuple(get(key, site=site) for key in all_keys(site=site))


def all_keys(*, site: Path | None = None) -> tuple[str, ...]:
    """Return the keys of all procedures in alphabetical order; `site` as in `get`.

    Raises
    ------
    ProcedureError
        The site's folder cannot be read.
    """
    return tuple(sorted(_files(site)))


def whose(key: str, *, site: Path | None = None) -> str:
    """Say that a procedure is the site's own, or overrides one that ships; empty where it ships.

    Raises
    ------
    ProcedureError
        The site's folder cannot be read.
    """
    shipped = _in_folder(files(__name__))
    if site is None or _files(site).get(key) == shipped.get(key):
        return ""
    return "the site's, in the place of the one that ships" if key in shipped else "the site's own"


@cache
def get(key: str, *, site: Path | None = None) -> Procedure:
    """Return one procedure.

    Parameters
    ----------
    key
        Its key, the name of its file.
    site
        Folder with a site's own procedures; one with the key of a procedure that ships takes its
        place, and its sources and patterns stand beside those that ship.

    Raises
    ------
    ProcedureError
        No procedure has this key, or its file is not valid.
    """
    known = _files(site)
    if key not in known:
        raise ProcedureError(f"no procedure has the key {key!r}; there are: {', '.join(known)}")
    procedure = parse(text_of(known[key]), name=f"{key}.toml")
    if procedure.key != key:
        raise ProcedureError(
            f"{key}.toml: key: seen {procedure.key!r}; expected {key!r}, the name of the file"
        )
    return procedure


def parse(text: str, *, name: str) -> Procedure:
    """Validate the text of one procedure file.

    Raises
    ------
    ProcedureError
        The text is not TOML, has an unknown key or a wrong value, cites an unlisted source, or
        speaks of a view, landmark or pattern that there is not; every fault with its path.
    """
    fields = read_table(text, name=name)
    _check_shape(fields, name)
    listed = fields.get("sources", [])
    own = {one.get("id") for one in listed}
    own_limits = fields.pop("expected_settings", {})
    for kind in ("expected", "abnormal"):
        if kind in fields:
            fields[kind] = _patterns_named(fields[kind], at=f"{name}: {kind}")
    fields |= _with_limits(fields.get("expected", []), own_limits, name=name)
    if "warnings" in fields:
        fields["warnings"] = [with_defaults(one) for one in fields["warnings"]]
    sources = {source.id: source for source in shared_sources()}
    fields["sources"] = [*listed, *(s for i, s in sources.items() if i not in own)]
    wanted = cited({key: value for key, value in fields.items() if key != "sources"})
    if unlisted := wanted - set(sources) - own:
        raise ProcedureError(
            f"{name}: cites {', '.join(sorted(unlisted))}, which [[sources]] does not list"
        )
    fields["sources"] = [s for s in fields["sources"] if _id(s) in wanted or _id(s) in own]
    procedure: Procedure = validated(Procedure, {"anatomic_region": None} | fields, name=name)
    faults = [
        *inconsistencies(procedure),
        *unfit_codes(procedure),
        *against_defaults(procedure),
    ]
    if faults:
        raise ProcedureError(f"{name}: {'; '.join(faults)}")
    return procedure


@cache
def shared_sources() -> tuple[Source, ...]:
    """Return the sources that any procedure may cite."""
    table = read_table(text_of(shared("sources.toml")), name="sources.toml")
    return tuple(validated(tuple[Source, ...], table.get("sources", []), name="sources.toml"))


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return the patterns of contrast that procedures expect or watch for."""
    table = read_table(text_of(shared("patterns.toml")), name="patterns.toml")
    return tuple(validated(tuple[Pattern, ...], table.get("patterns", []), name="patterns.toml"))


def _check_shape(fields: dict[str, Any], name: str) -> None:
    """Lists of tables, with ids that are texts, where sources and defaults are looked up by id."""
    for kind in ("sources", "warnings"):
        tables = fields.get(kind, [])
        if not isinstance(tables, list) or not all(
            isinstance(one, dict) and isinstance(one.get("id"), str) for one in tables
        ):
            raise ProcedureError(
                f"{name}: {kind}: expected [[{kind}]], each with an id that is a text"
            )


def _patterns_named(named: Any, *, at: str) -> list[Pattern]:
    known = {pattern.id: pattern for pattern in patterns()}
    if not isinstance(named, list):
        raise ProcedureError(f"{at}: seen {named!r}; expected a list of patterns")
    if unknown := [one for one in named if not isinstance(one, str) or one not in known]:
        raise ProcedureError(f"{at}: no pattern {unknown}; there are: {', '.join(known)}")
    return [known[one] for one in named]


def _with_limits(
    expected: list[Pattern], own: Any, *, name: str
) -> dict[str, tuple[Pattern, ...]]:
    """Expected patterns with what the procedure says of their limits in the place of the usual."""
    limits = validated(dict[str, dict[str, Sourced]], own, name=f"{name}: expected_settings")
    if unknown := set(limits) - {pattern.id for pattern in expected}:
        raise ProcedureError(
            f"{name}: expected_settings: {', '.join(sorted(unknown))} is not among expected"
        )
    changed = tuple(
        replace(one, settings={**(one.settings or {}), **limits[one.id]})
        if one.id in limits
        else one
        for one in expected
    )
    return {"expected": changed} if changed else {}


def _files(site: Path | None) -> dict[str, Traversable]:
    found = _in_folder(files(__name__))
    if site is not None:
        try:
            found |= _in_folder(site)
        except OSError as error:
            raise ProcedureError(
                f"{site}: the site's procedures cannot be read: {error}; expected a folder"
            ) from error
    return dict(sorted(found.items()))


def _in_folder(folder: Traversable) -> dict[str, Traversable]:
    """Files of procedures by key; hidden ones are what systems and editors leave there."""
    return {
        file.name.removesuffix(".toml"): file
        for file in folder.iterdir()
        if file.name.endswith(".toml") and not file.name.startswith(".")
    }


def _id(source: Source | dict[str, Any]) -> str | None:
    return source.id if isinstance(source, Source) else source.get("id")
