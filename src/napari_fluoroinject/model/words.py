"""Texts that a person gives, as DICOM can hold them exactly."""

from __future__ import annotations

import unicodedata

LONGEST_TEXT = 64
"""Characters of a text: LO of DICOM, where it ends up, holds no more (PS3.5 table 6.2-1)."""

_UNWRITABLE = ("Cc", "Cs")
"""Unicode's categories of control characters and of surrogates."""


def unwritable(text: str) -> str:
    """Return the first character that a text of DICOM cannot hold (PS3.5 6.1); empty if none."""
    return next((c for c in text if unicodedata.category(c) in _UNWRITABLE), "")
