"""Read a presentation state about a loop: what it draws there, and what it subtracts."""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.uid import UID

from napari_fluoroinject.dicom import drawn_names
from napari_fluoroinject.dicom.belonging import stranger
from napari_fluoroinject.dicom.presentation_masks import presented_masks
from napari_fluoroinject.dicom.presentation_shapes import presented_shapes
from napari_fluoroinject.dicom.presented_frames import PresentedFrames
from napari_fluoroinject.dicom.softcopy import COLOUR_STORAGE, GREY_STORAGE, XA_XRF_STORAGE
from napari_fluoroinject.errors import AnnotationError, PresentationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    Mark,
    NeedleTrajectory,
    check_annotation,
)
from napari_fluoroinject.model.drawn import Presentation
from napari_fluoroinject.model.masks import item_of_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.drawn_names import NamedMark
    from napari_fluoroinject.model.cine import CineLoop, LoopReference
    from napari_fluoroinject.model.drawn import DrawnShape
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.patient import Patient

log = logging.getLogger(__name__)

PRESENTATION_CLASSES = frozenset({GREY_STORAGE, COLOUR_STORAGE, XA_XRF_STORAGE})

_MOST_BYTES = 64 << 20
"""Many times what a long loop with many landmarks takes."""
_UID = re.compile(r"[0-9.]{1,64}")
_EXPECTED = "a grayscale, colour or XA/XRF softcopy presentation state"


def read_presentation(
    path: Path,
    reference: LoopReference,
    shape: tuple[int, int, int],
    *,
    patient: Patient | None = None,
) -> Presentation:
    """Read a presentation state of this software or of another, about one loop.

    Nothing in it makes it unreadable: what cannot be used is left out, and a note says so. What a
    person marked comes back where this software wrote it, to the 32 bits that it is drawn with.

    Parameters
    ----------
    path
        The file.
    reference
        The loop on which it is to be used.
    shape
        (frames, rows, columns) of that loop.
    patient
        Who lay there; None = not compared.

    Raises
    ------
    PresentationError
        It cannot be read, is no presentation state, or is about another loop, study or
        patient.
    """
    document = _opened(path)
    # pydicom warns by quoting values, which may be a patient's
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sop_instance_uid = _checked(document, reference, patient, path.name)
        loop = PresentedFrames.of(reference, shape)
        shapes, said_of_shapes = presented_shapes(document, loop)
        masks, said_of_masks = presented_masks(document, loop)
    annotation, said = _annotation(shapes, shape)
    return Presentation(
        sop_instance_uid=sop_instance_uid,
        annotation=annotation,
        shapes=shapes,
        masks=masks,
        notes=(*said_of_shapes, *said, *said_of_masks),
    )


def masks_presented(loop: CineLoop, path: Path) -> Presentation:
    """Read a presentation state for the sake of its masks.

    Raises
    ------
    PresentationError
        As above, or it names no mask that can be subtracted from any frame of the loop.
    """
    presented = read_presentation(path, loop.reference, loop.shape, patient=loop.patient)
    for note in presented.notes:
        log.warning("%s: %s", path.name, note)
    if (item_of_frames(presented.masks, loop.shape[0]) >= 0).any():
        return presented
    why = " ".join(presented.notes) or "It has no mask subtraction."
    raise PresentationError(
        f"{path.name}: seen no mask that can be subtracted from a frame; expected AVG_SUB, TID or "
        f"REV_TID of frames that the loop has. {why}"
    )


