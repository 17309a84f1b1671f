"""Loops are found in folders; single frames become one loop; nothing is lost silently."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.uid import JPEGLosslessSV1
from small_loops import (
    REFERENCE,
    data_set_of,
    identity,
    item,
    picture,
    raw_file,
    small_loop,
    small_object,
    written,
)

from napari_fluoroinject.dicom.cine_object import encode_series
from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from pathlib import Path


def series(folder: Path, loop=None, prefix="frame", **options) -> list[Path]:
    """Single frames of one series, named against their order."""
    loop = small_loop() if loop is None else loop
    datasets = encode_series(loop, identity=identity(), **options)
    return [
        written(folder, dataset, f"{prefix}{len(datasets) - k}.dcm")
        for k, dataset in enumerate(datasets)
    ]


def renamed(dataset, number: int):
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    return dataset


@pytest.mark.parametrize("kind", ["xa", "rf", "sc"])
def test_single_frames_of_a_series_are_one_loop(tmp_path, kind):
    loop = small_loop(times_s=np.array([0, 0.1, 0.2, 0.4, 0.5]))
    paths = series(tmp_path, loop, kind=kind)
    (found,) = find_loops([tmp_path])
    assert found.paths == tuple(paths)
    read = read_loop(*sorted(paths))
    assert read.reference == found.reference
    assert len(read.reference.frame_instance_uids) == 5
    assert read.reference.sop_instance_uid == read.reference.frame_instance_uids[0]
    assert np.array_equal(read.frames.every(), picture())
    assert np.array_equal(read.frames.frame(3), picture()[3])
    assert read.frames.shape == (5, 24, 32)
    if kind != "sc":
        assert read.times_s == pytest.approx(loop.times_s, abs=2e-6)


def test_the_order_of_single_frames_falls_back_to_their_clock(tmp_path):
    datasets = encode_series(small_loop(), identity=identity())
    paths = []
    for k, dataset in enumerate(datasets):
        dataset.InstanceNumber = 1
        paths.append(written(tmp_path, dataset, f"{9 - k}.dcm"))
    assert np.array_equal(read_loop(*sorted(paths)).frames.every(), picture())


@pytest.mark.parametrize("clock", ["AcquisitionDateTime", "ContentTime"])
def test_any_clock_of_single_frames_gives_their_times(tmp_path, clock):
    paths = []
    for k, dataset in enumerate(encode_series(small_loop(), identity=identity())):
        del dataset.AcquisitionTime
        if clock == "AcquisitionDateTime":
            dataset.AcquisitionDateTime = f"2026010110150{k}.5"
            del dataset.ContentTime
        paths.append(written(tmp_path, dataset, f"{k}.dcm"))
    times = read_loop(*paths).times_s
    step = 1.0 if clock == "AcquisitionDateTime" else 1 / 15
    assert times == pytest.approx(np.arange(5) * step, abs=2e-6)


def without_clocks(dataset):
    for keyword in ("AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"):
        if keyword in dataset:
            delattr(dataset, keyword)
    return dataset


@pytest.mark.parametrize("frame_time", [None, "50"])
def test_single_frames_without_a_clock_use_their_frame_time_or_have_no_seconds(
    tmp_path, frame_time
):
    paths = []
    for k, dataset in enumerate(encode_series(small_loop(), identity=identity())):
        if frame_time:
            dataset.FrameTime = frame_time
        paths.append(written(tmp_path, without_clocks(dataset), f"{k}.dcm"))
    loop = read_loop(*paths)
    if frame_time:
        assert loop.times_s == pytest.approx(np.arange(5) * 0.05)
        assert any("their times come from Frame Time" in note for note in loop.notes)
    else:
        assert loop.times_s is None


def test_single_frames_whose_clock_stands_still_have_no_seconds(tmp_path):
    paths = []
    for k, dataset in enumerate(encode_series(small_loop(), identity=identity())):
        dataset.AcquisitionTime = "101500"
        paths.append(written(tmp_path, dataset, f"{k}.dcm"))
    assert read_loop(*paths).times_s is None


def test_single_frames_without_an_order_are_refused_and_named(tmp_path):
    for k, dataset in enumerate(encode_series(small_loop(), identity=identity())):
        del dataset.InstanceNumber
        written(tmp_path, without_clocks(dataset), f"{k}.dcm")
    (error,) = find_loops([tmp_path])
    assert isinstance(error, UnreadableObjectError)
    assert "whose order is not told" in str(error)


def test_what_differs_between_single_frames_is_not_said_of_the_loop(tmp_path):
    paths = []
    for k, dataset in enumerate(encode_series(small_loop(), identity=identity())):
        dataset.KVP, dataset.PositionerPrimaryAngle = str(70 + k), str(k)
        dataset.ImageLaterality = "LR"[k % 2]
        dataset.DistanceSourceToDetector = str(1000 + 10 * k)
        paths.append(written(tmp_path, dataset, f"{k}.dcm"))
    loop = read_loop(*paths)
    assert (loop.kvp, loop.laterality, loop.calibration) == (None, None, None)
    assert loop.view.primary_angle_deg is None
    assert any("C-arm moved" in note for note in loop.notes)
    assert any("differs from frame to frame" in note for note in loop.notes)


def test_frames_of_other_series_planes_and_sizes_stay_apart(tmp_path):
    series(tmp_path)
    for k, change in enumerate(("series", "plane", "size", "bits")):
        loop = small_loop(10 if change == "bits" else 12)
        if change == "size":
            loop = small_loop(stored=picture(12, 5, 16, 32))
        for n, dataset in enumerate(encode_series(loop, identity=identity())):
            renamed(dataset, 10 * (k + 1) + n)
            if change == "series":
                dataset.SeriesInstanceUID = "1.2.3"
            elif change == "plane":
                dataset.ImageType = ["ORIGINAL", "PRIMARY", "BIPLANE B"]
            written(tmp_path, dataset, f"{change}{n}.dcm")
    found = list(find_loops([tmp_path]))
    assert [len(one.paths) for one in found] == [5] * 5


def test_an_image_made_from_a_fellow_is_no_next_frame(tmp_path):
    series(tmp_path)
    copy = renamed(encode_series(small_loop(), identity=identity())[0], 99)
    copy.InstanceNumber = 99
    copy.SourceImageSequence = [
        item(
            ReferencedSOPClassUID=copy.SOPClassUID,
            ReferencedSOPInstanceUID=encode_series(small_loop(), identity=identity())[
                0
            ].SOPInstanceUID,
        )
    ]
    written(tmp_path, copy, "copy.dcm")
    assert sorted(len(one.paths) for one in find_loops([tmp_path])) == [1, 5]


def test_a_lone_image_that_names_itself_as_its_source_is_still_found(tmp_path):
    alone = encode_series(small_loop(), identity=identity())[0]
    alone.SourceImageSequence = [
        item(
            ReferencedSOPClassUID=alone.SOPClassUID, ReferencedSOPInstanceUID=alone.SOPInstanceUID
        )
    ]
    path = written(tmp_path, alone)
    assert [one.paths for one in find_loops([tmp_path])] == [(path,)]


def test_a_folder_is_walked_and_what_is_no_loop_is_counted(tmp_path, caplog):
    below = tmp_path / "study" / "series"
    below.mkdir(parents=True)
    path = written(below)
    (tmp_path / "README.md").write_text("no loop")
    (tmp_path / ".hidden").mkdir()
    shutil.copy(path, tmp_path / ".hidden" / "loop.dcm")
    shutil.copy(path, tmp_path / "study" / "series-copy.dcm")
    report = renamed(small_object(), 5)
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    written(tmp_path, report, "report.dcm")
    skipped: Counter[str] = Counter()
    with caplog.at_level(logging.INFO):
        found = list(find_loops([tmp_path], skipped=skipped))
    assert [one.paths for one in found] == [(path,)]
    assert skipped == {"not DICOM": 1, "copy": 1, "Comprehensive SR Storage": 1}
    assert "1 x copy" in caplog.text


def test_broken_files_are_items_and_the_rest_goes_on(tmp_path):
    good = written(tmp_path, name="b.dcm")
    whole = good.read_bytes()
    (tmp_path / "a.dcm").write_bytes(whole[:3000])
    (tmp_path / "c.dcm").write_bytes(b"not dicom at all")
    (tmp_path / "1.2.840.113").write_bytes(b"")
    other = small_object()
    other.Rows = 65535
    written(tmp_path, renamed(other, 7), "d.dcm")
    found = list(find_loops([tmp_path]))
    errors = [one for one in found if isinstance(one, UnreadableObjectError)]
    assert [one.source for one in errors] == ["1.2.840.113", "a.dcm", "c.dcm", "d.dcm"]
    assert [one.paths for one in found if isinstance(one, LoopFiles)] == [(good,)]


def test_the_same_uid_with_other_content_is_an_error(tmp_path):
    written(tmp_path, name="a.dcm")
    written(tmp_path, small_object(small_loop(stored=picture()[::-1])), "b.dcm")
    first, second = find_loops([tmp_path])
    assert first.paths[0].name == "a.dcm"
    assert "UID of a.dcm with other content" in str(second)


def network_copy(path: Path, name: str, *, group_lengths: bool = False) -> Path:
    """The same data set behind another writer's file meta information."""
    data_set = data_set_of(path)
    if group_lengths:
        at = data_set.index(b"\x10\x00\x10\x00PN")  # Patient's Name begins group 0010
        retired = b"\x10\x00\x00\x00UL\x04\x00" + (4).to_bytes(4, "little")
        data_set = data_set[:at] + retired + data_set[at:]
    return raw_file(path.parent, data_set, name=name)


