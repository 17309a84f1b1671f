"""The tables of PS3.3 that the checker knows, read from this folder's `tables/*.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from pydicom.datadict import tag_for_keyword

from napari_fluoroinject.dicom.check.condition import condition

Type = Literal["1", "1C", "2", "2C", "3"]

_CLASSES = "classes.toml"
_ROW = re.compile(
    r"(?P<depth>>*) ?(?P<keyword>\w+) (?P<type>1C?|2C?|3)"
    r"(?: (?P<sign>[=~]) (?P<values>.+?))?"
    r"(?: (?P<how>when|only) (?P<sentence>.+))?"
)
_INCLUDE = re.compile(r"(?P<depth>>*) ?include (?P<name>\w+)")
_MORE = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What values an attribute may have.

    `by_position` holds the terms of each value, one entry for all of them where `each` is true;
    `open_end` lets more values follow. Terms that are only `defined` may be added to.
    """

    by_position: tuple[tuple[str, ...], ...]
    each: bool
    open_end: bool
    defined: bool

    def allow(self, values: list[str]) -> bool:
        """Tell whether the values are among the terms."""
        if self.each:
            return all(value in self.by_position[0] for value in values)
        if len(values) < len(self.by_position):
            return False
        if len(values) > len(self.by_position) and not self.open_end:
            return False
        return all(v in terms for v, terms in zip(values, self.by_position, strict=False))

    def __str__(self) -> str:
        """As a person reads it."""
        said = " \\ ".join(" or ".join(terms) for terms in self.by_position)
        return f"{said} \\ {_MORE}" if self.open_end else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attribute of a module, with the rows of its items.

    Attributes
    ----------
    keyword, type
        As PS3.6 and PS3.5 7.4 name them.
    terms
        None where any value is allowed.
    sentence
        When it counts; empty = always, or where only a person can tell (1C, 2C).
    exclusive
        The attribute must be absent where the sentence does not hold.
    rows, included
        Of its items; what is included is named, because content items include themselves.
    """

    keyword: str
    type: Type
    terms: Terms | None = None
    sentence: str = ""
    exclusive: bool = False
    rows: tuple[Row, ...] = ()
    included: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether it must be there when it counts."""
        return self.type in ("1", "2") or (self.type != "3" and bool(self.sentence))

    @property
    def filled(self) -> bool:
        """Whether it must have a value when it is there."""
        return self.type in ("1", "1C")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One table of PS3.3; `included` are macros at its top level."""

    name: str
    title: str
    section: str
    rows: tuple[Row, ...]
    included: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """That a class has a module or a functional group; `sentence` empty = always."""

    name: str
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClass:
    """One class of objects.

    `kind` groups classes that share rules: segmentation, parametric map, presentation state,
    report, image, document.
    """

    uid: str
    title: str
    section: str
    kind: str
    modules: tuple[Use, ...]
    groups: tuple[Use, ...] = ()


@cache
def modules() -> dict[str, Module]:
    """Return every module and macro by name.

    Raises
    ------
    ValueError
        A row that is not understood: a fault of the table.
    """
    found = {}
    for file in sorted(_folder().iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml") and file.name != _CLASSES:
            for name, table in tomllib.loads(file.read_text("utf-8")).items():
                rows, included = _nested(table["rows"])
                found[name] = Module(
                    name=name,
                    title=table["title"],
                    section=_part3(table["section"]),
                    rows=rows,
                    included=included,
                )
    return found


@cache
def classes() -> dict[str, ObjectClass]:
    """Return every class that the checker knows, by SOP Class UID."""
    tables = tomllib.loads(_folder().joinpath(_CLASSES).read_text("utf-8"))
    return {
        uid: ObjectClass(
            uid=uid,
            title=table["title"],
            section=_part3(table["section"]),
            kind=table["kind"],
            modules=tuple(_use(text, " if ") for text in table["modules"]),
            groups=tuple(_use(text, " when ") for text in table.get("groups", ())),
        )
        for uid, table in tables.items()
    }


@cache
def rows_below(row: Row) -> tuple[Row, ...]:
    """Return the rows of a sequence's items, with those of the macros that they include."""
    return row.rows + tuple(one for name in row.included for one in rows_of(name))


@cache
def rows_of(name: str) -> tuple[Row, ...]:
    """Return the top rows of a module or macro, with those of the macros that it includes."""
    module = modules()[name]
    return module.rows + tuple(one for below in module.included for one in rows_of(below))


def _folder() -> Any:
    return resources.files("napari_fluoroinject.dicom.check").joinpath("tables")


def _part3(section: str) -> str:
    return section if section.startswith("PS3.") else f"PS3.3 {section}"


def _use(text: str, word: str) -> Use:
    name, _, sentence = text.partition(word)
    if sentence:
        condition(sentence)
    return Use(name=name, sentence=sentence)


@dataclass(slots=True)
class _Open:
    """A row whose items may still follow."""

    row: dict[str, Any]
    rows: list[_Open] = field(default_factory=list)
    included: list[str] = field(default_factory=list)

    def close(self) -> Row:
        return Row(
            **self.row,
            rows=tuple(below.close() for below in self.rows),
            included=tuple(self.included),
        )


def _nested(texts: list[str]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Put rows below the sequences that their `>` say."""
    top = _Open(row={})
    path = [top]
    for text in texts:
        include, match = _INCLUDE.fullmatch(text), _ROW.fullmatch(text)
        either = include or match
        depth = -1 if either is None else len(either["depth"])
        if not 0 <= depth < len(path):
            raise ValueError(f"{text!r} is no row, or lies too deep")
        if include is not None:
            path[depth].included.append(include["name"])
        elif match is not None:
            opened = _Open(row=_row(match, text))
            path[depth].rows.append(opened)
            path[depth + 1 :] = [opened]
    return tuple(one.close() for one in top.rows), tuple(top.included)


def _row(match: re.Match[str], text: str) -> dict[str, Any]:
    if tag_for_keyword(match["keyword"]) is None:
        raise ValueError(f"{text!r} names no attribute")
    sentence = match["sentence"] or ""
    if sentence:
        condition(sentence)
    return {
        "keyword": match["keyword"],
        "type": cast("Type", match["type"]),
        "terms": _terms(match["values"], defined=match["sign"] == "~"),
        "sentence": sentence,
        "exclusive": match["how"] == "only",
    }


def _terms(text: str | None, *, defined: bool) -> Terms | None:
    if text is None:
        return None
    parts = text.split(" \\ ")
    open_end = parts[-1] == _MORE
    positions = parts[:-1] if open_end else parts
    return Terms(
        by_position=tuple(tuple(part.split("|")) for part in positions),
        each=len(parts) == 1,
        open_end=open_end,
        defined=defined,
    )
