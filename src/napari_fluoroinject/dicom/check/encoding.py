"""Rules on every value as it stands in the bytes: format, length, number, character set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from napari_fluoroinject.dicom.check.elements import (
    Encoded,
    decoded,
    known,
    names_person,
    texts_of,
)
from napari_fluoroinject.dicom.check.formats import ASCII, TEXT, format_fault, zone_fault
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.check.subject import Subject

_SIZES = {
    "AT": 4,
    "FD": 8,
    "FL": 4,
    "SL": 4,
    "SS": 2,
    "SV": 8,
    "UL": 4,
    "US": 2,
    "UV": 8,
}
_ZONE = tag_for_keyword("TimezoneOffsetFromUTC")
_FLOATS = {"FD": "<f8", "FL": "<f4", "OD": "<f8", "OF": "<f4"}
_VM = re.compile(r"(\d+)(?:-(\d+|n|(\d+)n))?")


def _understood(subject: Subject) -> Iterator[Found]:
    """Values can be read as what they are."""
    for where in subject.spoilt:
        yield Found(where, "bytes that are no such value", "a value of its representation")


def _format(subject: Subject) -> Iterator[Found]:
    """Length and format of each value (PS3.5 6.2); a UID of the source is the source's."""
    lent = _lent_uids(subject)
    for element in subject.elements:
        for text in texts_of(element):
            zone = element.tag == _ZONE
            expected = zone_fault(text) if zone else format_fault(element.vr, text)
            if expected is not None and text.rstrip("\0") not in lent:
                yield Found(element.where, _shown(element, text), expected)


def _even(subject: Subject) -> Iterator[Found]:
    for element in subject.elements:
        size = _SIZES.get(element.vr)
        if len(element.value) % 2:
            yield Found(element.where, f"{len(element.value)} bytes", "an even number of bytes")
        elif size and len(element.value) % size:
            expected = f"a multiple of {size} bytes, as {element.vr} has"
            yield Found(element.where, f"{len(element.value)} bytes", expected)


def _multiplicity(subject: Subject) -> Iterator[Found]:
    """Number of values (PS3.6)."""
    for element in subject.elements:
        allowed = known(element.tag, dictionary_VM)
        count = _count(element)
        if allowed and count and not any(_fits(count, one) for one in allowed.split(" or ")):
            yield Found(element.where, f"{count} values", f"{allowed} (PS3.6)")


def _dictionary(subject: Subject) -> Iterator[Found]:
    """The representation is that of PS3.6, and the attribute is one that it knows."""
    for element in subject.elements:
        if element.tag.is_private or element.tag.element == 0:
            continue
        allowed = known(element.tag, dictionary_VR)
        if not allowed:
            yield Found(element.where, "an attribute that PS3.6 does not know", "none")
        elif element.vr not in allowed.split(" or "):
            yield Found(element.where, element.vr, allowed)


def _private(subject: Subject) -> Iterator[Found]:
    for element in subject.elements:
        if element.tag.is_private:
            yield Found(element.where, "a private attribute", "none: nothing private leaks")


def _numbers(subject: Subject) -> Iterator[Found]:
    for element in subject.elements:
        dtype = _FLOATS.get(element.vr)
        if dtype is None or len(element.value) % np.dtype(dtype).itemsize:
            continue
        if not np.isfinite(np.frombuffer(element.value, dtype)).all():
            yield Found(element.where, "NaN or infinity", "finite numbers")


def _characters(subject: Subject) -> Iterator[Found]:
    for element in subject.elements:
        if element.vr in TEXT | ASCII and any(byte > 127 or byte == 27 for byte in element.value):
            expected = _character_fault(element)
            if expected:
                yield Found(element.where, "bytes that are no such text", expected)


def _character_fault(element: Encoded) -> str | None:
    if element.vr in ASCII:
        return f"letters of the default repertoire in {element.vr}"
    if element.encodings is None:
        return "a Specific Character Set that is declared and known"
    return None if decoded(element) is not None else f"text in {', '.join(element.encodings)}"


def _count(element: Encoded) -> int:
    if not element.value:
        return 0
    if element.vr in TEXT | ASCII:
        return len(texts_of(element))
    size = _SIZES.get(element.vr)
    return len(element.value) // size if size else 1


def _fits(count: int, allowed: str) -> bool:
    match = _VM.fullmatch(allowed.strip())
    if match is None:
        return True
    least, most, step = int(match[1]), match[2], match[3]
    if most is None:
        return count == least
    if step is not None:
        return count >= least and count % int(step) == 0
    return least <= count and (most == "n" or count <= int(most))


def _lent_uids(subject: Subject) -> frozenset[str]:
    """UIDs that sources are known by: some departments number with leading zeros."""
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return frozenset(str(source.get(word)) for source in subject.sources for word in keywords)


def _shown(element: Encoded, text: str) -> str:
    """A value as it may be told: not one that names a person."""
    if names_person(element.tag, element.vr):
        return "a value (not shown)"
    return repr(text if len(text) <= 64 else f"{text[:61]}...")


RULES = (
    Rule(id="value.readable", section="PS3.5 6.2", find=_understood),
    Rule(id="value.format", section="PS3.5 6.2", find=_format),
    Rule(id="value.length", section="PS3.5 7.1.1", find=_even),
    Rule(id="value.multiplicity", section="PS3.5 6.4", find=_multiplicity),
    Rule(id="value.representation", section="PS3.6 6", find=_dictionary),
    Rule(id="value.number", section=PRODUCT, find=_numbers),
    Rule(id="value.characters", section="PS3.5 6.1", find=_characters),
    Rule(id="private.attribute", section=PRODUCT, find=_private),
)