@pytest.mark.parametrize("group_lengths", [False, True])
def test_a_copy_that_came_over_the_network_is_the_same_loop(tmp_path, group_lengths):
    path = written(tmp_path, name="a.dcm")
    copy = network_copy(path, "b.dcm", group_lengths=group_lengths)
    assert copy.read_bytes() != path.read_bytes()
    skipped: Counter[str] = Counter()
    (found,) = find_loops([tmp_path], skipped=skipped)
    assert found.paths == (path,)
    assert skipped == {"copy": 1}
    assert read_loop(copy).sha256 == read_loop(path).sha256


def test_copies_of_results_are_results_and_never_failures(tmp_path):
    first = written(tmp_path, derived(SourceImageSequence=[SOURCE]), "a.dcm")
    network_copy(first, "b.dcm")
    made_anew = derived(SourceImageSequence=[SOURCE])
    made_anew.SeriesDescription = "made anew"
    written(tmp_path, made_anew, "c.dcm")
    skipped: Counter[str] = Counter()
    assert list(find_loops([tmp_path], skipped=skipped)) == []
    assert skipped == {"result": 3}


def derived(**changes):
    dataset = renamed(small_object(small_loop(stored=picture()[:1])), 8)
    dataset.ImageType = ["DERIVED", "SECONDARY", "SINGLE PLANE", "PEAK"]
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


