"""A file with marks: the JSON that a person wrote, or a report that holds an annotation."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.config import disable_value_validation

from napari_fluoroinject.dicom.belonging import stranger
from napari_fluoroinject.dicom.sr_annotation import read_annotation, source_instances
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import parse_annotation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.site_codes import CodeBook
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.cine import LoopReference
    from napari_fluoroinject.model.patient import Patient

_PREFIX = slice(128, 132)
"""Where a DICOM file says that it is one (PS3.10 7.1)."""


def annotation_from(
    path: Path,
    *,
    loops: Iterable[LoopReference] = (),
    patient: Patient | None = None,
    codes: CodeBook | None = None,
) -> Annotation:
    """Read what a person marked, from JSON in UTF-8 or from a measurement report.

    Parameters
    ----------
    path
        The file; what it begins with tells what it is.
    loops
        On which the marks are to be used. JSON names no loop, but a report does.
    patient
        Who lay there; None = not compared. JSON names nobody, but a report does.
    codes
        A site's own, with which a report was written; None = the private ones.

    Raises
    ------
    AnnotationError
        The file cannot be read, is neither, or is a report on another loop, study or patient.
    """
    try:
        with path.open("rb") as file:
            dicom = file.read(_PREFIX.stop)[_PREFIX] == b"DICM"
        return _from_report(path, loops, patient, codes) if dicom else _from_json(path)
    except OSError as error:
        raise AnnotationError(
            f"{path.name} cannot be read: {error}; expected a file of JSON in UTF-8, or a report "
            "that this software wrote"
        ) from error


def _from_json(path: Path) -> Annotation:
    try:  # a byte order mark is what editors of Windows put there
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path.name} cannot be read: {error}; expected a file of JSON in UTF-8, or a report "
            "that this software wrote (DICOM)"
        ) from error
    return parse_annotation(text, name=path.name)


def _from_report(
    path: Path,
    loops: Iterable[LoopReference],
    patient: Patient | None,
    codes: CodeBook | None,
) -> Annotation:
    # pydicom warns by quoting values, which may be a patient's
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            document = dcmread(path, stop_before_pixels=True)
            if codes is not None:
                codes.take_out_of(document)
            annotation = read_annotation(document, name=path.name)
            about = source_instances(document)
            for loop in loops:
                _check_about(about, loop, path.name)
                _check_origin(document, loop, patient, path.name)
        except AnnotationError:
            raise
        except Exception as error:  # a border: pydicom raises what a conversion raises
            raise AnnotationError(
                f"{path.name}: seen DICOM that is damaged ({type(error).__name__}); expected a "
                "report that this software wrote"
            ) from error
    return annotation


def _check_about(about: frozenset[str], loop: LoopReference, name: str) -> None:
    """Marks that stand in a report are those of its loop: results go nowhere else."""
    wanted = loop.frame_instance_uids or (loop.sop_instance_uid,)
    if about == set(wanted):
        return
    raise AnnotationError(
        f"{name}: seen a report on the loop {_named(sorted(about))}; expected one on the loop "
        f"that is analysed, {_named(wanted)}: marks of one loop are not used on another"
    )


def _check_origin(
    document: Dataset, loop: LoopReference, patient: Patient | None, name: str
) -> None:
    """A report whose header was changed names the loop all the same."""
    seen = stranger(document, study=loop.study_instance_uid, patient=patient)
    if seen is not None:
        raise AnnotationError(
            f"{name}: seen a report on the loop, but {seen}: take the report as it was written"
        )


def _named(uids: Iterable[str]) -> str:
    first, *others = [*uids] or ["without a name"]
    return f"{first} and {len(others)} more instances" if others else first
