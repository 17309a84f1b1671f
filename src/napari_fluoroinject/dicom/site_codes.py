"""A site's licensed SNOMED CT and LOINC codes in place of the private ones, and back again."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.items import coded
from napari_fluoroinject.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

SCHEMA = "fluoroinject-codes/1"
SCHEMES = ("SCT", "LN")
"""Coding scheme designators of SNOMED CT and LOINC (PS3.16 table 8-1)."""

_LONGEST_MEANING = 64
"""Characters of Code Meaning (LO, PS3.5 table 6.2-1)."""
_TARGET = ("scheme", "code", "name")
_SHOWN = ("meaning", "explanation")
_SNOMED = re.compile(r"[1-9]\d{2,14}(00|10)\d")
"""A concept's identifier: 6 to 18 digits, partition 00 or 10, check digit."""
_LOINC = re.compile(r"[1-9]\d{0,6}-\d")
_TURNED = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)
"""Permutations of Verhoeff's check digit, by the place from the right (SNOMED CT, SCTID)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBook:
    """The codes that a site uses: by the value of the private code, the code in its place."""

    targets: Mapping[str, Code] = field(default_factory=lambda: MappingProxyType({}))

    def put_into(self, dataset: Dataset) -> None:
        """Replace in place every private code that the site has one for, in all sequences.

        What is left of the private scheme stays declared; where nothing is, its declaration goes.

        Parameters
        ----------
        dataset
            A result, before its UID is sealed.
        """
        if not self.targets:
            return
        private_left = False
        for item in _code_items(dataset, (codes.PRIVATE_SCHEME,)):
            target = self.targets.get(_value(item))
            private_left |= target is None
            if target is not None:
                _replace(item, target)
        if not private_left:
            _undeclare(dataset)

    def take_out_of(self, dataset: Dataset) -> None:
        """Replace in place every code of the site by the private one that it stands for.

        Parameters
        ----------
        dataset
            A result that was written with this book.
        """
        meanings = {one.value: one.meaning for one in codes.PRIVATE_CONCEPTS}
        private = {
            _key(target): Code(value, codes.PRIVATE_SCHEME, meanings.get(value, target.meaning))
            for value, target in self.targets.items()
        }
        for item in _code_items(dataset, SCHEMES) if private else ():
            code = private.get((_value(item), str(item.get("CodingSchemeDesignator"))))
            if code is not None:
                _replace(item, code)


def mapping_template(procedures: Mapping[str, str]) -> str:
    """Return a TOML file of all private concepts, the site's codes empty.

    Parameters
    ----------
    procedures
        Names of the procedures by key: each is a concept of the private scheme, too.
    """
    concepts = [(one.value, one.meaning, one.explanation) for one in codes.PRIVATE_CONCEPTS]
    concepts += [(key, name, "Procedure.") for key, name in procedures.items()]
    head = (
        "# Codes of your site in place of the private ones of the results. Fill in what your\n"
        "# licence allows: scheme SCT (SNOMED CT) or LN (LOINC), code, and name as the scheme\n"
        "# gives it. What is left empty keeps its private code. Never guess: each identifier\n"
        "# is checked, but only its digits can be.\n"
        f'schema = "{SCHEMA}"\n'
    )
    return head + "".join(
        f"\n[{value}]\n"
        f"meaning = {json.dumps(meaning)}\n"
        f"explanation = {json.dumps(explanation)}\n"
        'scheme = ""\ncode = ""\nname = ""\n'
        for value, meaning, explanation in concepts
    )


def site_codes(path: Path, *, procedures: Iterable[str] = ()) -> CodeBook:
    """Read the mapping that a site has filled.

    Parameters
    ----------
    path
        TOML as `mapping_template` gives it; concepts may be left out.
    procedures
        Keys of the procedures that may be coded.

    Raises
    ------
    SettingsError
        No such file, not TOML, an unknown concept, key or scheme, a code half filled in, an
        identifier whose check digit is wrong, a name that is too long, one code for two concepts
        or one that the results use already.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"{path.name}: the codes cannot be read: {error.strerror or error}; expected a file "
            "that `fluoroinject codes --mapping-template` made"
        ) from error
    except ValueError as error:
        raise SettingsError(f"{path.name}: not valid TOML: {error}") from error
    try:
        return CodeBook(targets=MappingProxyType(_targets(told, procedures)))
    except SettingsError as error:
        raise SettingsError(f"{path.name}: {error}") from error


def snomed_digit(digits: str) -> str:
    """Return Verhoeff's check digit of a SNOMED CT identifier.

    Parameters
    ----------
    digits
        The identifier without its last digit.
    """
    check = 0
    for place, digit in enumerate(reversed(digits), start=1):
        check = _rotated(check, int(_TURNED[place % 8][int(digit)]))
    # the inverse in the group of the pentagon: rotations are undone, reflections undo themselves
    return str((5 - check) % 5 if check < 5 else check)


def loinc_digit(digits: str) -> str:
    """Return the check digit (modulo 10, doubling every other digit) of a LOINC code.

    Parameters
    ----------
    digits
        The code before its hyphen.
    """
    doubled = (int(d) * (2 - k % 2) for k, d in enumerate(reversed(digits)))
    return str(-sum(one - 9 * (one > 9) for one in doubled) % 10)