PURPOSE = item(CodeValue="121322", CodingSchemeDesignator="DCM", CodeMeaning="Source image")
SOURCE = item(
    ReferencedSOPClassUID=REFERENCE.sop_class_uid,
    ReferencedSOPInstanceUID="1.2.3",
    PurposeOfReferenceCodeSequence=[PURPOSE],
)


@pytest.mark.parametrize(
    "changes",
    [
        {"RealWorldValueMappingSequence": [item(LUTLabel="PEAK")]},
        {"SourceImageSequence": [SOURCE]},
    ],
)
def test_results_in_a_folder_are_no_loops_and_named_ones_are_errors(tmp_path, changes):
    path = written(tmp_path, derived(**changes))
    skipped: Counter[str] = Counter()
    assert list(find_loops([tmp_path], skipped=skipped)) == []
    assert skipped == {"result": 1}
    (error,) = find_loops([path])
    assert "the result of an analysis" in str(error)


def test_derived_loops_of_a_c_arm_are_loops(tmp_path):
    dataset = small_object()
    dataset.ImageType = ["DERIVED", "PRIMARY", "SINGLE PLANE"]
    dataset.SourceImageSequence = [SOURCE]
    written(tmp_path, dataset)
    assert len(list(find_loops([tmp_path]))) == 1


def test_files_that_are_named_by_themselves_are_loops_or_errors(tmp_path):
    path = written(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("no loop")
    found = list(find_loops([path, text, tmp_path / "missing.dcm"]))
    assert found[0].paths == (path,)
    assert [one.source for one in found[1:]] == ["notes.txt", "missing.dcm"]


def test_read_loop_takes_one_loop_only(tmp_path):
    with pytest.raises(UnreadableObjectError, match="expected the files of a loop"):
        read_loop()
    frames = series(tmp_path)
    many = written(tmp_path, renamed(small_object(), 3), "many.dcm")
    for paths in ((many, frames[0]), (frames[0], many)):
        with pytest.raises(UnreadableObjectError, match=r"many\.dcm.*several frames"):
            read_loop(*paths)
    other = renamed(encode_series(small_loop(), identity=identity())[0], 4)
    other.SeriesInstanceUID, other.InstanceNumber = "1.2.9", 9
    with pytest.raises(UnreadableObjectError, match=r"other\.dcm.*another series"):
        read_loop(*frames, written(tmp_path, other, "other.dcm"))


def test_the_hash_is_that_of_the_data_sets_in_the_order_of_the_loop(tmp_path):
    import hashlib

    path = written(tmp_path)
    assert read_loop(path).sha256 == hashlib.sha256(data_set_of(path)).hexdigest()
    assert read_loop(str(path)).sha256 == read_loop(path).sha256
    below = tmp_path / "series"
    below.mkdir()
    paths = series(below)
    assert read_loop(*paths).sha256 == read_loop(*reversed(paths)).sha256
    frame = paths[2].read_bytes()
    paths[2].write_bytes(frame[:-1] + bytes([frame[-1] ^ 1]))
    assert read_loop(*paths).sha256 != read_loop(path).sha256


def test_a_damaged_frame_among_single_frames_is_named_by_its_file(tmp_path):
    paths = series(tmp_path, transfer_syntax=JPEGLosslessSV1)
    loop = read_loop(*paths)
    broken = bytearray(paths[3].read_bytes())
    start = broken.rindex(b"\xff\xc3")
    broken[start + 5 : start + 9] = b"\x00\x10\x00\x10"
    paths[3].write_bytes(bytes(broken))
    with pytest.raises(UnreadableObjectError, match=paths[3].name):
        loop.frames.every()


def test_a_reader_may_move_to_another_folder(tmp_path, monkeypatch):
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    loop = read_loop("loop.dcm")
    monkeypatch.chdir("/")
    assert np.array_equal(loop.frames.every(), picture())
