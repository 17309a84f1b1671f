"""What segmentations, presentation states and logs say, as plain values (JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.dicom.belonging import stranger
from napari_fluoroinject.dicom.moments import Moment
from napari_fluoroinject.dicom.read_log import read_log
from napari_fluoroinject.dicom.read_presentation import read_presentation
from napari_fluoroinject.dicom.read_seg import read_segmentation
from napari_fluoroinject.errors import AnnotationError, UnreadableObjectError
from napari_fluoroinject.model.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.cine import CineLoop


def segmentation_values(path: Path, loop: CineLoop | None) -> dict[str, Any]:
    """Say what is marked on which frames of a loop, and how many pixels.

    Raises
    ------
    AnnotationError
        As `read_segmentation`.
    """
    read = read_segmentation(path, loops=[] if loop is None else [loop])
    return {
        "label": read.label,
        "encoding": read.encoding,
        "fraction": read.fraction,
        "about": list(read.instances),
        "rows": read.size[0],
        "columns": read.size[1],
        "segments": [
            {
                "number": one.number,
                "label": one.label,
                "code": None if one.code is None else list(one.code),
                "frames": sorted(one.masks),
                "pixels": [int(np.count_nonzero(one.masks[k])) for k in sorted(one.masks)],
            }
            for one in read.segments
        ],
        "notes": list(read.notes),
    }


def presentation_values(path: Path, loop: CineLoop | None) -> dict[str, Any]:
    """Say what a presentation state draws and subtracts.

    Raises
    ------
    PresentationError
        As `read_presentation`.
    UnreadableObjectError
        Without the loop: frames and greys are those of the loop that it presents.
    """
    if loop is None:
        raise UnreadableObjectError(
            path.name,
            seen="a presentation state without the loop that it presents",
            expected="the loop beside it: --loop SOURCE",
        )
    read = read_presentation(path, loop.reference, loop.shape, patient=loop.patient)
    return {
        "annotation": plain(read.annotation),
        "shapes": [
            {
                "kind": one.kind,
                "name": one.name,
                "layer": one.layer,
                "text": one.text,
                "frames": list(one.frames),
                "points_px": [(float(row), float(column)) for row, column in one.points_px],
            }
            for one in read.shapes
        ],
        "masks": [plain(one) for one in read.masks],
        "notes": list(read.notes),
    }


def log_values(path: Path, document: Dataset, loop: CineLoop | None) -> dict[str, Any]:
    """Say which events a procedure log records, in seconds from the loop's first frame.

    Raises
    ------
    AnnotationError
        As `read_log`, or a log of another study or patient than the loop's.
    """
    if loop is not None:
        study = loop.reference.study_instance_uid
        seen = stranger(document, study=study, patient=loop.patient)
        if seen is not None:
            raise AnnotationError(f"{path.name}: seen a procedure log, but {seen}")
    started = None if loop is None else loop.setup.started
    first = (
        None
        if started is None
        else Moment(at=started.replace(tzinfo=None), offset=started.strftime("%z"))
    )
    return {
        "events": [plain(one) for one in read_log(document, first_frame=first, name=path.name)]
    }