def _rotated(first: int, second: int) -> int:
    """Product in the dihedral group of the pentagon, of which the check digit is made."""
    turned, mirrored = first % 5, first >= 5
    step, other = second % 5, second >= 5
    return (turned + (-step if mirrored else step)) % 5 + 5 * (mirrored != other)


def _targets(told: Mapping[str, Any], procedures: Iterable[str]) -> dict[str, Code]:
    if told.get("schema") != SCHEMA:
        raise SettingsError(f"seen schema {told.get('schema')!r}; expected {SCHEMA!r}")
    known = {*(one.value for one in codes.PRIVATE_CONCEPTS), *procedures}
    found: dict[str, Code] = {}
    for value, entry in told.items():
        if value == "schema":
            continue
        if value not in known:
            raise SettingsError(
                f"[{value}]: no such concept; expected one of `fluoroinject codes "
                "--mapping-template`"
            )
        target = _target(value, entry)
        if target is not None:
            _check_unique(value, target, found)
            found[value] = target
    return found


def _target(value: str, entry: Any) -> Code | None:
    """The code that stands for a concept; None where the site has none."""
    if not isinstance(entry, Mapping) or not all(isinstance(one, str) for one in entry.values()):
        raise SettingsError(f"[{value}]: expected a table of texts: {', '.join(_TARGET)}")
    if unknown := sorted(set(entry) - {*_TARGET, *_SHOWN}):
        raise SettingsError(
            f"[{value}]: unknown key {', '.join(unknown)}; expected {', '.join(_TARGET)}"
        )
    scheme, code, name = (entry.get(key, "").strip() for key in _TARGET)
    if not (scheme or code or name):
        return None
    if not (scheme and code and name):
        raise SettingsError(f"[{value}]: seen a code half filled in; expected all of {_TARGET}")
    _check_code(value, scheme, code)
    if len(name) > _LONGEST_MEANING or not name.isascii() or "\\" in name:
        raise SettingsError(
            f"[{value}]: name: seen {len(name)} characters; expected at most {_LONGEST_MEANING} "
            "of ASCII, which every character set can carry, without a backslash"
        )
    return Code(code, scheme, name)


def _check_code(value: str, scheme: str, code: str) -> None:
    if scheme not in SCHEMES:
        raise SettingsError(
            f"[{value}]: unknown scheme {scheme!r}; expected SCT (SNOMED CT) or LN (LOINC)"
        )
    form, digit = (_SNOMED, snomed_digit) if scheme == "SCT" else (_LOINC, loinc_digit)
    if not form.fullmatch(code):
        told = "a concept's identifier of 6 to 18 digits" if scheme == "SCT" else "12345-6"
        raise SettingsError(f"[{value}]: code {code!r} is none of {scheme}; expected {told}")
    if digit(code[:-1].rstrip("-")) != code[-1]:
        raise SettingsError(
            f"[{value}]: code {code!r}: the check digit is wrong; expected the identifier as "
            f"{scheme} gives it"
        )


def _check_unique(value: str, target: Code, found: Mapping[str, Code]) -> None:
    """Reports are read back: one code must mean one thing."""
    for other, taken in found.items():
        if _key(taken) == _key(target):
            raise SettingsError(f"[{value}]: {target.value} stands for [{other}] already")
    if _key(target) in _standard():
        raise SettingsError(
            f"[{value}]: {target.value} already means {_standard()[_key(target)]!r} in the "
            "results, and one code must mean one thing; expected another code, or none"
        )


def _standard() -> dict[tuple[str, str], str]:
    """Standard codes of the results, with their meanings."""
    values = [one for one in vars(codes).values() if isinstance(one, Code)]
    return {_key(one): one.meaning for one in (*values, *codes.SIDES.values())}


def _key(code: Code) -> tuple[str, str]:
    return code.value, code.scheme_designator


def _value(item: Dataset) -> str:
    return str(item.get("CodeValue") or item.get("LongCodeValue") or "")


def _code_items(dataset: Dataset, schemes: tuple[str, ...]) -> Iterator[Dataset]:
    """Every item of these schemes; sequences kept as bytes are read only where they name one."""
    if "CodeMeaning" in dataset and dataset.get("CodingSchemeDesignator") in schemes:
        yield dataset
    for tag in list(dataset.keys()):
        element: Any = dataset.get_item(tag)
        if _may_hold(element, schemes):
            for item in dataset[tag].value or ():
                yield from _code_items(item, schemes)


def _may_hold(element: Any, schemes: tuple[str, ...]) -> bool:
    if (element.VR or dictionary_VR(element.tag)) != "SQ":
        return False
    if not isinstance(element, RawDataElement):
        return True
    return any(one.encode("ascii") in (element.value or b"") for one in schemes)


def _replace(item: Dataset, code: Code) -> None:
    new = coded(code)
    for keyword in ("CodeValue", "LongCodeValue", "CodingSchemeVersion"):
        item.pop(keyword, None)
    item.update(new)


def _undeclare(dataset: Dataset) -> None:
    declared = dataset.get("CodingSchemeIdentificationSequence") or ()
    kept = [one for one in declared if one.CodingSchemeDesignator != codes.PRIVATE_SCHEME]
    if kept:
        dataset.CodingSchemeIdentificationSequence = kept
    else:
        dataset.pop("CodingSchemeIdentificationSequence", None)
