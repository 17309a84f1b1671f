"""A run-off that is the only contrast gives the loop its onset, and stays where it was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from run_off_scenes import EVENT_FRAME, VESSEL, registered_scene, with_motion

from napari_fluoroinject.analysis.onset import read_onset
from napari_fluoroinject.analysis.vascular import begin_at_run_off
from napari_fluoroinject.model.spread import RunOff

FRAMES, SIZE = 60, 128


def vessel_od() -> np.ndarray:
    """Noise, and a vessel that is there from `EVENT_FRAME` on."""
    od = 0.03 * np.random.default_rng(0).standard_normal((FRAMES, SIZE, SIZE))
    row, column = np.rint(VESSEL).astype(int).T
    inside = (row > 0) & (row < SIZE - 1) & (column > 0) & (column < SIZE - 1)
    for down in (-1, 0, 1):
        od[EVENT_FRAME:, row[inside] + down, column[inside]] += 0.15
    return od.astype(np.float32)


def run_off(score: float, first: int = EVENT_FRAME + 2) -> RunOff:
    path = VESSEL[:: max(len(VESSEL) // 8, 1)]
    return RunOff(
        score=score,
        kind="persistent",
        path_px=path,
        frames=(first, first + 11),
        smallest_seen_od=0.05,
    )


def test_the_mask_comes_before_it():
    opacity, registered = registered_scene(vessel_od(), onset=None)
    begun, _ = begin_at_run_off(registered, opacity, run_off(1.2))
    assert begun.injection.onset_frame <= EVENT_FRAME + 2
    assert max(begun.injection.mask_frames) < EVENT_FRAME


@pytest.mark.parametrize("rise_frames", [1, 3, 10, 30])
@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_onset_of_any_rise_is_read_rightly(rise_frames: int, noise: float):
    _, registered = registered_scene(vessel_od(), onset=None)
    rise = np.clip((np.arange(FRAMES) - EVENT_FRAME + 1) / rise_frames, 0.0, 1.0)
    found = [
        read_onset(
            rise + noise * np.random.default_rng(seed).standard_normal(FRAMES),
            registered.motion,
            score=1.0,
        ).onset_frame
        for seed in range(10)
    ]
    assert found == pytest.approx([EVENT_FRAME] * len(found), abs=3 if rise_frames > 3 else 1)


def test_the_path_stays_on_the_anatomy_when_the_reference_pose_changes():
    opacity, registered = registered_scene(vessel_od(), onset=None)
    drift = np.column_stack([0.1 * np.arange(FRAMES), -0.05 * np.arange(FRAMES)])
    registered = with_motion(registered, shift_px=drift)
    given = run_off(1.2)
    begun, moved = begin_at_run_off(registered, opacity, given)
    mask = list(begun.injection.mask_frames)
    assert begun.motion.shift_px[mask].mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    # What stands at p in the reference pose stands at p + shift in frame k, before as after.
    for frame in (0, 30):
        before = given.path_px + registered.motion.shift_px[frame]
        assert np.allclose(moved.path_px + begun.motion.shift_px[frame], before)


def test_without_an_alarm_or_beside_a_known_onset_nothing_changes():
    opacity, registered = registered_scene(vessel_od(), onset=None)
    for given in (run_off(0.9), replace(run_off(1.2), score=None, kind=None, frames=None)):
        begun, same = begin_at_run_off(registered, opacity, given)
        assert begun is registered
        assert same is given
    opacity, known = registered_scene(vessel_od())
    assert begin_at_run_off(known, opacity, run_off(1.2))[0] is known
