"""What a peer sends gets its name when it is whole, and never takes the place of something."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from network_loops import make_loop, write

from napari_fluoroinject.endpoints.landing import land, loop_in_memory, scratch
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError


def test_a_whole_object_lands_under_its_uid(tmp_path):
    loop = make_loop()
    content = write(loop, tmp_path / "part").read_bytes()
    path = land(tmp_path / "part", tmp_path, uid=loop.SOPInstanceUID)
    assert path == tmp_path / f"{loop.SOPInstanceUID}.dcm"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_again_lands_and_other_content_does_not(tmp_path):
    uid = make_loop().SOPInstanceUID
    for _ in range(2):
        path = land(write(make_loop(uid), tmp_path / "part"), tmp_path)
    content = path.read_bytes()
    with pytest.raises(ConflictError, match="other content"):
        land(write(make_loop(uid, seed=1), tmp_path / "part"), tmp_path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_what_is_not_whole_is_gone_without_a_name(tmp_path, kept):
    part = write(make_loop(), tmp_path / "part")
    part.write_bytes(part.read_bytes()[:kept])
    with pytest.raises(UnreadableObjectError):
        land(part, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_short_pixel_data_do_not_land(tmp_path):
    loop = make_loop()
    loop.NumberOfFrames = 5
    with pytest.raises(UnreadableObjectError):
        land(write(loop, tmp_path / "part"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_object_than_was_asked_for_does_not_land(tmp_path):
    with pytest.raises(UnreadableObjectError, match="another object"):
        land(write(make_loop(), tmp_path / "part"), tmp_path, uid="1.2.3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_uid_that_is_a_path_names_no_file(tmp_path):
    (tmp_path / "in").mkdir()
    loop = make_loop()
    loop.SOPInstanceUID = "../escaped"
    with pytest.raises(UnreadableObjectError):
        land(write(loop, tmp_path / "in" / "part"), tmp_path / "in")
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        land(write(make_loop(), tmp_path / "part"), tmp_path / "nowhere")


def test_a_scratch_folder_is_private_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        write(make_loop(), folder / "loop.dcm")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_stays(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "fluoroinject-fetched-left"
    left.mkdir()
    (left / "held").touch()
    (left / "1.2.3.dcm").write_bytes(b"pixels")
    with scratch() as living, scratch() as other:
        assert not left.exists()
        assert living.is_dir()
        assert other.is_dir()


def test_a_loop_in_memory_outlives_its_files(tmp_path):
    dataset = make_loop()
    path = write(dataset, tmp_path / "loop.dcm")
    loop = loop_in_memory([path])
    path.unlink()
    assert np.array_equal(loop.frames.every(), dataset.pixel_array)
    assert np.array_equal(loop.frames.frame(2), dataset.pixel_array[2])


def test_a_preamble_that_may_be_a_program_lands_zeroed(tmp_path):
    loop = make_loop()
    loop.preamble = b"MZ" + bytes(126)
    path = land(write(loop, tmp_path / "part"), tmp_path)
    assert path.read_bytes()[:132] == bytes(128) + b"DICM"
