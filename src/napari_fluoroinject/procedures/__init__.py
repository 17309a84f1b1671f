"""Procedures as data: one TOML file each, validated into frozen values."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.model.procedure import Procedure

GENERIC = "generic"
"""The key used when no procedure is named."""


def every() -> tuple[Procedure, ...]:
    """Return all procedures that ship, ordered by key."""
    return tuple(get(key) for key in all_keys())


@cache
def all_keys() -> tuple[str, ...]:
    """Return the keys of all procedures that ship, in alphabetical order."""
    folder = files(__name__)
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    )


@cache
def get(key: str) -> Procedure:
    """Return one procedure.

    Raises
    ------
    ProcedureError
        No procedure has this key, or its file is not valid.
    """
    if key not in all_keys():
        raise ProcedureError(
            f"no procedure has the key {key!r}; there are: {', '.join(all_keys())}"
        )
    text = (files(__name__) / f"{key}.toml").read_text(encoding="utf-8")
    return parse(text, name=f"{key}.toml")


def parse(text: str, *, name: str) -> Procedure:
    """Validate the text of one procedure file.

    Raises
    ------
    ProcedureError
        The text is not TOML, has an unknown key or a wrong value (each with its path), or cites
        an unlisted source.
    """
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProcedureError(f"{name}: not valid TOML: {error}") from error
    try:
        procedure = TypeAdapter(Procedure).validate_python({"anatomic_region": None} | fields)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ProcedureError(f"{name}: {faults}") from error
    unlisted = _cited(fields) - {source.id for source in procedure.sources}
    if unlisted:
        raise ProcedureError(
            f"{name}: cites {', '.join(sorted(unlisted))}, which [[sources]] does not list"
        )
    return procedure


def _cited(fields: Any) -> set[str]:
    """Collect every source id that some fact of a procedure file cites."""
    if isinstance(fields, list):
        return set().union(*map(_cited, fields))
    if not isinstance(fields, dict):
        return set()
    own = {s for s in fields.get("sources", []) if isinstance(s, str)}
    return own.union(*(_cited(value) for value in fields.values()))
