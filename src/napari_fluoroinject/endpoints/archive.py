"""A small archive in this process: C-STORE, C-FIND and C-ECHO, for the demo and for tests."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pydicom import Dataset, dcmread
from pynetdicom import evt

from napari_fluoroinject.endpoints.dimse import (
    CANCELLED,
    CINE_CLASSES,
    RESULT_CLASSES,
    STUDY_ROOT_FIND,
)
from napari_fluoroinject.endpoints.matching import matches, texts
from napari_fluoroinject.endpoints.storage_scp import MISMATCH, Received, Station, StorageScp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pynetdicom.events import Event

    from napari_fluoroinject.spool.store import Spool

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
        super().__init__(spool, station, classes=classes, received=self._index)
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
        header = dcmread(path, stop_before_pixels=True)
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
            entity = str(header[_LEVELS[level]].value)
            if entity not in seen and matches(header, wanted):
                seen.add(entity)
                answer = self._answer(asked, header)
                study = [h for h in headers if h.StudyInstanceUID == header.StudyInstanceUID]
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


def _series(study: list[Dataset], header: Dataset) -> list[Dataset]:
    return [h for h in study if h.SeriesInstanceUID == header.SeriesInstanceUID]


_COMPUTED: dict[str, Any] = {
    "ModalitiesInStudy": lambda study, _: sorted({str(h.Modality) for h in study}),
    "NumberOfStudyRelatedSeries": lambda study, _: len({h.SeriesInstanceUID for h in study}),
    "NumberOfStudyRelatedInstances": lambda study, _: len(study),
    "NumberOfSeriesRelatedInstances": lambda study, header: len(_series(study, header)),
}
