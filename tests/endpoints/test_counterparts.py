"""Folder, memory and archives are asked by the same words, and answer alike."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_loops import SERIES, STUDY, make_loop, write

from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import NotSent, Query, Receipt
from napari_fluoroinject.endpoints.dicomweb import DicomWeb
from napari_fluoroinject.endpoints.folder import Folder
from napari_fluoroinject.endpoints.found import references
from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.errors import (
    EndpointError,
    SettingsError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.settings import parse_settings
from napari_fluoroinject.settings.network import Tls

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Counterpart, Feed, Preview


@pytest.fixture(params=["folder", "memory"])
def counterpart(request, tmp_path) -> Counterpart:
    loops = [make_loop(seed=seed) for seed in range(2)]
    if request.param == "memory":
        memory = Memory()
        memory.store(loops)
        return memory
    (tmp_path / "in").mkdir()
    for number, loop in enumerate(loops):
        write(loop, tmp_path / "in" / f"{number}.dcm")
    (tmp_path / "in" / "note.txt").write_text("no DICOM")
    (tmp_path / "in" / "junk").write_bytes(b"junk")
    return Folder(tmp_path / "in")


def test_queries_are_answered_at_every_level(counterpart):
    asked = {"PatientName": "phan*", "StudyDate": "20260101-", "NumberOfStudyRelatedInstances": ""}
    (study,) = counterpart.query(Query(level="STUDY", keys=asked))
    assert study == {
        "StudyInstanceUID": STUDY,
        "PatientName": "Phantom^Lumbar",
        "StudyDate": "20260102",
        "NumberOfStudyRelatedInstances": "2",
    }
    keys = {"StudyInstanceUID": STUDY, "Modality": "XA", "NumberOfSeriesRelatedInstances": ""}
    (series,) = counterpart.query(Query(level="SERIES", keys=keys))
    assert (series["SeriesInstanceUID"], series["NumberOfSeriesRelatedInstances"]) == (SERIES, "2")
    images = counterpart.query(Query(level="IMAGE", keys={"NumberOfFrames": ""}))
    assert {one["SOPInstanceUID"] for one in images} == {
        make_loop(seed=seed).SOPInstanceUID for seed in range(2)
    }
    assert {one["NumberOfFrames"] for one in images} == {"4"}
    assert counterpart.query(Query(level="STUDY", keys={"PatientID": "NOBODY"})) == ()
    two = {"ModalitiesInStudy": "", "NumberOfStudyRelatedSeries": ""}
    (study,) = counterpart.query(Query(level="STUDY", keys=two))
    assert (study["ModalitiesInStudy"], study["NumberOfStudyRelatedSeries"]) == ("XA", "1")


@pytest.mark.parametrize("key", ["Patient", "PixelData"])
def test_what_cannot_be_asked_is_told(counterpart, key):
    with pytest.raises(EndpointError, match=key):
        counterpart.query(Query(keys={key: "x"}))


def test_objects_come_as_files_under_their_uid(counterpart, tmp_path):
    (out := tmp_path / "out").mkdir()
    uids = {make_loop(seed=seed).SOPInstanceUID for seed in range(2)}
    paths = list(counterpart.retrieve(Query(keys={"StudyInstanceUID": STUDY}), out))
    assert {path.stem for path in paths} == uids
    assert {path.parent for path in paths} == {out}
    assert len(list(counterpart.retrieve(Query(keys={"SOPInstanceUID": min(uids)}), out))) == 1
    assert sorted(out.iterdir()) == sorted(paths)


def test_an_object_that_is_not_there_is_told(counterpart, tmp_path):
    (out := tmp_path / "out").mkdir()
    nowhere = LoopReference(
        study_instance_uid=STUDY,
        series_instance_uid=SERIES,
        sop_instance_uid="1.2.3",
        sop_class_uid="1.5",
    )
    with pytest.raises((EndpointError, UnreadableObjectError), match=r"no object 1\.2\.3"):
        list(counterpart.retrieve(nowhere, out))
    assert list(out.iterdir()) == []


def test_one_object_that_is_refused_does_not_end_the_rest(counterpart):
    uid = make_loop().SOPInstanceUID
    fresh = Memory() if isinstance(counterpart, Memory) else counterpart
    items = [make_loop(uid), make_loop(uid, seed=1), make_loop(seed=5)]
    first, second, third = fresh.send(items)
    assert isinstance(first, Receipt)
    assert isinstance(second, NotSent)
    assert second.item is items[1]
    assert isinstance(third, Receipt)


def test_a_damaged_object_does_not_hide_the_rest(tmp_path, caplog):
    good, bad = make_loop(), make_loop(seed=1)
    write(good, tmp_path / "good.dcm")
    bad.PatientAge = "041Y"
    content = write(bad, tmp_path / "bad.dcm").read_bytes()
    # a float whose length is none
    (tmp_path / "bad.dcm").write_bytes(content.replace(b"AS\x04\x00041Y", b"FD\x04\x00041Y"))
    found = Folder(tmp_path).query(Query(level="IMAGE"))
    assert [one["SOPInstanceUID"] for one in found] == [good.SOPInstanceUID]
    assert "cannot be found by queries" in caplog.text


def test_a_folder_that_is_not_there_is_no_empty_answer(tmp_path):
    with pytest.raises(UnreadableObjectError, match="no such file or folder"):
        Folder(tmp_path / "nowhere").query(Query())


def test_memory_previews_and_plays_its_loops(tmp_path):
    dataset = make_loop()
    dataset.FrameTime, dataset.FrameIncrementPointer = "100", 0x00181063
    write(dataset, tmp_path / "loop.dcm")
    folder = Folder(tmp_path)
    (reference,) = (one for one in folder.find(Query()) if isinstance(one, LoopReference))
    memory = Memory([folder.fetch(reference)])
    preview: Preview = memory
    assert np.array_equal(preview.frame(reference, 2), dataset.pixel_array[2])
    feed: Feed = memory
    played = list(feed)
    assert [frame.index for frame in played] == [0, 1, 2, 3]
    assert [frame.time_s for frame in played] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert np.array_equal(np.stack([frame.pixels for frame in played]), dataset.pixel_array)


def test_a_loop_without_times_is_not_played(tmp_path):
    write(make_loop(), tmp_path / "loop.dcm")
    folder = Folder(tmp_path)
    (reference,) = (one for one in folder.find(Query()) if isinstance(one, LoopReference))
    loop = folder.fetch(reference)
    assert loop.times_s is None
    with pytest.raises(EndpointError, match="no times"):
        list(Memory([loop]))


TEXT = st.one_of(st.text(max_size=5), st.sampled_from(["1.2.3", "1.2.840.10008.5.1.4.1.1.12.1"]))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "StudyInstanceUID",
                    "SeriesInstanceUID",
                    "SOPInstanceUID",
                    "SOPClassUID",
                    "NumberOfFrames",
                    "InstanceNumber",
                    "Rows",
                ]
            ),
            TEXT,
        ),
        max_size=5,
    )
)
def test_any_answers_are_loops_or_told(answers):
    for found in references(answers):
        if isinstance(found, LoopReference):
            assert set(found.sop_instance_uid) <= set("0123456789.")


def test_connect_knows_every_kind_of_address(tmp_path: Path):
    (tmp_path / "token").write_text("abc")
    (tmp_path / "fluoroinject.toml").write_text(
        f"""
        [endpoints.pacs]
        url = "pacs://ME:ARCHIVE@10.0.0.5:104?StudyInstanceUID=1.2"
        [endpoints.web]
        url = "dicomweb+https://archive.example/dicom-web"
        token_file = "token"
        [endpoints.files]
        url = "{tmp_path}"
        [listen]
        ae_title = "ME"
        port = 11113
        """
    )
    path = tmp_path / "fluoroinject.toml"
    settings = parse_settings(path.read_text(), path=path)
    pacs, query = connect("pacs", settings)
    assert isinstance(pacs, Pacs)
    assert (pacs.called, pacs.port, pacs.inbound.port) == ("ARCHIVE", 104, 11113)
    assert query.keys == {"StudyInstanceUID": "1.2"}
    _, query = connect("pacs?StudyInstanceUID=1.3&SOPInstanceUID=1.4", settings)
    assert query.keys == {"StudyInstanceUID": "1.3", "SOPInstanceUID": "1.4"}
    web, _ = connect("web", settings)
    assert isinstance(web, DicomWeb)
    assert str(web) == "https://archive.example/dicom-web"
    files, query = connect(f"files?SeriesInstanceUID={SERIES}", settings)
    assert str(files) == str(tmp_path)
    assert query.keys == {"SeriesInstanceUID": SERIES}
    assert isinstance(connect(str(tmp_path))[0], Folder)


def test_a_folder_whose_name_holds_a_question_mark_is_a_folder(tmp_path):
    (odd := tmp_path / "why?a=b").mkdir()
    folder, query = connect(str(odd))
    assert str(folder) == str(odd)
    assert not query.keys


def test_what_cannot_be_connected_to_is_told(tmp_path):
    with pytest.raises(SettingsError, match="ftp://host"):
        connect("ftp://host/x")
    with pytest.raises(EndpointError, match="'PatientName' cannot be asked for"):
        connect(f"{tmp_path}?PatientName=x")
    with pytest.raises(EndpointError, match="cannot be used for TLS"):
        DicomWeb("dicomweb+https://host/x", tls=Tls(ca=tmp_path / "nowhere.pem"))


def test_dicomweb_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "napari_fluoroinject.endpoints.dicomweb", raising=False)
    monkeypatch.setitem(sys.modules, "dicomweb_client", None)
    with pytest.raises(EndpointError, match=r"napari-fluoroinject\[dicomweb\]"):
        connect("dicomweb+https://host/x")
