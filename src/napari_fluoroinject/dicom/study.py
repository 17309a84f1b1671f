"""What headers and radiation dose reports record of a study: angles, dose, patient's state."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydicom.filereader import read_dataset
from pydicom.uid import ImplicitVRLittleEndian

from napari_fluoroinject.dicom.acquisition import acquisition, over_frames
from napari_fluoroinject.dicom.attributes import number, texts
from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.dose import dose_of
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.scan import scan_content
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.study import DoseReport, Pregnancy, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.opened import OpenedObject

_T = TypeVar("_T")
LARGEST_REPORT_BYTES = 64 << 20
"""A dose report has a few kilobytes per irradiation event; nothing larger is parsed."""

_DGYCM2_IN_GYCM2 = 0.1
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
    """Read the totals and events of a radiation dose report; None of one with another title.

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
        return dose_of(dataset)


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
