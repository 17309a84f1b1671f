"""Letters of five by seven dots, as an old monitor burns them into a picture."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray

ROWS, COLUMNS = 7, 6
"""Dots of one letter, the space after it included."""

_ROWS_OF = {
    "0": "0E 11 13 15 19 11 0E",
    "1": "04 0C 04 04 04 04 0E",
    "2": "0E 11 01 02 04 08 1F",
    "3": "1F 02 04 02 01 11 0E",
    "4": "02 06 0A 12 1F 02 02",
    "5": "1F 10 1E 01 01 11 0E",
    "6": "06 08 10 1E 11 11 0E",
    "7": "1F 01 02 04 08 08 08",
    "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 02 0C",
    "A": "0E 11 11 11 1F 11 11",
    "B": "1E 11 11 1E 11 11 1E",
    "C": "0E 11 10 10 10 11 0E",
    "D": "1C 12 11 11 11 12 1C",
    "E": "1F 10 10 1E 10 10 1F",
    "F": "1F 10 10 1E 10 10 10",
    "G": "0E 11 10 17 11 11 0F",
    "H": "11 11 11 1F 11 11 11",
    "I": "0E 04 04 04 04 04 0E",
    "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1F",
    "M": "11 1B 15 15 11 11 11",
    "N": "11 11 19 15 13 11 11",
    "O": "0E 11 11 11 11 11 0E",
    "P": "1E 11 11 1E 10 10 10",
    "R": "1E 11 11 1E 14 12 11",
    "S": "0F 10 10 0E 01 01 1E",
    "T": "1F 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0E",
    "V": "11 11 11 11 11 0A 04",
    "X": "11 11 0A 04 0A 11 11",
    "Y": "11 11 11 0A 04 04 04",
    ":": "00 0C 0C 00 0C 0C 00",
    ".": "00 00 00 00 00 0C 0C",
    "-": "00 00 00 1F 00 00 00",
    " ": "00 00 00 00 00 00 00",
}


@lru_cache(maxsize=256)
def lettered(text: str, dot_px: int) -> BoolArray:
    """Where a line of text is bright, (7 dots, 6 dots for each letter); unknown letters are blank.

    `dot_px` is the size of a dot.
    """
    lines = [_ROWS_OF.get(letter, _ROWS_OF[" "]).split() for letter in text]
    dots = np.zeros((ROWS, COLUMNS * len(text)), np.bool_)
    for place, rows in enumerate(lines):
        for row, bits in enumerate(rows):
            lit = [bool(int(bits, 16) >> (4 - column) & 1) for column in range(5)]
            dots[row, place * COLUMNS : place * COLUMNS + 5] = lit
    picture: BoolArray = np.kron(dots, np.ones((dot_px, dot_px), np.bool_)).astype(np.bool_)
    picture.flags.writeable = False
    return picture
