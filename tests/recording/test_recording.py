"""Recordings: lossless, appended, readable up to the last whole frame."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_fluoroinject.errors import StorageError, UnreadableObjectError
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.recording import (
    Recorder,
    Recording,
    RemarkLog,
    new_folder,
    read_remarks,
    unknown_scale,
)
from napari_fluoroinject.recording import recorder as module

if TYPE_CHECKING:
    from pathlib import Path

TYPES = ("uint8", "uint16", "int16")


def record(folder: Path, frames, **options) -> Path:
    with Recorder(folder, **options) as recorder:
        for index, pixels in enumerate(frames):
            recorder.add(pixels, index=index, time_s=index / 15)
    return folder


def small(count: int = 5, *, size: int = 8, dtype: str = "uint16") -> list[np.ndarray]:
    return [np.full((size, size), index, dtype) for index in range(count)]


@st.composite
def feeds(draw):
    """Frames whose size and type may change, and the times at which they came."""
    kinds = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from(TYPES))
    frames = []
    for rows, columns, dtype in draw(st.lists(kinds, min_size=1, max_size=4)):
        every = arrays.arrays(dtype, (rows, columns))
        frames += draw(st.lists(every, min_size=1, max_size=3))
    steps = st.floats(1e-3, 10.0)
    gaps = draw(st.lists(steps, min_size=len(frames), max_size=len(frames)))
    return frames, np.cumsum(gaps)


@given(feeds())
def test_every_frame_comes_back_bit_by_bit_in_order_with_its_time(tmp_path_factory, feed):
    frames, times_s = feed
    folder = tmp_path_factory.mktemp("feed")
    with Recorder(folder) as recorder:
        for index, (pixels, time_s) in enumerate(zip(frames, times_s, strict=True)):
            recorder.add(pixels, index=index, time_s=time_s)
    back = Recording.open(folder)
    read = [
        (int(record["index"]), float(record["time_s"]), loop.frames.frame(number))
        for which, segment in enumerate(back.segments)
        for loop in [back.loop(which)]
        for number, record in enumerate(segment.records)
    ]
    assert back.frames == len(frames) == recorder.recorded
    for index, (number, time_s, pixels) in enumerate(read):
        assert (number, time_s, pixels.dtype) == (index, times_s[index], frames[index].dtype)
        np.testing.assert_array_equal(pixels, frames[index])


@given(frames=st.integers(1, 4), cut=st.integers(0, 600))
def test_a_file_cut_anywhere_is_readable_up_to_its_last_whole_frame(tmp_path_factory, frames, cut):
    folder = record(tmp_path_factory.mktemp("cut"), small(frames))
    (path,) = folder.iterdir()
    one = 64 + 8 * 8 * 2
    cut = min(cut, frames * one)
    os.truncate(path, path.stat().st_size - cut)
    whole = frames - -(-cut // one)
    if whole:
        assert Recording.open(folder).frames == whole
    else:
        with pytest.raises(UnreadableObjectError, match="no whole frame"):
            Recording.open(folder)


def test_zeros_that_a_loss_of_power_left_at_the_end_are_no_frames(tmp_path):
    folder = record(tmp_path / "r", small(3))
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(bytes(2 * (64 + 128)))
    assert Recording.open(folder).frames == 3


def test_a_frame_that_the_disk_has_changed_is_refused_and_the_others_are_read(tmp_path):
    folder = record(tmp_path / "r", small(3))
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[-(64 + 128) - 1] ^= 1  # the last pixel of the second frame
    path.write_bytes(content)
    frames = Recording.open(folder).loop().frames
    assert (frames.frame(0) == 0).all()
    assert (frames.frame(2) == 2).all()
    with pytest.raises(UnreadableObjectError, match=r"frame 2.*other bytes"):
        frames.frame(1)


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from napari_fluoroinject.recording import Recorder
recorder = Recorder(Path(sys.argv[1]))
for index in range(1_000_000):
    recorder.add(np.full((256, 256), index % 4096, np.uint16), index=index, time_s=index / 120)
    print(index, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("after", [1, 17, 120])
def test_kill_9_costs_no_frame_that_was_taken(tmp_path, after):
    folder = tmp_path / "killed"
    program = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    last = -1
    for line in program.stdout:
        last = int(line)
        if last >= after:
            program.send_signal(signal.SIGKILL)
            break
    last = max([last, *(int(line) for line in program.stdout if line.endswith("\n"))])
    program.wait()
    program.stdout.close()
    recording = Recording.open(folder)
    loop = recording.loop()
    assert recording.frames >= last + 1 > after
    for index in (0, last // 2, last):
        assert (loop.frames.frame(index) == index % 4096).all()
    np.testing.assert_allclose(np.diff(loop.times_s), 1 / 120)


def test_another_size_or_type_begins_a_new_segment(tmp_path):
    frames = [*small(2), *small(2, size=6), *small(1, size=6, dtype="uint8")]
    recording = Recording.open(record(tmp_path / "r", frames))
    assert [one.head.shape for one in recording.segments] == [(8, 8), (6, 6), (6, 6)]
    assert [one.head.dtype for one in recording.segments] == ["uint16", "uint16", "uint8"]


def test_a_recording_can_be_read_while_it_is_made(tmp_path):
    with Recorder(tmp_path / "r") as recorder:
        for index, pixels in enumerate(small(4)):
            recorder.add(pixels, index=index, time_s=index / 15)
            assert Recording.open(tmp_path / "r").frames == index + 1


def test_the_last_seconds_are_the_frames_of_those_seconds(tmp_path):
    loop = Recording.open(record(tmp_path / "r", small(31))).loop(last_s=1.0)
    assert loop.shape == (16, 8, 8)
    assert loop.times_s[0] == 0
    assert loop.times_s[-1] == pytest.approx(1.0)
    assert (loop.frames.frame(15) == 30).all()


def test_a_full_disk_is_told_leaves_whole_frames_and_recording_goes_on_when_there_is_room(
    tmp_path, monkeypatch
):
    folder, room = tmp_path / "r", [True]
    written = []

    class Full:
        """A file on a disk that is full from the third frame on, in the middle of it."""

        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, part):
            if not room[0]:
                written.append(self.file.write(part[: len(part) // 2]))
                raise OSError(28, "No space left on device")
            return self.file.write(part)

    def full(*where, **how):
        return Full(open(*where, **how))  # noqa: PTH123 - the recorder's own call

    monkeypatch.setattr(module, "open", full, raising=False)
    with Recorder(folder) as recorder:
        for index, pixels in enumerate(small(6)):
            room[0] = index not in (2, 3)
            if room[0]:
                recorder.add(pixels, index=index, time_s=index / 15)
            else:
                with pytest.raises(StorageError, match=r"No space left.*free some"):
                    recorder.add(pixels, index=index, time_s=index / 15)
    recording = Recording.open(folder)
    assert written
    assert recording.notes == ()
    indices = [int(one["index"]) for part in recording.segments for one in part.records]
    assert indices == [0, 1, 4, 5]


def test_recording_stops_before_the_disk_is_full(tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)
    with Recorder(tmp_path / "r", reserve_bytes=100) as recorder:
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=100 + 127))
        with pytest.raises(StorageError, match="kept in reserve"):
            recorder.add(small(1)[0], index=0, time_s=0.0)
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=100 + 128))
        recorder.add(small(1)[0], index=0, time_s=0.0)
    assert recorder.recorded == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_folder_and_files_are_their_owners_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        folder = record(tmp_path / "rooms" / "r", small(1))
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_tell_the_moment_and_nothing_else(tmp_path):
    one, other = new_folder(tmp_path), new_folder(tmp_path)
    assert one != other
    moment, _, end = one.name.partition("-")
    time.strptime(moment, "%Y%m%dT%H%M%SZ")
    assert len(end) == 6


def test_what_is_known_of_the_pictures_is_recorded_with_them(tmp_path):
    scale = IntensityScale(
        relationship="log", ln_beam=np.linspace(0, 3, 16, dtype=np.float32), first_stored=-3
    )
    folder = record(tmp_path / "r", small(1), intensity=scale, source="replay", synthetic=True)
    recording = Recording.open(folder)
    head, loop = recording.segments[0].head, recording.loop()
    assert (head.source, head.synthetic) == ("replay", True)
    assert (loop.intensity.relationship, loop.intensity.first_stored) == ("log", -3)
    assert loop.intensity.quantitative
    np.testing.assert_array_equal(loop.intensity.ln_beam, scale.ln_beam)


@pytest.mark.parametrize("dtype", TYPES)
def test_pictures_of_which_nothing_is_known_are_not_quantitative(dtype):
    scale = unknown_scale(dtype)
    assert not scale.quantitative
    assert scale.relationship == ("display" if dtype == "uint8" else "unknown")
    stored = np.array([[1, 2], [30, 100]], dtype)
    assert (np.diff(scale.ln(stored).ravel()) > 0).all()


def test_a_recorded_loop_has_no_calibration_and_says_that_it_names_nobody(tmp_path):
    recording = Recording.open(record(tmp_path / "r", small(3)))
    loop = recording.loop()
    assert loop.calibration is None
    assert loop.reference.sop_class_uid == ""
    assert "no patient and no study" in loop.notes[0]
    assert loop.sha256 == Recording.open(tmp_path / "r").loop().sha256
    assert recording.loop(last_s=0.01).reference != loop.reference


def test_a_picture_that_cannot_be_recorded_is_refused_and_costs_nothing(tmp_path):
    with Recorder(tmp_path / "r") as recorder:
        recorder.add(small(1)[0], index=0, time_s=0.0)
        for bad in (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32)):
            with pytest.raises(ValueError, match="expected two dimensions"):
                recorder.add(bad, index=1, time_s=1.0)
        recorder.add(small(2)[1], index=1, time_s=1.0)
    recording = Recording.open(tmp_path / "r")
    assert (len(recording.segments), recording.frames) == (1, 2)


@pytest.mark.parametrize("content", [b"", b"FLSEGM01", b"something else altogether"])
def test_a_file_that_is_no_segment_is_left_out_and_named(tmp_path, content):
    folder = record(tmp_path / "r", small(2))
    (folder / "0001.frames").write_bytes(content)
    recording = Recording.open(folder)
    assert recording.frames == 2
    assert "0001.frames" in recording.notes[0]


def test_a_damaged_head_is_told(tmp_path):
    folder = record(tmp_path / "r", small(2))
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableObjectError, match="no whole frame"):
        Recording.open(folder)


def test_all_frames_of_a_recording_are_those_one_by_one(tmp_path):
    loop = Recording.open(record(tmp_path / "r", small(3))).loop()
    every = loop.frames.every()
    assert loop.shape == every.shape == (3, 8, 8)
    np.testing.assert_array_equal(every, np.stack([loop.frames.frame(k) for k in range(3)]))
    assert replace(loop, kvp=70.0).kvp == 70.0  # a loop like any other


@pytest.mark.skipif(sys.platform == "win32", reason="what is open cannot be taken away there")
def test_a_folder_that_is_taken_away_is_told_and_what_comes_then_is_in_another(tmp_path):
    folder = tmp_path / "rec"
    frames = small(6)
    with Recorder(folder, reserve_bytes=0) as recorder, RemarkLog(folder) as remarks:
        recorder.add(frames[0], index=0, time_s=0.0)
        remarks.add("feed", "before")
        shutil.rmtree(folder)
        with pytest.raises(StorageError, match="taken away"):
            recorder.add(frames[1], index=1, time_s=1.0)
        for index in range(2, 6):
            recorder.add(frames[index], index=index, time_s=float(index))
        assert remarks.add("feed", "after")
    recording = Recording.open(folder)
    assert recording.frames == 4
    np.testing.assert_array_equal(recording.loop().frames.every(), np.stack(frames[2:]))
    assert [one.text for one in read_remarks(folder)] == ["after"]


def test_what_turns_out_to_be_compressed_with_loss_begins_a_new_segment(tmp_path):
    told = [None]
    with Recorder(tmp_path / "rec", reserve_bytes=0, lossy=lambda: told[0]) as recorder:
        for index, (frame, loss) in enumerate(zip(small(3), (False, False, True), strict=True)):
            told[0] = loss
            recorder.add(frame, index=index, time_s=float(index))
    segments = Recording.open(tmp_path / "rec").segments
    assert [(one.head.lossy, len(one.records)) for one in segments] == [(False, 2), (True, 1)]
