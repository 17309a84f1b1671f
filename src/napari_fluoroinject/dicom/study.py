"""What headers and radiation dose reports record of a study: angles, dose, patient's state."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydicom.filereader import read_dataset
from pydicom.uid import ImplicitVRLittleEndian

from napari_fluoroinject.dicom.acquisition import acquisition, over_frames
from napari_fluoroinject.dicom.attributes import first_item, number, text, texts
from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.scan import scan_content
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.study import DoseReport, Pregnancy, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.opened import OpenedObject

_T = TypeVar("_T")
LARGEST_REPORT_BYTES = 64 << 20
"""A dose report has a few kilobytes per irradiation event; nothing larger is parsed."""

_DOSE_REPORT = "113701"
_ACCUMULATED = "113702"
_SCOPE = "113705"
_KAP, _KERMA, _FLUOROSCOPY = "113722", "113725", "113730"
"""Codes of scheme DCM in TID 10001, 10002 and 10004."""
_DGYCM2_IN_GYCM2 = 0.1
_IN_GYCM2 = {"Gy.m2": 1e4, "Gy.cm2": 1.0, "dGy.cm2": 0.1, "cGy.cm2": 0.01, "mGy.cm2": 1e-3}
_IN_MGY = {"Gy": 1e3, "dGy": 100.0, "cGy": 10.0, "mGy": 1.0}
_IN_S = {"s": 1.0, "ms": 1e-3, "min": 60.0}
"""What one of a UCUM unit comes to; TID 10004 prescribes Gy.m2, Gy and s."""
_PREGNANCY: dict[int, Pregnancy] = {
    1: "not pregnant",
    2: "possibly pregnant",
    3: "definitely pregnant",
    4: "unknown",
}
"""Pregnancy Status (PS3.3 C.2.4)."""


def recorded(objects: tuple[OpenedObject, ...]) -> Recorded:
    """Read what the headers of one loop record of its study.

    Of single frames that make one loop the largest value counts: whether it is a frame's or the
    run's is not told. An attribute that cannot be read is unknown: it never costs the loop.
    """
    headers = [one.header for one in objects]
    first = headers[0]
    kap = _largest(headers, "ImageAndFluoroscopyAreaDoseProduct")
    return Recorded(
        view=_or_none(lambda: _view(objects)) or View(),
        kap_gycm2=None if kap is None else kap * _DGYCM2_IN_GYCM2,
        fluoroscopy_s=_largest(headers, "TotalTimeOfFluoroscopy"),
        allergies=_or_none(lambda: ", ".join(texts(first, "Allergies")).strip()) or None,
        pregnancy=_or_none(lambda: _PREGNANCY.get(int(number(first, "PregnancyStatus") or 0))),
    )


def read_dose_report(path: Path) -> DoseReport | None:
    """Read the totals of a radiation dose report (PS3.16 TID 10001).

    The kerma-area products of the planes of a biplane system are added; of air kerma and time,
    which are of different places and run at once, the larger counts.

    Returns None for a report with another title.

    Raises
    ------
    UnreadableObjectError
        No DICOM file, or a report that is damaged or too large.
    """
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        if len(content.data) > LARGEST_REPORT_BYTES:
            raise UnreadableObjectError(
                path.name,
                seen=f"a report of {len(content.data)} bytes",
                expected=f"at most {LARGEST_REPORT_BYTES}",
            )
        scan_content(content)
        stream = io.BytesIO(content.data[content.start :])
        dataset = read_dataset(stream, content.syntax == ImplicitVRLittleEndian, True)
        return _totals(dataset) if _concept(dataset) == _DOSE_REPORT else None


def _totals(dataset: Dataset) -> DoseReport:
    planes = [one for one in _content(dataset) if _concept(one) == _ACCUMULATED]
    areas = _measured(planes, _KAP, _IN_GYCM2)
    study = str(dataset.StudyInstanceUID)
    return DoseReport(
        study_instance_uid=study,
        scope=_scope(dataset) or study,
        kap_gycm2=sum(areas) if areas else None,
        fluoroscopy_s=max(_measured(planes, _FLUOROSCOPY, _IN_S), default=None),
        kerma_mgy=max(_measured(planes, _KERMA, _IN_MGY), default=None),
    )


def _scope(dataset: Dataset) -> str | None:
    """UID of what the totals were added up over."""
    for one in _content(dataset):
        if _concept(one) == _SCOPE:
            return next((str(below.UID) for below in _content(one) if "UID" in below), None)
    return None


def _measured(planes: list[Dataset], concept: str, units: dict[str, float]) -> list[float]:
    """A quantity plane by plane; a value in a unit that is not known is left out."""
    found = []
    for one in (one for plane in planes for one in _content(plane) if _concept(one) == concept):
        measured = first_item(one, "MeasuredValueSequence")
        unit = None if measured is None else first_item(measured, "MeasurementUnitsCodeSequence")
        if measured is None or unit is None:
            continue
        value, factor = number(measured, "NumericValue"), units.get(text(unit, "CodeValue") or "")
        if value is not None and factor is not None and value >= 0:
            found.append(value * factor)
    return found


def _content(dataset: Dataset) -> Iterator[Dataset]:
    yield from dataset.get("ContentSequence") or ()


def _concept(dataset: Dataset) -> str | None:
    """Code of what a content item is called; None where it is not of scheme DCM."""
    name = first_item(dataset, "ConceptNameCodeSequence")
    if name is None or text(name, "CodingSchemeDesignator") != "DCM":
        return None
    return text(name, "CodeValue")


def _view(objects: tuple[OpenedObject, ...]) -> View:
    runs = [acquisition(one.header, one.structure.transfer_syntax_uid) for one in objects]
    return over_frames(runs).view


def _largest(headers: list[Dataset], keyword: str) -> float | None:
    """The largest value above 0, which stands where nothing was measured."""
    values = [_or_none(partial(number, header, keyword)) for header in headers]
    return max((value for value in values if value), default=None)


def _or_none(read: Callable[[], _T | None]) -> _T | None:
    try:
        with one_error("header"):
            return read()
    except UnreadableObjectError:
        return None
