"""The embedded archive keeps objects and answers what it was asked."""

from __future__ import annotations

import struct
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from network_loops import SERIES, STUDY, dcmtk, make_loop, pacs_of, write
from pydicom import Dataset

from napari_fluoroinject.endpoints.archive import Archive
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.querying import answers
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.network

OTHER_STUDY = "1.2.826.0.1.3680043.8.498.2"


def other_study() -> Dataset:
    loop = make_loop(seed=7)
    loop.StudyInstanceUID, loop.SeriesInstanceUID = OTHER_STUDY, f"{OTHER_STUDY}.1"
    loop.PatientID, loop.PatientName, loop.StudyDate = "SYNTH-2", "Phantom^Cervical", "20260301"
    return loop


@pytest.fixture
def filled(archive: Archive) -> Archive:
    pacs_of(archive).store([make_loop(seed=0), make_loop(seed=1), other_study()])
    return archive


def studies(archive: Archive, **keys: str) -> list[str]:
    asked = Query(keys={"StudyInstanceUID": "", **keys})
    return [answer["StudyInstanceUID"] for answer in pacs_of(archive).query(asked)]


def test_each_study_is_answered_once_with_what_was_asked_for(filled):
    keys = {
        "StudyInstanceUID": STUDY,
        "PatientID": "",
        "ModalitiesInStudy": "",
        "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "",
        "AccessionNumber": "",
    }
    (answer,) = pacs_of(filled).query(Query(keys=keys))
    assert answer["PatientID"] == "SYNTH-1"
    assert answer["ModalitiesInStudy"] == "XA"
    assert answer["NumberOfStudyRelatedSeries"] == "1"
    assert answer["NumberOfStudyRelatedInstances"] == "2"
    assert answer["AccessionNumber"] == ""
    assert answer["RetrieveAETitle"] == "ARCHIVE"
    assert "PatientName" not in answer


def test_series_and_objects_are_found_under_their_study(filled):
    pacs = pacs_of(filled)
    keys = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": "", "SeriesDescription": ""}
    (series,) = pacs.query(Query(level="SERIES", keys=keys))
    assert (series["SeriesInstanceUID"], series["SeriesDescription"]) == (SERIES, "fluoro")
    found = pacs.find(Query(keys={"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}))
    assert {one.sop_instance_uid for one in found} == {
        make_loop(seed=seed).SOPInstanceUID for seed in (0, 1)
    }


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, [STUDY, OTHER_STUDY]),
        ({"PatientID": "SYNTH-2"}, [OTHER_STUDY]),
        ({"PatientID": "SYNTH-*"}, [STUDY, OTHER_STUDY]),
        ({"PatientID": "SYNTH-?"}, [STUDY, OTHER_STUDY]),
        ({"PatientID": "SYNTH"}, []),
        ({"PatientName": "phantom^c*"}, [OTHER_STUDY]),
        ({"StudyDate": "20260102"}, [STUDY]),
        ({"StudyDate": "20260101-20260131"}, [STUDY]),
        ({"StudyDate": "20260201-"}, [OTHER_STUDY]),
        ({"StudyDate": "-20260201"}, [STUDY]),
        ({"StudyInstanceUID": f"{STUDY}\\{OTHER_STUDY}"}, [STUDY, OTHER_STUDY]),
        ({"StudyInstanceUID": "1.2.3"}, []),
        ({"AccessionNumber": "A1"}, []),
    ],
)
def test_studies_match_as_the_standard_says(filled, keys, found):
    assert sorted(studies(filled, **keys)) == sorted(found)


def test_a_query_without_the_uid_of_the_level_above_is_refused(filled):
    asked = Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    asked.SOPInstanceUID = ""
    with pytest.raises(RefusedError, match="0xA900"):
        answers(pacs_of(filled), asked)


def test_what_stands_above_is_found_first_where_an_archive_wants_that(filled):
    found = pacs_of(filled).query(Query(level="IMAGE", keys={"SOPInstanceUID": ""}))
    assert {one["StudyInstanceUID"] for one in found} == {STUDY, OTHER_STUDY}


def test_a_word_that_is_no_keyword_is_told(archive):
    with pytest.raises(EndpointError, match="PatientIdentifier"):
        pacs_of(archive).query(Query(keys={"PatientIdentifier": "x"}))


def test_a_key_that_is_not_text_is_told(archive):
    with pytest.raises(EndpointError, match="cannot be asked for"):
        pacs_of(archive).query(Query(keys={"Rows": "many"}))


def test_an_empty_archive_gives_an_empty_answer(archive):
    assert studies(archive) == []


def test_what_was_kept_is_found_after_a_restart(tmp_path):
    for run in range(2):
        with Spool(tmp_path / "a", digest=dataset_sha256) as spool, Archive(spool) as archive:
            if run == 0:
                pacs_of(archive).store([make_loop()])
            assert studies(archive) == [STUDY]


