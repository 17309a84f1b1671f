"""Every element of an object as it stands in its bytes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

from pydicom import charset
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from napari_fluoroinject.dicom.check.formats import ASCII, TEXT, UNDIVIDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

_CHARSET_TAG = 0x00080005
_PATIENT_GROUP = 0x0010
_POINTING = frozenset((0x00080050, 0x00080090, 0x00200010))
"""Accession number, referring physician, study ID: they lead to a person."""


class Encoded(NamedTuple):
    """One element; `encodings` are the codecs of its text, None where none is known."""

    where: str
    tag: BaseTag
    vr: str
    value: bytes
    encodings: tuple[str, ...] | None


def encoded_elements(
    dataset: Dataset, path: str = "", inherited: tuple[str, ...] | None = None
) -> Iterator[Encoded]:
    """Yield every element but sequences, those of items too, of a data set just parsed.

    Items have the character set of what they stand in, unless they name their own (PS3.3
    C.12.1.1.2).
    """
    encodings = _encodings(dataset, inherited)
    for tag in list(dataset.keys()):
        raw: object = dataset.get_item(tag)
        vr = _representation(raw, tag)
        where = f"{path}{known(tag, dictionary_keyword) or tag}"
        if vr == "SQ":
            for index, item in enumerate(dataset[tag].value or ()):
                yield from encoded_elements(item, f"{where}[{index}].", encodings)
        elif isinstance(raw, RawDataElement):
            yield Encoded(where, tag, vr, raw.value or b"", encodings)


def decoded(element: Encoded) -> str | None:
    """Decode a text; None where its bytes are not of its character set."""
    if element.encodings is None or element.vr in ASCII:
        return element.value.decode("ascii", "replace")
    delimiters = PN_DELIMS if element.vr == "PN" else TEXT_VR_DELIMS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = charset.decode_bytes(element.value, list(element.encodings), delimiters)
    except (UnicodeError, LookupError, UserWarning):
        return None
    return None if "\N{REPLACEMENT CHARACTER}" in text else text


def texts_of(element: Encoded) -> list[str]:
    """Decode the values of a text element; none where it is no text."""
    if element.vr not in TEXT | ASCII:
        return []
    text = decoded(element) or element.value.decode("latin-1")
    return [text] if element.vr in UNDIVIDED else text.split("\\")


def names_person(tag: int, vr: str) -> bool:
    """Tell whether a value may name a person, and is therefore not told."""
    return tag >> 16 == _PATIENT_GROUP or tag in _POINTING or vr == "PN"


def known(tag: BaseTag, ask: Callable[[BaseTag], str]) -> str | None:
    """Ask PS3.6 for something of an attribute; None where it does not know it."""
    try:
        return ask(tag)
    except KeyError:
        return None


def _encodings(dataset: Dataset, inherited: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Python codecs of a data set; None where it declares none, or one that is not known."""
    raw = dataset.get_item(_CHARSET_TAG) if _CHARSET_TAG in dataset else None
    if raw is None or not raw.value:
        return inherited
    value: object = raw.value
    said = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    terms = [term.strip(" \0") for term in said.split("\\")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return tuple(charset.convert_encodings(terms))
    except (LookupError, UserWarning):
        return None


def _representation(raw: object, tag: BaseTag) -> str:
    """What the bytes say, or PS3.6 where they say nothing (implicit VR)."""
    said = getattr(raw, "VR", None) or known(tag, dictionary_VR) or "UN"
    return str(said).split(" or ")[0]