def _opened(path: Path) -> Dataset:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PresentationError(
                f"{path.name}: seen {path.stat().st_size} bytes; expected {_EXPECTED}, which has "
                f"{_MOST_BYTES} at most"
            )
        with disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = dcmread(path, stop_before_pixels=True)
            seen = UID(str(document.get("SOPClassUID") or ""))
    except OSError as error:
        raise PresentationError(
            f"{path.name} cannot be read: {error.strerror or 'no DICOM file'}; expected "
            f"{_EXPECTED}"
        ) from error
    except PresentationError:
        raise
    except Exception as error:  # a border: pydicom raises what a conversion raises
        raise PresentationError(
            f"{path.name}: seen no whole DICOM object ({type(error).__name__}); expected "
            f"{_EXPECTED}"
        ) from error
    if seen not in PRESENTATION_CLASSES:
        raise PresentationError(
            f"{path.name}: seen a DICOM object of class {seen.name or 'none'}; expected "
            f"{_EXPECTED}"
        )
    return document


def _checked(
    document: Dataset, reference: LoopReference, patient: Patient | None, name: str
) -> str:
    """Return its own UID where it lies in the study of the loop and refers to it.

    What is drawn for one loop is drawn on no other.
    """
    wanted = set(reference.frame_instance_uids or (reference.sop_instance_uid,))
    try:
        about = set(_instances(document))
        seen = stranger(document, study=reference.study_instance_uid, patient=patient)
        own = str(document.get("SOPInstanceUID") or "")
        own = own if _UID.fullmatch(own) else ""
    except Exception as error:  # a border, as above
        raise PresentationError(
            f"{name}: what it presents cannot be understood ({type(error).__name__}); expected "
            "references to images"
        ) from error
    if seen is not None:
        raise PresentationError(f"{name}: seen a presentation state, but {seen}")
    if not about & wanted:
        raise PresentationError(
            f"{name}: seen a presentation state about {min(about, default='no image')}; expected "
            f"one about the loop {reference.sop_instance_uid}: it is used on no other"
        )
    return own


def _instances(document: Dataset) -> Iterator[str]:
    for series in document.get("ReferencedSeriesSequence") or ():
        for image in series.get("ReferencedImageSequence") or ():
            yield str(image.get("ReferencedSOPInstanceUID"))


def _annotation(
    shapes: Sequence[DrawnShape], shape: tuple[int, int, int]
) -> tuple[Annotation, tuple[str, ...]]:
    """What a person marked, by the names that this software gave it."""
    needle, target = None, None
    marks: dict[str, Mark] = {}
    beyond: dict[str, Point] = {}
    for drawn in shapes:
        points = _points(drawn)
        if drawn.kind == "text" or drawn.name is None:
            continue
        if drawn.name == drawn_names.TARGET:
            target = target or points[0]
        elif drawn.name == drawn_names.MARKED_NEEDLE and len(points) == 2:
            needle = NeedleTrajectory(hub_px=points[0], tip_px=points[1], frame=drawn.frames[0])
        elif (named := drawn_names.named_mark(drawn.name)) is not None:
            if named.part == "beyond":
                beyond.setdefault(named.landmark, points[0])
            else:
                marks.setdefault(named.landmark, _mark(named, points))
    annotation = Annotation(
        needle=needle, target_px=target, marks=tuple(_with_far_side(marks, beyond))
    )
    try:
        check_annotation(annotation, picture=shape[1:])
    except AnnotationError:
        return Annotation(), ("What was marked by a person does not fit the loop; not used.",)
    return annotation, ()


def _points(drawn: DrawnShape) -> tuple[Point, ...]:
    return tuple((row, column) for row, column in drawn.points_px.tolist())


def _mark(named: NamedMark, points: tuple[Point, ...]) -> Mark:
    """An area was closed to be drawn."""
    ring = named.part == "area" and len(points) > 3 and points[0] == points[-1]
    return Mark(
        landmark=named.landmark, points_px=points[:-1] if ring else points, level=named.level
    )


def _with_far_side(marks: dict[str, Mark], beyond: dict[str, Point]) -> Iterator[Mark]:
    for landmark, mark in marks.items():
        far = beyond.get(landmark)
        yield Mark(landmark=landmark, points_px=mark.points_px, beyond_px=far, level=mark.level)
