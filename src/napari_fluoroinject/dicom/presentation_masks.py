"""The masks that a presentation state names, read as those of a header are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.attributes import number, numbers, text
from napari_fluoroinject.dicom.header import IMPLEMENTATION_CLASS_UID
from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.mask_frames import only_for, runs
from napari_fluoroinject.dicom.masks import header_masks
from napari_fluoroinject.model.masks import item_of_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.dicom.presented_frames import PresentedFrames
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.masks import HeaderMask

_COPIED = (
    *("MaskOperation", "ApplicableFrameRange", "MaskFrameNumbers", "ContrastFrameAveraging"),
    *("TIDOffset", "MaskSubPixelShift"),
)
_MOST_ITEMS = 64
_MOST_SHIFTS = 100_000
"""More than there are frames: a hostile file shall not cost much work."""


def presented_masks(
    document: Dataset, loop: PresentedFrames
) -> tuple[tuple[HeaderMask, ...], tuple[str, ...]]:
    """Read masks, ranges and shifts, and notes about what is not used.

    Both kinds are read: the items of an XA/XRF presentation state (PS3.3 C.11.19) with shifts for
    ranges of frames, and the one of a grayscale presentation state (C.11.13), whose frames are
    those that it refers to. Frames that are to be viewed as they are (NAT, C.11.21) belong to no
    mask. Shifts of parts of the picture are not used.

    Parameters
    ----------
    document
        The presentation state.
    loop
        The loop that it is about.
    """
    try:
        items = list(document.get("MaskSubtractionSequence") or ())
    except Exception:  # a border: damaged files raise many kinds of exception
        return (), ("The presentation state's mask subtraction cannot be understood.",)
    if items and len(loop.instances) > 1:
        return (), ("Masks of the presentation state count frames of one object; not used.",)
    notes: list[str] = []
    if len(items) > _MOST_ITEMS:
        notes.append(f"Of {len(items)} mask subtractions {_MOST_ITEMS} are read.")
    read = _Reader(document, loop, notes)
    header = read.header(items[:_MOST_ITEMS])
    masks, said = header_masks(header, loop.shape)
    notes += (note.replace("the file", "the presentation state") for note in said)
    return read.viewed(masks), tuple(dict.fromkeys(notes))


class _Reader:
    """Says with the words of a header what a presentation state says; `notes` grows."""

    def __init__(self, document: Dataset, loop: PresentedFrames, notes: list[str]) -> None:
        self._document, self._loop, self._notes = document, loop, notes
        meta = getattr(document, "file_meta", Dataset())
        # what this software writes there is what it says of the loop
        self._ours = meta.get("ImplementationClassUID") == IMPLEMENTATION_CLASS_UID

    def header(self, items: Sequence[Dataset]) -> Dataset:
        """A header with these masks, their shifts in functional groups (C.7.6.16.2.14)."""
        frames = self._loop.shape[0]
        masks, groups = [], [Dataset() for _ in range(frames)]
        for position, given in enumerate(items, start=1):
            try:
                if not self._loop.is_meant(given):
                    continue
                masks.append(self._mask(given, position))
                for frame, shift in self._shifts(given):
                    shifts = groups[frame].get("FramePixelShiftSequence") or ()
                    shift.SubtractionItemID = position
                    groups[frame].FramePixelShiftSequence = [*shifts, shift]
            except Exception:  # a border, as above
                self._notes.append(f"Mask subtraction {position} cannot be understood.")
        return item(MaskSubtractionSequence=masks, PerFrameFunctionalGroupsSequence=groups)

    def viewed(self, masks: Sequence[HeaderMask]) -> tuple[HeaderMask, ...]:
        """The masks without frames that are to be viewed as they are."""
        native = self._native()
        if not native.any():
            return tuple(masks)
        frames = self._loop.shape[0]
        items = item_of_frames(masks, frames)
        shown = [(items == index) & ~native for index in range(len(masks))]
        return tuple(
            only_for(mask, left) for mask, left in zip(masks, shown, strict=True) if left.any()
        )

    def _mask(self, given: Dataset, position: int) -> Dataset:
        mask = item(SubtractionItemID=position)
        for keyword in _COPIED:
            if keyword in given:
                mask[keyword] = given[keyword]
        if "PixelShiftSequence" not in given and "ApplicableFrameRange" not in given:
            frames = self._loop.presented(self._document)
            if len(frames) < self._loop.shape[0]:
                chosen = np.zeros(self._loop.shape[0], np.bool_)
                chosen[list(frames)] = True
                mask.ApplicableFrameRange = [end + 1 for pair in runs(chosen) for end in pair]
        if "PixelIntensityRelationshipLUTSequence" in given and not self._ours:
            self._notes.append(
                "Values are brought to the log of the beam as the loop says, not by the table of "
                "the presentation state."
            )
        return mask

    def _shifts(self, given: Dataset) -> Iterator[tuple[int, Dataset]]:
        """Frame, from 0, and the shift of its mask as an item."""
        ranges = list(given.get("PixelShiftSequence") or ())
        if len(ranges) > _MOST_SHIFTS:
            self._notes.append(f"Of {len(ranges)} ranges of shifts {_MOST_SHIFTS} are read.")
        owner = np.full(self._loop.shape[0], -1)
        for index, one in enumerate(ranges[:_MOST_SHIFTS]):
            ends = numbers(one, "PixelShiftFrameRange")
            if len(ends) < 2:
                continue
            part = owner[max(int(ends[0]) - 1, 0) : max(int(ends[1]), 0)]
            if (part >= 0).any():
                self._notes.append("Ranges of mask shifts overlap: the last counts.")
            part[:] = index
        for frame in np.flatnonzero(owner >= 0).tolist():
            shift = self._whole(ranges[owner[frame]])
            if shift is not None:
                yield frame, shift

    def _whole(self, one: Dataset) -> Dataset | None:
        """The shift of the whole picture; the last item without a region goes over all before."""
        shift = None
        for region in one.get("RegionPixelShiftSequence") or ():
            if region.get("VerticesOfTheRegion"):
                self._notes.append("Mask shifts of parts of the picture are not used.")
            else:
                shift = region
        return None if shift is None else item(MaskSubPixelShift=shift.get("MaskSubPixelShift"))

    def _native(self) -> BoolArray:
        """(frames,) True where the frame is to be viewed without subtraction."""
        native = np.zeros(self._loop.shape[0], np.bool_)
        try:
            for shown in self._document.get("MultiFramePresentationSequence") or ():
                if not self._loop.is_meant(shown):
                    continue
                for part in shown.get("FrameDisplaySequence") or ():
                    self._look_at(part, native)
        except Exception:  # a border, as above
            self._notes.append("How frames are to be viewed cannot be understood.")
        return native

    def _look_at(self, part: Dataset, native: BoolArray) -> None:
        first, last = number(part, "StartTrim"), number(part, "StopTrim")
        if (
            first is not None
            and last is not None
            and text(part, "RecommendedViewingMode") == "NAT"
        ):
            native[max(int(first) - 1, 0) : max(int(last), 0)] = True
        if number(part, "MaskVisibilityPercentage"):
            self._notes.append("That masks are to stay visible in part is not used.")
