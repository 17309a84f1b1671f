"""Small building blocks of a data set: items, coded items, plain text."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

_SPELT = {
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{DEGREE SIGN}": " degrees",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MICRO SIGN}": "u",
    "\N{MIDDLE DOT}": ",",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
}


def item(**attributes: Any) -> Dataset:
    """Return a data set with these attributes, named by their DICOM keywords."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(code: Code) -> Dataset:
    """Return a code sequence item (PS3.3 table 8.8-1); a value over 16 characters is long."""
    keyword = "CodeValue" if len(code.value) <= 16 else "LongCodeValue"
    return item(
        **{keyword: code.value},
        CodingSchemeDesignator=code.scheme_designator,
        CodeMeaning=plain(code.meaning, limit=64),
    )


def plain(text: str, *, limit: int | None = None) -> str:
    """Return `text` in ASCII, which every Specific Character Set can carry.

    The source's character set is kept in the results because the patient's name depends on it;
    our own words therefore have to do without letters that it may lack.

    Parameters
    ----------
    text
        Any text.
    limit
        Longest length that the value representation allows; longer text ends in `...`.
    """
    for sign, spelt in _SPELT.items():
        text = text.replace(sign, spelt)
    letters = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    ascii_text = "".join(letters).encode("ascii", "replace").decode("ascii")
    short = " ".join(ascii_text.replace("\\", "/").split())
    if limit is None or len(short) <= limit:
        return short
    return short[: limit - 3] + "..."
