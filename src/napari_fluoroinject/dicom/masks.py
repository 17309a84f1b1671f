"""Read what a header says about mask subtraction (PS3.3 C.7.6.10, C.7.6.16.2.14)."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, cast, get_args

import numpy as np

from napari_fluoroinject.dicom.attributes import number, numbers, text
from napari_fluoroinject.model.masks import HeaderMask, MaskOperation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.geometry import Point

_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_MOST_ITEMS, _MOST_RANGES = 64, 1000
"""More than any C-arm writes: a hostile header shall not cost much work."""
_TERM = re.compile(r"[A-Z0-9_ ]{1,16}")
_SHIFTS = "The file's mask shifts of single frames cannot be understood and are not used."


class _UnusableError(Exception):
    """An item of the sequence that cannot be used, and why."""


def header_masks(
    header: Dataset, shape: tuple[int, int, int]
) -> tuple[tuple[HeaderMask, ...], tuple[str, ...]]:
    """Read the masks that the header of a multi-frame object names, and notes about them.

    Nothing here makes a loop unreadable: what cannot be used is left out, and a note says so. The
    explanation is never read, a person wrote it. In enhanced objects the shifts of the functional
    groups go before those of the items.

    Parameters
    ----------
    header
        The data set without pixels.
    shape
        (frames, rows, columns) of the loop.
    """
    try:
        items = list(header.get("MaskSubtractionSequence") or ())
    except Exception:  # a border: damaged headers raise many kinds of exception
        return (), ("The file's mask subtraction cannot be understood and is not used.",)
    notes: list[str] = []
    if len(items) > _MOST_ITEMS:
        notes.append(f"Of {len(items)} mask subtractions in the file {_MOST_ITEMS} are read.")
        items = items[:_MOST_ITEMS]
    if not items:
        return (), ()
    first = _first_number(items, shape[0], notes)
    shifts = _group_shifts(header, shape, notes)
    masks = []
    for position, item in enumerate(items, 1):
        try:
            masks.append(_Item(item, shape, first, notes).read(shifts))
        except _UnusableError as why:
            notes.append(f"Mask subtraction {position} of the file is not used: {why}.")
        except Exception:  # a border, as above
            notes.append(f"Mask subtraction {position} of the file cannot be understood.")
    notes += _overlap_notes(masks, shape[0])
    return tuple(masks), tuple(dict.fromkeys(notes))


def _first_number(items: Sequence[Dataset], frames: int, notes: list[str]) -> int:
    """What the file calls its first frame: 1, or 0 against the standard."""
    found: set[float] = set()
    for item in items:
        for keyword in ("MaskFrameNumbers", "ApplicableFrameRange"):
            try:
                found.update(numbers(item, keyword))
            except Exception:  # noqa: S112 - a border; the item is told of where it is read
                continue
    if 0 not in found or frames in found:
        return 1
    notes.append("The file's mask subtraction was taken to count frames from 0, not from 1.")
    return 0


class _Item:
    """One item on its way to a value; `notes` grows by what had to be left out."""

    def __init__(
        self, item: Dataset, shape: tuple[int, int, int], first: int, notes: list[str]
    ) -> None:
        self._item, self._shape, self._first, self._notes = item, shape, first, notes

    def read(self, shifts: _GroupShifts) -> HeaderMask:
        """Return the value; `_UnusableError` where the item cannot be used."""
        operation = self._operation()
        ranges = self._ranges()
        if operation == "REV_TID" and not ranges:
            raise _UnusableError("REV_TID needs an Applicable Frame Range")
        shared, of_frames = shifts.of(number(self._item, "SubtractionItemID"))
        return HeaderMask(
            operation=operation,
            frame_ranges=ranges,
            mask_frames=self._mask_frames() if operation == "AVG_SUB" else (),
            contrast_frames=self._contrast_frames(),
            tid_offset=self._tid_offset(operation),
            shift_px=self._shift() if shared is None else shared,
            frame_shifts_px=tuple(sorted(of_frames.items())),
        )

    def _operation(self) -> MaskOperation:
        term = text(self._item, "MaskOperation")
        if term in get_args(MaskOperation):
            return cast("MaskOperation", term)
        if term is None:
            raise _UnusableError("it names no Mask Operation")
        named = f' "{term}"' if _TERM.fullmatch(term) else ""
        raise _UnusableError(f"its Mask Operation{named} is none of the standard")

    def _whole(self, keyword: str) -> list[int]:
        values = numbers(self._item, keyword)
        if not all(isfinite(value) and value == int(value) for value in values):
            raise _UnusableError("a frame number is not a whole number")
        return [int(value) - self._first for value in values]

    def _mask_frames(self) -> tuple[int, ...]:
        named = dict.fromkeys(self._whole("MaskFrameNumbers"))
        there = tuple(frame for frame in named if 0 <= frame < self._shape[0])
        if not there:
            raise _UnusableError("AVG_SUB needs Mask Frame Numbers of the run")
        if len(there) < len(named):
            self._notes.append("The file names mask frames that the run does not have.")
        return there

    def _ranges(self) -> tuple[tuple[int, int], ...]:
        """Ranges inside of the run, rising and apart; none where none are named."""
        ends = self._whole("ApplicableFrameRange")
        if not ends:
            return ()
        if len(ends) % 2:
            self._notes.append("A frame range of the file's mask subtraction has no end.")
        if len(ends) > 2 * _MOST_RANGES:
            raise _UnusableError(f"it has more than {_MOST_RANGES} frame ranges")
        pairs = list(zip(ends[::2], ends[1::2], strict=False))
        last = self._shape[0] - 1
        inside = [(max(a, 0), min(b, last)) for a, b in pairs if a <= b and b >= 0 and a <= last]
        if not inside:
            raise _UnusableError("none of its frame ranges lies in the run")
        if inside != pairs:
            self._notes.append("The file's mask subtraction has frame ranges outside of the run.")
        return self._apart(inside)

    def _apart(self, pairs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        apart: list[tuple[int, int]] = []
        for first, last in sorted(pairs):
            if apart and first <= apart[-1][1]:
                self._notes.append("Frame ranges of the file's mask subtraction overlap.")
                apart[-1] = apart[-1][0], max(apart[-1][1], last)
            else:
                apart.append((first, last))
        if [pair[0] for pair in pairs] != sorted(pair[0] for pair in pairs):
            self._notes.append("Frame ranges of the file's mask subtraction do not rise.")
        return tuple(apart)

    def _contrast_frames(self) -> int:
        count = number(self._item, "ContrastFrameAveraging")
        if count is None or count == 1:
            return 1
        if count != int(count) or not 1 < count <= self._shape[0]:
            self._notes.append("A Contrast Frame Averaging that cannot be is not used.")
            return 1
        return int(count)

    def _tid_offset(self, operation: MaskOperation) -> int:
        if operation not in ("TID", "REV_TID"):
            return 1
        offset = number(self._item, "TIDOffset")
        if offset is None:  # empty or, against the standard, missing
            return 1
        if offset != int(offset) or (offset == 0 and operation == "TID"):
            raise _UnusableError("its TID Offset names no other frame")
        return int(offset)

    def _shift(self) -> Point:
        shift = _shift_of(self._item, self._shape, self._notes)
        return (0.0, 0.0) if shift is None else shift


class _GroupShifts:
    """Shifts of the Frame Pixel Shift macro, by subtraction item; None = said for every item."""

    def __init__(self) -> None:
        self._shared: dict[float | None, Point] = {}
        self._of_frames: dict[float | None, dict[int, Point]] = {}

    def add(self, subtraction: float | None, frame: int | None, shift: Point) -> None:
        if frame is None:
            self._shared[subtraction] = shift
        else:
            self._of_frames.setdefault(subtraction, {})[frame] = shift

    def of(self, subtraction: float | None) -> tuple[Point | None, dict[int, Point]]:
        """The shift for all frames, None where none is shared, and those of single frames."""
        shared = self._shared.get(subtraction, self._shared.get(None))
        return shared, self._of_frames.get(None, {}) | self._of_frames.get(subtraction, {})


def _group_shifts(header: Dataset, shape: tuple[int, int, int], notes: list[str]) -> _GroupShifts:
    shifts = _GroupShifts()
    try:
        groups: list[tuple[int | None, Dataset]] = [
            (None, group) for group in header.get(_SHARED) or ()
        ]
        groups += enumerate((header.get(_PER_FRAME) or ())[: shape[0]])
        for frame, group in groups:
            for item in group.get("FramePixelShiftSequence") or ():
                shift = _shift_of(item, shape, notes)
                if shift is not None:
                    shifts.add(number(item, "SubtractionItemID"), frame, shift)
    except Exception:  # a border, as above
        notes.append(_SHIFTS)
        return _GroupShifts()
    return shifts


def _shift_of(item: Dataset, shape: tuple[int, int, int], notes: list[str]) -> Point | None:
    """Mask Sub-pixel Shift in our convention; None where there is no usable one.

    The standard's row shift is positive downwards and its column shift positive to the LEFT (PS3.3
    C.7.6.10.1.2): here, and nowhere else, the second is turned.
    """
    values = numbers(item, "MaskSubPixelShift")
    if not values:
        return None
    if len(values) != 2 or not all(np.abs(values) < shape[1:]):  # NaN is not less, either
        notes.append("A Mask Sub-pixel Shift that cannot be is not used.")
        return None
    return values[0], 0.0 - values[1]


def _overlap_notes(masks: Sequence[HeaderMask], frames: int) -> list[str]:
    meant = np.zeros(frames, dtype=np.int64)
    lacking = 0
    for mask in masks:
        in_range = mask.in_range(frames)
        meant += in_range
        if mask.operation != "NONE":
            lacking += int((in_range & ~mask.subtracts(frames)).sum())
    notes = []
    if (meant > 1).any():
        notes.append("Frames belong to several mask subtractions of the file: the first counts.")
    if lacking:
        notes.append(
            "A mask subtraction of the file takes frames outside of the run and is left out there."
        )
    return notes
