"""What an archive holds, asked by clients that are not ours: C-FIND, QIDO and plain HTTP."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.peers import Peer

PENDING = (0xFF00, 0xFF01)


def found_by_c_find(peer: Peer, study_uid: str) -> set[str]:
    """SOP Instance UIDs of everything in a study, series by series."""
    ae = AE("OUTSIDE")
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = ae.associate("127.0.0.1", peer.port, ae_title=peer.ae_title)
    assert association.is_established
    try:
        series = _asked(association, "SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="")
        return {
            str(one.SOPInstanceUID)
            for of in series
            for one in _asked(
                association,
                "IMAGE",
                StudyInstanceUID=study_uid,
                SeriesInstanceUID=of.SeriesInstanceUID,
                SOPInstanceUID="",
            )
        }
    finally:
        association.release()


def found_by_qido(peer: Peer, study_uid: str) -> set[str]:
    """The same by DICOMweb."""
    url = f"{peer.http}/dicom-web/studies/{study_uid}/instances"
    request = urllib.request.Request(url, headers={"Accept": "application/dicom+json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return {one["00080018"]["Value"][0] for one in json.loads(answer.read())}


def report_in(peer: Peer, receipts: Iterable[Any], path: Path) -> Path:
    """Fetch the structured report among these into a file."""
    uids = {one.sop_instance_uid for one in receipts}
    for number in peer.rest("/instances"):
        tags = peer.rest(f"/instances/{number}/simplified-tags")
        if tags["SOPInstanceUID"] in uids and tags.get("SeriesDescription") is not None:
            is_report = tags["Modality"] == "SR" and "ContentSequence" in tags
            title = tags.get("ConceptNameCodeSequence", [{}])[0].get("CodeMeaning", "")
            if is_report and "Measurement" in title:
                with urllib.request.urlopen(f"{peer.http}/instances/{number}/file") as answer:
                    path.write_bytes(answer.read())
                return path
    raise AssertionError("the archive holds no measurement report")


def _asked(association: Any, level: str, **keys: str) -> list[Dataset]:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(wanted, name, value)
    answers = association.send_c_find(wanted, StudyRootQueryRetrieveInformationModelFind)
    return [found for status, found in answers if status and status.Status in PENDING]
