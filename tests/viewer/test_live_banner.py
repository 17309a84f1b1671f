"""The words over a live picture: how old it is, whether it is recorded, and what went wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.following import FrameStatus
from napari_fluoroinject.analysis.live_told import LiveWarning
from napari_fluoroinject.live.pictures import MapPicture
from napari_fluoroinject.live.receiver import Received
from napari_fluoroinject.live.running import MapsTold
from napari_fluoroinject.viewer.live.banner import GREY, INK, RED, WHITE, Shown, banner
from napari_fluoroinject.viewer.live.words import (
    legend_words,
    maps_words,
    received_words,
    room_words,
    warning_words,
)

GOOD = Received(frames=300, recorded=300, rate_hz=30.0, frame_bytes=2_000_000, last_at_s=10.0)
NOW = Shown(age_s=0.018, time_s=9.98, rate_hz=29.5)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(one * weight for one, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def test_a_live_picture_says_so_with_its_age_time_rate_and_recording():
    told = banner("live", GOOD, NOW, now_s=10.018)
    assert told.head == "● LIVE   18 ms old"
    assert told.line == "t = 9.98 s · 29.5 shown/s · 30.0 received/s · ● REC 300"
    assert (told.colour, told.alarm) == (RED, "")


def test_a_stale_picture_says_so_with_the_seconds_since_and_is_never_called_live():
    told = banner("stale", GOOD, NOW, now_s=13.2)
    assert told.head == "■ STALE > 500 ms   no frame for 3.2 s"
    assert told.colour == GREY
    assert "/s" not in told.line
    nothing = banner("stale", Received(), Shown(), now_s=3.0)
    assert nothing.head == "■ STALE > 500 ms   no frame yet"


@pytest.mark.parametrize("freshness", ["live", "stale", "ended", "failed"])
def test_a_frozen_picture_says_so_and_goes_on_telling_of_the_feed(freshness):
    received = replace(GOOD, ended=freshness in ("ended", "failed"))
    shown = replace(NOW, time_s=None, frozen_s=10.0, frozen_at_s=3.5)
    told = banner(freshness, received, shown, now_s=13.2)
    assert told.head == "❚❚ FROZEN   3.5 s before the press, loop of 10.0 s"
    assert "300" in told.line
    assert ("STALE" in told.alarm) == (freshness == "stale")


def test_the_end_of_a_feed_and_its_loss_are_told_apart():
    ended = banner("ended", replace(GOOD, ended=True), NOW, now_s=20.0)
    assert "FEED ENDED" in ended.head
    assert "300 frames recorded" in ended.line
    lost = banner("failed", replace(GOOD, ended=True, error="plug it in"), NOW, now_s=20.0)
    assert "FEED LOST" in lost.head
    assert lost.alarm == "plug it in"


def test_what_is_not_recorded_cannot_be_overlooked():
    full = banner("live", replace(GOOD, recording_error="the disk is full"), NOW, now_s=10.0)
    assert full.alarm == "NOT RECORDING: the disk is full"
    assert "REC" not in full.line
    after = banner("live", replace(GOOD, unrecorded=7), NOW, now_s=10.0)
    assert after.alarm == "7 frames are not in the recording."
    garbage = banner("live", replace(GOOD, refused=2, refusal="no picture"), NOW, now_s=10.0)
    assert "2 frames were no pictures: no picture." in garbage.alarm


@given(
    st.sampled_from(["waiting", "live", "stale", "ended", "failed"]),
    st.one_of(st.none(), st.floats(0.1, 10.0)),
)
def test_every_banner_has_a_word_a_shape_and_enough_contrast(freshness, frozen_s):
    told = banner(freshness, GOOD, replace(NOW, frozen_s=frozen_s), now_s=20.0)
    assert told.head[0] in "●■○❚"
    assert any(word.isupper() for word in told.head.split())
    light, dark = sorted((luminance(told.colour), luminance(told.ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert told.ink in (INK, WHITE)


def test_what_came_and_what_is_on_disk_is_said():
    assert received_words(Received()) == "No frame yet."
    assert received_words(GOOD) == "300 frames recorded."
    lossy = replace(GOOD, recorded=290, unrecorded=10, refused=1)
    assert received_words(lossy) == "290 frames recorded; 11 not."
    slow = replace(GOOD, recorded=200)
    assert received_words(slow) == "200 frames recorded, 100 wait for the disk."


def test_the_room_is_said_in_minutes_once_the_rate_is_known():
    free = 60_000_000 * 60 * 5 + 100
    assert room_words(free, GOOD, reserve_bytes=100).endswith("18.0 GB, 5 min at this rate.")
    assert room_words(free, Received(), reserve_bytes=100) == "Room for recording: 18.0 GB."
    assert "0.0 GB" in room_words(50, GOOD, reserve_bytes=100)


def test_the_maps_say_their_state_device_and_what_they_missed():
    status = FrameStatus(frame=3, time_s=1.0, phase="following")
    told = MapsTold(state="following contrast", frames=40, lost=2, status=status, device="cpu")
    words = maps_words(told, 5)
    for part in ("following contrast", "40 frames in the maps", "2 left out", "5 missed", "cpu"):
        assert part in words


def test_a_warning_stands_by_itself_and_its_absence_is_not_praised():
    warning = LiveWarning(
        id="vascular_uptake", text="Look at the run.", first_frame=40, raised_frame=43, score=1.2
    )
    words = warning_words(MapsTold(state="following contrast", warnings=(warning,)))
    assert words == "WARNING, frame 44: Look at the run."
    told = MapsTold(state="following contrast")
    assert warning_words(told) == ""
    assert "warning" not in maps_words(told, 0).lower()


@given(st.sampled_from(["live", "stale", "ended", "failed"]), st.booleans())
def test_a_warning_stands_over_the_picture_whatever_else_is_told(freshness, frozen):
    shown = replace(NOW, frozen_s=10.0 if frozen else None)
    full = replace(GOOD, recording_error="the disk is full")
    told = banner(freshness, full, shown, now_s=20.0, warning="WARNING, frame 44: Look.")
    assert told.alarm.startswith("WARNING, frame 44: Look.\n")


def test_a_legend_has_its_range_unit_and_what_else_darkens():
    import numpy as np

    levels = np.zeros((2, 2), np.uint8)
    arrival = MapPicture(kind="arrival", levels=levels, low=0.0, high=6.0, unit="s")
    opacity = MapPicture(kind="opacity", levels=levels, low=0.0, high=0.4, unit="ln")
    assert legend_words(arrival).startswith("0 to 6 or more s after the mask")
    assert legend_words(opacity).startswith("0 to 0.4 or more natural-log units")
    assert "needle and gas" in legend_words(arrival)
    assert legend_words(None) == ""
