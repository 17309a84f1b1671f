"""Orthanc over DICOMweb: what is stored is found, fetched and previewed as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from network_loops import SERIES, STUDY, make_loop, write
from peers import Peer, orthanc
from pydicom import dcmread
from pydicom.uid import RLELossless, SecondaryCaptureImageStorage
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.endpoints import connect
from napari_fluoroinject.endpoints.base import NotSent, Query, Receipt
from napari_fluoroinject.endpoints.dicomweb import DicomWeb
from napari_fluoroinject.endpoints.folder import Folder
from napari_fluoroinject.endpoints.stow import batches, prepared
from napari_fluoroinject.errors import (
    ConflictError,
    EndpointError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.settings import parse_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

pytestmark = pytest.mark.network
LOOP = "sample_data/mbb_lumbar_none_1.dcm"


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    with orthanc(tmp_path_factory.mktemp("orthanc"), dicomweb=True) as peer:
        yield peer


@pytest.fixture
def peer(running: Peer) -> Peer:
    running.forget_everything()
    return running


@pytest.fixture
def web(peer: Peer) -> Iterator[DicomWeb]:
    with DicomWeb(peer.dicomweb) as web:
        yield web


def frames_of_one_series(count: int = 4) -> list[Dataset]:
    frames = []
    for number in range(count):
        one = make_loop(seed=number, frames=1)
        one.SeriesInstanceUID, one.InstanceNumber = f"{SERIES}.2", count - number
        frames.append(one)
    return frames


def the_loop(web: DicomWeb, **keys: str) -> LoopReference:
    (found,) = web.find(Query(level="IMAGE", keys=keys))
    assert isinstance(found, LoopReference)
    return found


def test_stored_loops_are_found_at_every_level(web):
    loops = [make_loop(seed=seed) for seed in range(3)]
    receipts = web.store(loops)
    assert [(one.sop_instance_uid, one.status) for one in receipts] == [
        (loop.SOPInstanceUID, 0) for loop in loops
    ]
    keys = {"PatientName": "phan*", "StudyDate": "20260101-20260131", "ModalitiesInStudy": ""}
    (study,) = web.query(Query(level="STUDY", keys=keys))
    assert study == {
        "StudyInstanceUID": STUDY,
        "PatientName": "Phantom^Lumbar",
        "StudyDate": "20260102",
        "ModalitiesInStudy": "XA",
    }
    asked = {"StudyInstanceUID": STUDY, "NumberOfSeriesRelatedInstances": ""}
    (series,) = web.query(Query(level="SERIES", keys=asked))
    assert (series["SeriesInstanceUID"], series["NumberOfSeriesRelatedInstances"]) == (SERIES, "3")
    for given in ({}, {"StudyInstanceUID": STUDY}, {"SeriesInstanceUID": SERIES}):
        images = web.query(Query(level="IMAGE", keys=given | {"NumberOfFrames": ""}))
        assert {one["SOPInstanceUID"] for one in images} == {one.SOPInstanceUID for one in loops}
        assert {one["NumberOfFrames"] for one in images} == {"4"}
    two = "\\".join(one.SOPInstanceUID for one in loops[:2])
    assert len(web.query(Query(level="IMAGE", keys={"SOPInstanceUID": two}))) == 2


def test_nothing_found_is_an_empty_answer(web):
    assert web.query(Query(level="STUDY", keys={"PatientID": "NOBODY"})) == ()
    assert list(web.find(Query(keys={"StudyInstanceUID": "1.2.3"}))) == []


def test_a_key_that_is_no_keyword_is_told_before_anybody_is_asked(web):
    with pytest.raises(EndpointError, match="'Patient' is not a DICOM keyword"):
        web.query(Query(keys={"Patient": "x"}))


def test_a_whole_loop_comes_as_it_was_sent(web, tmp_path):
    loop = make_loop()
    sent = write(loop, tmp_path / "sent.dcm")
    web.store([sent])
    (tmp_path / "out").mkdir()
    (path,) = web.retrieve(the_loop(web), tmp_path / "out")
    assert path == tmp_path / "out" / f"{loop.SOPInstanceUID}.dcm"
    assert path.read_bytes() == sent.read_bytes()
    assert list((tmp_path / "out").iterdir()) == [path]
    assert np.array_equal(web.fetch(the_loop(web)).frames.every(), loop.pixel_array)


def test_a_query_brings_every_object_that_matches(web, tmp_path):
    loops = [make_loop(seed=seed) for seed in range(3)]
    web.store(loops)
    paths = list(web.retrieve(Query(keys={"StudyInstanceUID": STUDY}), tmp_path))
    assert {path.stem for path in paths} == {one.SOPInstanceUID for one in loops}
    assert all(dcmread(path).PixelData for path in paths)


def test_what_came_before_is_not_asked_for_again(web, peer, tmp_path):
    web.store([make_loop()])
    reference = the_loop(web)
    (path,) = web.retrieve(reference, tmp_path / "new" / "out")
    peer.forget_everything()
    assert list(web.retrieve(reference, path.parent)) == [path]


def test_the_command_line_finds_stores_and_fetches(peer, tmp_path):
    loop = make_loop()
    path = write(loop, tmp_path / "loop.dcm")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "answers" in run("echo", peer.dicomweb)
    assert "1 of 1 objects kept" in run("store", peer.dicomweb, str(path))
    (found,) = json.loads(run("find", peer.dicomweb, "PatientID=SYNTH-1", "--json"))
    assert found["SOPInstanceUID"] == loop.SOPInstanceUID
    run("fetch", peer.dicomweb, STUDY, "--out", str(tmp_path / "out"))
    (fetched,) = (tmp_path / "out").iterdir()
    assert fetched.read_bytes() == path.read_bytes()


def test_other_content_in_the_folder_is_never_replaced(web, tmp_path):
    loop = make_loop()
    web.store([loop])
    held = tmp_path / f"{loop.SOPInstanceUID}.dcm"
    held.write_bytes(b"mine")
    with pytest.raises(ConflictError):
        list(web.retrieve(the_loop(web), tmp_path))
    assert held.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [held]


def test_single_frames_of_a_series_are_one_loop_in_their_order(web):
    frames = frames_of_one_series()
    web.store(frames)
    loop = the_loop(web)
    expected = np.concatenate([one.pixel_array[None] for one in reversed(frames)])
    assert loop.frame_instance_uids == tuple(one.SOPInstanceUID for one in reversed(frames))
    assert np.array_equal(web.fetch(loop).frames.every(), expected)
    assert np.array_equal(web.frame(loop, 1), expected[1])


@pytest.mark.parametrize("coded", [False, True], ids=["native", "RLE"])
def test_a_frame_is_the_one_of_the_file(web, coded):
    loop = make_loop()
    pixels = loop.pixel_array
    if coded:
        loop.compress(RLELossless, generate_instance_uid=False)
    web.store([loop])
    reference = the_loop(web)
    for index in range(4):
        assert np.array_equal(web.frame(reference, index), pixels[index])


@pytest.mark.parametrize("kind", ["signed", "8 bits", "overlay bits", "colour"])
def test_a_frame_of_every_kind_is_the_one_that_the_reader_gives(web, tmp_path, kind):
    loop = make_loop()
    if kind == "signed":
        loop.PixelRepresentation = 1
    elif kind == "8 bits":
        loop.BitsAllocated, loop.BitsStored, loop.HighBit = 8, 8, 7
        loop.PixelData = loop.PixelData[: 4 * 64 * 64]
    elif kind == "overlay bits":
        loop.PixelData = (np.frombuffer(loop.PixelData, "<u2") | 0x8000).tobytes()
    else:
        loop.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.4"
        loop.file_meta.MediaStorageSOPClassUID = loop.SOPClassUID
        loop.SamplesPerPixel, loop.PlanarConfiguration = 3, 0
        loop.PhotometricInterpretation = "RGB"
        loop.BitsAllocated, loop.BitsStored, loop.HighBit = 8, 8, 7
        loop.Columns = 32
        loop.PixelData = loop.PixelData[: 4 * 64 * 32 * 3]
    write(loop, tmp_path / "loop.dcm")
    (reference,) = Folder(tmp_path).find(Query())
    assert isinstance(reference, LoopReference)
    web.store([loop])
    expected = Folder(tmp_path).fetch(reference).frames.frame(2)
    assert np.array_equal(web.frame(the_loop(web), 2), expected)
    assert web.frame(the_loop(web), 2).dtype == expected.dtype


def test_a_frame_outside_the_loop_is_no_other_frame(web):
    web.store([make_loop()])
    for index in (-1, 4):
        with pytest.raises(EndpointError, match=f"no frame {index}"):
            web.frame(the_loop(web), index)


def test_what_holds_no_loop_is_not_found_as_one(web):
    capture = make_loop(seed=7, frames=1)
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    capture.file_meta.MediaStorageSOPClassUID = capture.SOPClassUID
    web.store([capture])
    assert list(web.find(Query())) == []
    still = make_loop(seed=8, frames=1)
    still.SOPClassUID = still.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    web.store([still])
    assert the_loop(web).sop_instance_uid == still.SOPInstanceUID


@pytest.mark.slow
def test_results_of_every_kind_are_kept_in_the_study_of_their_source(web, tmp_path):
    done = CliRunner().invoke(
        app,
        ["analyze", LOOP, "--procedure", "mbb_lumbar", "--also", "all", "--out", str(tmp_path)],
    )
    assert done.exit_code == 0, done.output
    paths = sorted(tmp_path.rglob("*.dcm"))
    study = str(dcmread(LOOP, specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
    assert len({dcmread(path, stop_before_pixels=True).SOPClassUID for path in paths}) >= 8
    receipts = web.store(paths)
    assert [one.status for one in receipts] == [0] * len(paths)
    found = web.query(Query(level="IMAGE", keys={"StudyInstanceUID": study}))
    assert {one["SOPInstanceUID"] for one in found} == {one.sop_instance_uid for one in receipts}
    (back := tmp_path / "back").mkdir()
    retrieved = {path.stem: path for path in web.retrieve(Query(keys={}), back)}
    for path in paths:
        own = retrieved[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)]
        assert own.read_bytes() == path.read_bytes()


def test_the_same_object_again_is_kept_and_one_that_is_none_does_not_end_the_rest(web, tmp_path):
    loop = make_loop()
    web.store([loop])
    note = tmp_path / "note.txt"
    note.write_text("no DICOM")
    told = list(web.send([note, loop, tmp_path / "nowhere.dcm", make_loop(seed=1)]))
    refused = [one for one in told if isinstance(one, NotSent)]
    assert [one.item for one in refused] == [note, tmp_path / "nowhere.dcm"]
    assert all(isinstance(one.error, UnreadableObjectError) for one in refused)
    assert sum(isinstance(one, Receipt) for one in told) == 2
    with pytest.raises(UnreadableObjectError, match=r"note\.txt"):
        web.store([make_loop(seed=2), note])


def test_one_request_stays_below_its_size(monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.endpoints.stow.BATCH_BYTES", 100_000)
    items = [prepared(make_loop(seed=seed)) for seed in range(5)]  # 33 kB each
    assert [len(batch) for batch in batches(items)] == [2, 2, 1] or [
        len(batch) for batch in batches(items)
    ] == [3, 2]
    large = prepared(make_loop(frames=20))
    assert [len(batch) for batch in batches([items[0], large, items[1]])] == [1, 1, 1]


def test_an_address_that_serves_something_else_is_refused(peer):
    elsewhere = peer.dicomweb.removesuffix("/dicom-web") + "/elsewhere"
    with (
        DicomWeb(elsewhere) as web,
        pytest.raises(RefusedError, match=r"404 Not Found.*see the root of the URL"),
    ):
        web.query(Query())


def test_an_object_that_is_not_there_is_refused(web, tmp_path):
    nowhere = LoopReference(
        study_instance_uid="1.2",
        series_instance_uid="1.3",
        sop_instance_uid="1.4",
        sop_class_uid="1.5",
    )
    with pytest.raises(RefusedError, match="404"):
        list(web.retrieve(nowhere, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_told(unused_port):
    with (
        DicomWeb(f"dicomweb+http://127.0.0.1:{unused_port}/x") as web,
        pytest.raises(UnreachableError, match="nobody answers"),
    ):
        web.query(Query())


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("dicomweb+http://10.0.0.5/dicom-web", "for all to read"),
        ("dicomweb+http://example.org/dicom-web", "for all to read"),
        ("dicomweb+https:///dicom-web", "not the address"),
        ("dicomweb+ftp://host/x", "not the address"),
        ("https://host/x", "not the address"),
        ("dicomweb+https://host:port/x", "Port could not be cast"),
        ("dicomweb+https://host/x?a=b", "does not belong"),
    ],
)
def test_an_address_that_cannot_be_is_told(url, seen):
    with pytest.raises(EndpointError, match=seen):
        DicomWeb(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(EndpointError) as caught:
        DicomWeb("dicomweb+https://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_connect_speaks_dicomweb_by_url_and_by_name(peer, tmp_path):
    with DicomWeb(peer.dicomweb) as web:
        web.store([make_loop()])
    settings = parse_settings(
        f'[endpoints.archive]\nurl = "{peer.dicomweb}"\n', path=tmp_path / "fluoroinject.toml"
    )
    for address in (peer.dicomweb, f"archive?StudyInstanceUID={STUDY}"):
        counterpart, query = connect(address, settings)
        assert isinstance(counterpart, DicomWeb)
        with counterpart:
            (found,) = counterpart.find(query)
            assert found.study_instance_uid == STUDY
