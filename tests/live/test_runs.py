"""Where runs begin and end, and that what was recorded is listed and never deleted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.feed.area import PictureArea
from napari_fluoroinject.analysis.feed.watch import Look
from napari_fluoroinject.errors import StorageError, UnreadableObjectError
from napari_fluoroinject.live.runs import RunKeeper, recordings_in, run_of, runs_of
from napari_fluoroinject.recording import Recorder, RemarkLog, read_remarks
from napari_fluoroinject.recording.remarks import FILE_NAME

AREA = PictureArea(
    first_px=(0, 0), shape_px=(4, 6), field=np.ones((4, 6), np.bool_), form="the whole frame"
)
SHAPE = (4, 6)
HOLD_S = 3.0


def look(time_s: float, *, fresh: bool = True, known: bool = True, blank: bool = False) -> Look:
    return Look(frame=0, time_s=time_s, fresh=fresh, area=AREA if known else None, blank=blank)


def kept(keeper: RunKeeper, looks) -> list[tuple[int, str]]:
    return [
        (turn.frame, turn.why)
        for frame, one in enumerate(looks)
        for turn in keeper.look(frame, one, SHAPE)
    ]


def test_a_run_begins_with_the_first_exposure_after_a_held_image():
    held = [look(0.1 * k, fresh=False) for k in range(5)]
    fresh = [look(0.5 + 0.1 * k) for k in range(5)]
    assert kept(RunKeeper(), [*held, *fresh]) == [(5, "")]


def test_frames_that_nobody_could_judge_belong_to_the_run_that_follows():
    unknown = [look(0.1 * k, fresh=False, known=False) for k in range(4)]
    assert kept(RunKeeper(), [*unknown, look(0.4)]) == [(0, "")]


def test_a_pause_longer_than_the_longest_hold_ends_a_run_at_its_last_exposure():
    looks = [look(0.0), look(0.1), look(0.2), *(look(0.3 + k, fresh=False) for k in range(5))]
    (_, began), (frame, why) = kept(RunKeeper(longest_hold_s=HOLD_S), looks)
    assert (began, frame) == ("", 2)
    assert "3 s" in why


def test_repeats_between_exposures_end_nothing():
    looks = [look(k / 60, fresh=k % 4 == 0) for k in range(400)]
    assert kept(RunKeeper(), looks) == [(0, "")]


def test_a_feed_that_is_silent_for_long_and_goes_on_begins_another_run():
    assert kept(RunKeeper(longest_hold_s=HOLD_S), [look(0.0), look(0.1), look(9.0)]) == [
        (0, ""),
        (1, "no exposure for more than 3 s"),
        (2, ""),
    ]


def test_another_size_and_a_persons_word_end_a_run():
    keeper = RunKeeper()
    keeper.look(0, look(0.0), SHAPE)
    turns = keeper.look(1, look(0.1), (8, 8))
    assert [turn.why for turn in turns] == ["the picture has another size", ""]
    (ended,) = keeper.end("ended by a person")
    assert (ended.frame, ended.why) == (1, "ended by a person")
    assert keeper.end("again") == ()


@given(st.lists(st.tuples(st.floats(0.01, 6.0), st.booleans(), st.booleans()), max_size=40))
def test_runs_begin_and_end_in_turn_and_never_overlap(steps):
    keeper, time_s, open_run, last = RunKeeper(longest_hold_s=HOLD_S), 0.0, False, -1
    for frame, (step_s, fresh, blank) in enumerate(steps):
        time_s += step_s
        for turn in keeper.look(frame, look(time_s, fresh=fresh, blank=blank), SHAPE):
            assert bool(turn.why) == open_run
            assert turn.frame >= last
            open_run, last = not turn.why, turn.frame
    assert keeper.running == open_run


@pytest.fixture
def recording(tmp_path):
    """Two runs of one size and what lies between them, and a run of another size."""
    folder = tmp_path / "one"
    with Recorder(folder) as recorder, RemarkLog(folder) as remarks:
        for index in range(12):
            shape = (4, 6) if index < 9 else (8, 8)
            recorder.add(
                np.full(shape, index, np.uint16),
                index=index,
                time_s=index / 10,
                wall_s=1e9 + index,
            )
        remarks.add("run", "a run begins", frame=1, time_s=0.1)
        remarks.add("seen", "Automatic brightness: +0.10 ln.", frame=2, time_s=0.2)
        remarks.add("run_end", "no exposure", frame=3, time_s=0.3)
        remarks.add("run", "a run begins", frame=6, time_s=0.6)
        remarks.add("run_end", "another size", frame=8, time_s=0.8)
        remarks.add("run", "a run begins", frame=9, time_s=0.9)
    return folder


def test_every_run_is_listed_with_its_frames_and_what_was_said_of_it(recording):
    one, two, three = runs_of(recording)
    assert (one.first_frame, one.last_frame, one.frames) == (1, 3, 3)
    assert one.seconds == pytest.approx(0.2)
    assert one.notes == ("Automatic brightness: +0.10 ln.",)
    assert (two.frames, two.why) == (3, "another size")
    assert (three.frames, three.shape, three.why) == (3, (8, 8), "the recording ends here")


def test_a_recording_without_remarks_is_a_run_for_each_size(recording):
    (recording / FILE_NAME).unlink()
    assert [(run.frames, run.shape) for run in runs_of(recording)] == [(9, (4, 6)), (3, (8, 8))]


def test_a_remark_that_is_torn_is_left_out_and_the_next_is_whole(recording):
    before = read_remarks(recording)
    with (recording / FILE_NAME).open("ab") as file:
        file.write(b'{"said": "seen", "te')
    with RemarkLog(recording) as remarks:
        assert remarks.add("feed", "connected again")
    assert [one.text for one in read_remarks(recording)] == [
        *(one.text for one in before),
        "connected again",
    ]


def test_listing_changes_nothing(recording):
    before = {path.name: path.read_bytes() for path in recording.iterdir()}
    runs_of(recording)
    assert {path.name: path.read_bytes() for path in recording.iterdir()} == before


def test_a_run_that_is_not_there_names_those_that_are(recording):
    with pytest.raises(StorageError, match="no run 7; expected one of 1, 2, 3"):
        run_of(recording, 7)


def test_recordings_are_found_in_their_folder(recording, tmp_path):
    assert recordings_in(tmp_path) == (recording,)
    assert recordings_in(recording) == (recording,)
    with pytest.raises(UnreadableObjectError, match="no such folder"):
        recordings_in(tmp_path / "none")
