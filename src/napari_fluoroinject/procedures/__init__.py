"""Procedures as data: one TOML file each, validated into frozen values."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.model.procedure import Pattern, Procedure
from napari_fluoroinject.model.sourced import Source, Sourced
from napari_fluoroinject.procedures.consistency import inconsistencies
from napari_fluoroinject.procedures.reading import cited, read_table, validated

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
    procedure = parse(_text(known[key]), name=f"{key}.toml")
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
        fields["warnings"] = [_with_defaults(one) for one in fields["warnings"]]
    sources = {source.id: source for source in shared_sources()}
    fields["sources"] = [*listed, *(s for i, s in sources.items() if i not in own)]
    wanted = cited({key: value for key, value in fields.items() if key != "sources"})
    if unlisted := wanted - set(sources) - own:
        raise ProcedureError(
            f"{name}: cites {', '.join(sorted(unlisted))}, which [[sources]] does not list"
        )
    fields["sources"] = [s for s in fields["sources"] if _id(s) in wanted or _id(s) in own]
    procedure: Procedure = validated(Procedure, {"anatomic_region": None} | fields, name=name)
    if faults := inconsistencies(procedure):
        raise ProcedureError(f"{name}: {'; '.join(faults)}")
    return procedure


@cache
def shared_sources() -> tuple[Source, ...]:
    """Return the sources that any procedure may cite."""
    table = read_table(_text(_shared("sources.toml")), name="sources.toml")
    return tuple(validated(tuple[Source, ...], table.get("sources", []), name="sources.toml"))


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return the patterns of contrast that procedures expect or watch for."""
    table = read_table(_text(_shared("patterns.toml")), name="patterns.toml")
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
    if not isinstance(fields.get("clinician_signed_off", False), bool):
        seen = f"{fields['clinician_signed_off']!r}"
        raise ProcedureError(
            f"{name}: clinician_signed_off: seen {seen:.80}; expected true or false"
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


def _with_defaults(warning: Any) -> Any:
    """What a procedure says of a warning, and the defaults for what it leaves unsaid."""
    if not isinstance(warning, dict) or not isinstance(warning.get("id"), str):
        return warning
    usual = _warning_defaults().get(warning["id"], {})
    settings, own = usual.get("settings"), warning.get("settings")
    if isinstance(settings, dict) and isinstance(own, dict):
        return usual | warning | {"settings": settings | own}
    return usual | warning


@cache
def _warning_defaults() -> dict[str, dict[str, Any]]:
    return read_table(_text(_shared("warnings.toml")), name="warnings.toml")


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


def _shared(name: str) -> Traversable:
    return files(__name__) / "shared" / name


def _text(file: Traversable) -> str:
    try:
        # a byte order mark is what editors of Windows put there
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProcedureError(f"{file.name}: cannot be read: {error}") from error


def _id(source: Source | dict[str, Any]) -> str | None:
    return source.id if isinstance(source, Source) else source.get("id")
