"""A small archive in this process: C-STORE, C-FIND and C-ECHO, for the demo and for tests."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom import evt

from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.endpoints.dimse import (
    CANCELLED,
    CINE_CLASSES,
    RESULT_CLASSES,
    STUDY_ROOT_FIND,
)
from napari_fluoroinject.endpoints.judge import MISMATCH, Received, Shelf
from napari_fluoroinject.endpoints.matching import matches, texts
from napari_fluoroinject.endpoints.storage_scp import Station, StorageScp
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataelem import DataElement
    from pynetdicom.events import Event

    from napari_fluoroinject.spool.store import Spool

log = logging.getLogger(__name__)

HERE = Station(ae_title="ARCHIVE")
"""On loopback, for everyone on this machine, at a free port."""
_PENDING = 0xFF00
_LEVELS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class Archive(StorageScp):
    """Keeps loops and results, and answers queries of the study root model.

    Parameters
    ----------
    spool
        Where objects are kept; must tell content by `storage_scp.dataset_sha256`. What is in it
        already is part of the archive.
    station
        Where and as whom it answers.
    """

    def __init__(self, spool: Spool, station: Station = HERE) -> None:
        self._headers: dict[str, Dataset] = {}
        self._headers_lock = threading.Lock()
        classes = CINE_CLASSES + RESULT_CLASSES
        super().__init__(Shelf(spool=spool), station, classes=classes, received=self._index)
        self.support(STUDY_ROOT_FIND)
        for path in spool.objects():
            self._add(path)

    def handlers(self) -> list[Any]:
        """C-FIND."""
        return [(evt.EVT_C_FIND, self._find)]

    def _index(self, received: Received) -> None:
        if received.new:
            self._add(received.path)

    def _add(self, path: Path) -> None:
        """Make an object known to queries; one that cannot be is kept, and found by none."""
        try:
            header = _index(path)
        except UnreadableObjectError as error:
            log.warning("%s: an object cannot be found by queries: %s", path.name, error.seen)
            return
        with self._headers_lock:
            self._headers[str(header.SOPInstanceUID)] = header

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer one query; pynetdicom adds the final success."""
        asked = event.identifier
        if _lacks_unique_key(asked):
            yield MISMATCH, None
            return
        for answer in self._answers(asked):
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield _PENDING, answer

    def _answers(self, asked: Dataset) -> Iterator[Dataset]:
        level = str(asked.QueryRetrieveLevel)
        with self._headers_lock:
            headers = sorted(self._headers.values(), key=lambda h: str(h.SOPInstanceUID))
        counts = {e.keyword for e in asked} & _COMPUTED.keys()
        wanted = [
            e
            for e in asked
            if e.keyword not in {"QueryRetrieveLevel", "SpecificCharacterSet", *counts}
        ]
        seen = set()
        for header in headers:
            entity = str(header.get(_LEVELS[level], ""))
            if entity not in seen and matches(header, wanted):
                seen.add(entity)
                answer = self._answer(asked, header)
                study = _fellows(headers, header, "StudyInstanceUID")
                for keyword in counts:
                    setattr(answer, keyword, _COMPUTED[keyword](study, header))
                yield answer

    def _answer(self, asked: Dataset, header: Dataset) -> Dataset:
        """What was asked for, with the header's values; empty where it has none."""
        answer = Dataset()
        for element in asked:
            if element.tag in header and element.VR != "SQ":
                answer[element.tag] = header[element.tag]
            else:
                answer.add_new(element.tag, element.VR, None)
        answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
        answer.RetrieveAETitle = self.station.ae_title
        if "SpecificCharacterSet" in header:
            answer.SpecificCharacterSet = header.SpecificCharacterSet
        return answer


def _lacks_unique_key(asked: Dataset) -> bool:
    """Whether the level is unknown, or a UID above it is missing (PS3.4 C.4.1.2.1)."""
    levels = list(_LEVELS)
    level = str(asked.get("QueryRetrieveLevel", ""))
    if level not in levels:
        return True
    above = levels[: levels.index(level)]
    return any(_LEVELS[one] not in asked or len(texts(asked[_LEVELS[one]])) != 1 for one in above)


def _index(path: Path) -> Dataset:
    """What queries may ask of an object: its attributes that can be read, and sent again.

    Raises
    ------
    UnreadableObjectError
        It has no SOP Instance UID that can be.
    """
    with one_error(path.name):
        whole = dcmread(path, stop_before_pixels=True)
        index = Dataset()
        if "SpecificCharacterSet" in whole:
            index.SpecificCharacterSet = whole.SpecificCharacterSet
        for tag in tuple(whole.keys()):
            with suppress(UnreadableObjectError), one_error(path.name):
                _keep(index, whole[tag])
        if "SOPInstanceUID" not in index:
            raise ValueError("no SOP Instance UID that can be read")
    return index


def _keep(index: Dataset, element: DataElement) -> None:
    """Keep an attribute; raises where it could not be sent: one such would fail every query."""
    if element.VR == "SQ":
        return
    trial = Dataset()
    if "SpecificCharacterSet" in index:
        trial.SpecificCharacterSet = index.SpecificCharacterSet
    trial[element.tag] = element
    for implicit in (True, False):
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = implicit, True
        write_dataset(buffer, trial)
    index[element.tag] = element


def _fellows(headers: list[Dataset], header: Dataset, keyword: str) -> list[Dataset]:
    return [other for other in headers if other.get(keyword) == header.get(keyword)]


def _values(headers: list[Dataset], keyword: str) -> set[str]:
    return {str(header[keyword].value) for header in headers if header.get(keyword)}


_COMPUTED: dict[str, Any] = {
    "ModalitiesInStudy": lambda study, _: sorted(_values(study, "Modality")),
    "NumberOfStudyRelatedSeries": lambda study, _: len(_values(study, "SeriesInstanceUID")),
    "NumberOfStudyRelatedInstances": lambda study, _: len(study),
    "NumberOfSeriesRelatedInstances": lambda study, header: len(
        _fellows(study, header, "SeriesInstanceUID")
    ),
}
