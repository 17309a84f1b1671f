"""What stored values say about the beam (PS3.3 C.8.7.1.1.2); for measuring, never for display."""

from __future__ import annotations

import re
from math import log
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.attributes import (
    first_item,
    functional_groups,
    numbers,
    only,
    only_text,
    text,
)
from napari_fluoroinject.model.cine import IntensityScale

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.pixels import PixelFormat
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.cine import Relationship

MACRO = "FramePixelDataPropertiesSequence"
LEAST_BEAM = 0.5
"""A stored value of 0 is taken for half a step, so that its logarithm exists."""
NOMINAL_LOG_RANGE = log(150.0)
"""Beam range that a LOG loop of unknown scale is taken to span: relative pictures look natural."""

_TERMS: dict[str, Relationship] = {"LIN": "linear", "LOG": "log", "DISP": "display"}
_TERM = re.compile(r"[A-Z0-9_ ]{1,16}")


def intensity_scale(
    header: Dataset, pixels: PixelFormat, *, captured: bool
) -> tuple[IntensityScale, tuple[str, ...]]:
    """Table from stored values to the natural logarithm of the beam, with notes.

    LIN is proportional to the beam. LOG is brought back by the Modality LUT (or, in enhanced
    objects, the Pixel Intensity Relationship LUT); without one its scale is unknown. Everything
    else is not quantitative. The value axis runs backwards with Pixel Intensity Relationship Sign
    -1, or where MONOCHROME1 shows the smallest value white and no sign says otherwise.

    Parameters
    ----------
    header
        The data set without pixels.
    pixels
        Range of the stored values.
    captured
        Whether this is a secondary capture, of which nothing is known.

    Raises
    ------
    ValueError
        An attribute holds something that is no number.
    """
    relationship, notes = _relationship(header, captured=captured)
    stored = pixels.first_stored + np.arange(1 << pixels.bits_stored, dtype=np.float64)
    backwards, said = _backwards(header, pixels)
    notes += said
    table, scale_known = _ln_linear(stored, backwards=backwards), not backwards
    if relationship == "log":
        table, scale_known, said = _ln_log(header, stored, backwards=backwards)
        notes += said
    elif relationship == "linear" and backwards:
        notes += ("Linear values fall with the beam, their zero is not known: not quantitative.",)
    scale = IntensityScale(
        relationship=relationship,
        ln_beam=table.astype(np.float32),
        first_stored=pixels.first_stored,
        scale_known=scale_known,
    )
    return scale, notes


def _relationship(header: Dataset, *, captured: bool) -> tuple[Relationship, tuple[str, ...]]:
    term = only_text(header, MACRO, "PixelIntensityRelationship")
    if captured:
        if term == "DISP":
            return "display", ("The pixels were processed for display: not quantitative.",)
        return "unknown", (
            "A secondary capture does not tell what its pixel values mean: not quantitative.",
        )
    if term is None:
        return "unknown", (
            "The file does not tell what its pixel values mean, or says it differently for "
            "different frames: not quantitative.",
        )
    relationship = _TERMS.get(term, "unknown")
    if relationship == "display":
        return relationship, ("The pixels were processed for display (DISP): not quantitative.",)
    if relationship == "unknown":
        named = f'"{term}"' if _TERM.fullmatch(term) else "of the file"
        return relationship, (
            f"The Pixel Intensity Relationship {named} is no term of the standard: "
            "not quantitative.",
        )
    return relationship, ()


def _backwards(header: Dataset, pixels: PixelFormat) -> tuple[bool, tuple[str, ...]]:
    sign = only(header, MACRO, "PixelIntensityRelationshipSign")
    if sign in (1, -1):
        return sign == -1, ()
    if pixels.inverted:
        return True, ("MONOCHROME1 without a sign: what is shown bright is taken for much beam.",)
    return False, ()


def _ln_linear(stored: DoubleArray, *, backwards: bool) -> DoubleArray:
    beam = stored[-1] - stored if backwards else stored
    return np.log(np.maximum(beam, LEAST_BEAM))


def _ln_log(
    header: Dataset, stored: DoubleArray, *, backwards: bool
) -> tuple[DoubleArray, bool, tuple[str, ...]]:
    """Table of a LOG loop, whether its scale is known, and notes."""
    linear = _to_linear(header, stored)
    if linear is not None:
        table = np.log(np.maximum(linear, LEAST_BEAM))
        steps = np.diff(table) * (-1 if backwards else 1)
        if bool(np.all(steps >= 0)) and table[0] != table[-1]:
            return table, True, ()
        said = "The Modality LUT runs against the direction of the stored values and is not used."
    else:
        said = "The file lacks the one table that brings its LOG values back to the beam."
    table = (stored - stored[0]) / (stored[-1] - stored[0]) * NOMINAL_LOG_RANGE
    return (table[::-1] if backwards else table), False, (f"{said} Opacity is relative.",)


def _to_linear(header: Dataset, stored: DoubleArray) -> DoubleArray | None:
    """Beam intensity of each stored value, from the file's own look-up table; None without one."""
    own = first_item(header, "ModalityLUTSequence")
    luts = [] if own is None else [own]
    for group in functional_groups(header):
        entries = group.get("PixelIntensityRelationshipLUTSequence") or ()
        luts += [entry for entry in entries if text(entry, "LUTFunction") == "TO_LINEAR"]
    tables = [_looked_up(lut, stored) for lut in luts]
    usable = [table for table in tables if table is not None]
    if not usable or len(usable) < len(tables):
        return None
    same = all(np.array_equal(table, usable[0]) for table in usable)
    return usable[0] if same else None


def _looked_up(lut: Dataset, stored: DoubleArray) -> DoubleArray | None:
    """PS3.3 C.11.1.1: values outside the table take its first or last entry."""
    descriptor = numbers(lut, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    entries = int(descriptor[0]) or 1 << 16
    data = lut.get("LUTData")
    width = np.dtype("<u2") if not isinstance(data, bytes) or len(data) >= 2 * entries else "u1"
    table = np.frombuffer(data, width) if isinstance(data, bytes) else np.array(data or ())
    if len(table) < entries:
        return None
    first = int(descriptor[1])
    if stored[0] < 0 and first >= 1 << 15:  # written as unsigned beside signed pixels
        first -= 1 << 16
    index = np.clip(stored - first, 0, entries - 1).astype(np.int64)
    return table[index].astype(np.float64)