ALL_KEYS = dict.fromkeys(
    (
        *("PatientName", "PatientBirthDate", "StudyDate", "Modality", "BodyPartExamined"),
        *("ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    ),
    "",
)


def as_type(path: Path, tag: tuple[int, int], vr: bytes) -> Path:
    """The file with one data element that claims another value representation."""
    content = path.read_bytes()
    at = content.rfind(struct.pack("<HH", *tag), 0, -4 * 64 * 64 * 2) + 4
    assert at > 3
    path.write_bytes(content[:at] + vr + content[at + 2 :])
    return path


@pytest.mark.parametrize("keyword", ["Modality", "StudyDate", "PatientName", "PatientID"])
def test_an_object_that_lacks_an_attribute_is_kept_and_harms_no_query(archive, keyword):
    bare = make_loop(seed=1)
    delattr(bare, keyword)
    pacs_of(archive).store([bare, other_study()])
    assert sorted(studies(archive, **ALL_KEYS)) == [STUDY, OTHER_STUDY]


@pytest.mark.parametrize("uid", [None, "", "1.2/../3", "\x1b[31m1", "1" * 100])
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.filterwarnings("ignore:.*VR UI")
def test_an_object_that_names_no_series_is_refused_and_not_kept(archive, keyword, uid):
    loop = make_loop()
    setattr(loop, keyword, uid)
    with pytest.raises(RefusedError, match=f"0xA900; .*{keyword}"):
        pacs_of(archive).store([loop])
    assert archive.spool.objects() == ()


@pytest.mark.parametrize("tag", [(0x08, 0x18), (0x20, 0x0D), (0x20, 0x0E)])
@pytest.mark.parametrize("vr", [b"ZZ", b"US"])
def test_a_uid_of_another_type_is_refused_and_not_kept(archive, tmp_path, tag, vr):
    path = as_type(write(make_loop(), tmp_path / "loop.dcm"), tag, vr)
    with pytest.raises(RefusedError, match="0xC000"):
        pacs_of(archive).store([path])
    assert archive.spool.objects() == ()


@pytest.mark.parametrize("tag", [(0x10, 0x10), (0x08, 0x20), (0x08, 0x60)])
@pytest.mark.parametrize("vr", [b"ZZ", b"FD", b"US"])
def test_an_attribute_that_cannot_be_read_is_left_out_of_the_answers(tmp_path, tag, vr):
    path = as_type(write(make_loop(), tmp_path / "loop.dcm"), tag, vr)
    for run in range(2):
        with Spool(tmp_path / "a", digest=dataset_sha256) as spool, Archive(spool) as archive:
            if run == 0:
                pacs_of(archive).store([path, other_study()])
            assert sorted(studies(archive, **ALL_KEYS)) == [STUDY, OTHER_STUDY]


def test_what_lies_in_the_spool_and_is_no_object_does_not_keep_the_archive_down(tmp_path, caplog):
    with Spool(tmp_path / "a", digest=dataset_sha256) as spool:
        part = spool.incoming / "part"
        part.write_bytes(b"Geheim^Name" * 40)
        spool.admit(part, uid="1.2.3")
        with Archive(spool) as archive:
            pacs_of(archive).store([make_loop()])
            assert studies(archive) == [STUDY]
    assert "cannot be found by queries" in caplog.text
    assert "Geheim" not in caplog.text


@pytest.mark.parametrize("stars", [6, 25])
def test_a_query_of_many_wild_cards_is_answered_at_once(archive, stars):
    loop = make_loop()
    loop.PatientName = "a" * 60
    pacs_of(archive).store([loop])
    start = time.monotonic()
    assert studies(archive, PatientName="*a" * stars + "*b") == []
    assert time.monotonic() - start < 3.0


def test_nobody_there_is_unreachable_for_every_request(tmp_path):
    with Spool(tmp_path / "a") as spool, Archive(spool) as archive:
        pacs = pacs_of(archive)
    for request in (pacs.echo, lambda: pacs.query(Query()), lambda: pacs.store([make_loop()])):
        with pytest.raises(UnreachableError, match="nobody answers"):
            request()


def test_a_class_that_the_peer_does_not_take_is_a_refusal(archive):
    loop = make_loop()
    loop.SOPClassUID = loop.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    with pytest.raises(RefusedError, match="accepted none"):
        pacs_of(archive).store([loop])
    with pytest.raises(RefusedError, match="no presentation context"):
        pacs_of(archive).store([make_loop(), loop])


@pytest.mark.validator
def test_dcmtk_stores_and_finds(archive, tmp_path: Path):
    path = write(make_loop(), tmp_path / "loop.dcm")
    peer = ["-aec", "ARCHIVE", "127.0.0.1", str(archive.port)]
    subprocess.run([dcmtk("storescu"), *peer, str(path)], check=True, timeout=20)
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientID=SYN*"]
    done = subprocess.run(
        [dcmtk("findscu"), "-S", *keys, *peer],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert STUDY in done.stdout + done.stderr
    assert "SYNTH-1" in done.stdout + done.stderr
