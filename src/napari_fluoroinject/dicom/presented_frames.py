"""Which frames of a loop the items of a presentation state are about."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.cine import LoopReference


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedFrames:
    """A loop as a presentation state refers to it.

    `instances` is the one multi-frame instance, or one for each frame, with the frame that it
    begins with; `shape` is (frames, rows, columns).
    """

    instances: dict[str, int]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, reference: LoopReference, shape: tuple[int, int, int]) -> PresentedFrames:
        """The frames of a loop."""
        instances = reference.frame_instance_uids or (reference.sop_instance_uid,)
        return cls(instances={uid: frame for frame, uid in enumerate(instances)}, shape=shape)

    def is_meant(self, item: Dataset) -> bool:
        """Whether an item is about the loop: it names it, or no image at all."""
        images = item.get("ReferencedImageSequence")
        return not images or any(_uid(image) in self.instances for image in images)

    def named(self, item: Dataset) -> tuple[int, ...]:
        """Frames, from 0, rising, that an item is about; all where it names no image.

        Frame numbers that the loop does not have are left out.

        Raises
        ------
        ValueError
            A frame number is no number.
        """
        images = item.get("ReferencedImageSequence")
        return self._of_images(images) if images else tuple(range(self.shape[0]))

    def presented(self, document: Dataset) -> tuple[int, ...]:
        """Frames that the presentation state as a whole is about (PS3.3 C.11.11)."""
        series = document.get("ReferencedSeriesSequence") or ()
        return self._of_images(
            image for one in series for image in one.get("ReferencedImageSequence") or ()
        )

    def _of_images(self, images: Iterable[Dataset]) -> tuple[int, ...]:
        found: set[int] = set()
        for image in images:
            begins = self.instances.get(_uid(image))
            if begins is None:
                continue
            if len(self.instances) > 1:
                found.add(begins)
                continue
            given = numbers(image, "ReferencedFrameNumber")
            if not given:
                return tuple(range(self.shape[0]))
            found.update(int(one) - 1 for one in given if isfinite(one))
        return tuple(sorted(frame for frame in found if 0 <= frame < self.shape[0]))


def _uid(image: Dataset) -> str:
    return str(image.get("ReferencedSOPInstanceUID"))
