"""Folders and memory are counterparts like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from network_loops import SERIES, STUDY, make_loop, write
from pydicom import dcmread

from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.folder import Folder
from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.errors import (
    ConflictError,
    EndpointError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.endpoints.base import Sink, Source


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for seed in (0, 1):
        (tmp_path / f"run{seed}").mkdir()
        write(make_loop(seed=seed), tmp_path / f"run{seed}" / "loop.dcm")
    return Folder(tmp_path)


def references(source: Source, **keys: str) -> list[LoopReference]:
    found = source.find(Query(level="IMAGE", keys=keys))
    return [one for one in found if isinstance(one, LoopReference)]


def test_a_folder_gives_every_loop_below_it(folder):
    found = references(folder)
    assert {one.sop_instance_uid for one in found} == {
        make_loop(seed=seed).SOPInstanceUID for seed in (0, 1)
    }
    assert {(one.study_instance_uid, one.series_instance_uid) for one in found} == {
        (STUDY, SERIES)
    }


def test_a_query_picks_loops_by_their_uids(folder):
    wanted = make_loop(seed=1).SOPInstanceUID
    (found,) = references(folder, SOPInstanceUID=wanted)
    assert found.sop_instance_uid == wanted
    assert len(references(folder, StudyInstanceUID=STUDY)) == 2
    assert references(folder, SeriesInstanceUID="1.2.3") == []


def test_a_loop_that_was_found_can_be_fetched(folder):
    wanted = make_loop(seed=1)
    (reference,) = references(folder, SOPInstanceUID=wanted.SOPInstanceUID)
    loop = folder.fetch(reference)
    assert np.array_equal(loop.frames.every(), wanted.pixel_array)


def test_what_cannot_be_read_is_told_and_the_rest_is_found(folder, tmp_path):
    content = (tmp_path / "run0" / "loop.dcm").read_bytes()
    (tmp_path / "run0" / "half.dcm").write_bytes(content[: len(content) // 2])
    found = list(folder.find(Query()))
    (fault,) = [one for one in found if isinstance(one, UnreadableObjectError)]
    assert "half.dcm" in fault.source
    assert len(found) == 3


def test_a_folder_that_is_not_there_is_told(tmp_path):
    (fault,) = Folder(tmp_path / "nowhere").find(Query())
    assert isinstance(fault, UnreadableObjectError)
    assert "nowhere" in str(fault)


def test_a_loop_that_is_gone_cannot_be_fetched(folder, tmp_path):
    reference = references(folder, SOPInstanceUID=make_loop(seed=0).SOPInstanceUID)[0]
    (tmp_path / "run0" / "loop.dcm").unlink()
    with pytest.raises(UnreadableObjectError, match="no loop"):
        folder.fetch(reference)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_folder_keeps_objects_under_their_uid(tmp_path, as_file):
    loop = make_loop()
    item = write(loop, tmp_path / "loop.dcm") if as_file else loop
    (receipt,) = Folder(tmp_path / "out").store([item])
    kept = tmp_path / "out" / f"{loop.SOPInstanceUID}.dcm"
    assert receipt.destination == str(kept)
    assert dcmread(kept) == loop
    assert [path.name for path in (tmp_path / "out").iterdir()] == [kept.name]


def test_a_folder_takes_the_same_again_and_refuses_other_content(tmp_path):
    uid = make_loop().SOPInstanceUID
    folder = Folder(tmp_path / "out")
    folder.store([make_loop(uid), make_loop(uid)])
    with pytest.raises(ConflictError, match="other content"):
        folder.store([make_loop(uid, seed=1)])
    assert dcmread(tmp_path / "out" / f"{uid}.dcm") == make_loop(uid)


def test_what_is_no_object_is_not_stored(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("no DICOM")
    with pytest.raises(UnreadableObjectError, match=r"note\.txt"):
        Folder(tmp_path / "out").store([path])


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_uid_that_is_none_becomes_no_file(tmp_path):
    loop = make_loop()
    loop.SOPInstanceUID = "../escaped"
    with pytest.raises(UnreadableObjectError, match="not valid"):
        Folder(tmp_path / "out").store([loop])
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be written"):
        Folder(tmp_path / "file").store([make_loop()])


def test_memory_gives_its_loops_and_keeps_objects(folder, tmp_path):
    loops = [folder.fetch(reference) for reference in references(folder)]
    memory = Memory(loops)
    (reference,) = references(memory, SOPInstanceUID=loops[1].reference.sop_instance_uid)
    assert memory.fetch(reference) is loops[1]
    path = write(make_loop(seed=3), tmp_path / "other.dcm")
    sink: Sink = memory
    assert len(sink.store([make_loop(), path, make_loop()])) == 3
    assert set(memory.objects) == {make_loop().SOPInstanceUID, make_loop(seed=3).SOPInstanceUID}


def test_memory_refuses_other_content_and_unknown_loops():
    memory = Memory()
    uid = make_loop().SOPInstanceUID
    memory.store([make_loop(uid)])
    with pytest.raises(ConflictError, match="other content"):
        memory.store([make_loop(uid, seed=1)])
    reference = LoopReference(
        study_instance_uid="1.2",
        series_instance_uid="1.3",
        sop_instance_uid="1.4",
        sop_class_uid="1.5",
    )
    with pytest.raises(EndpointError, match=r"1\.4"):
        memory.fetch(reference)
