"""What lies along the time of a run: masks, onset, frames not judged, and curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.model.annotation import NeedleTrajectory
from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.viewer import timeline
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session


def test_before_any_look_nothing_is_known(session):
    assert timeline.masks(session).frames == ()
    assert timeline.onset(session) is None
    assert timeline.not_judged(session) == ()
    assert timeline.lines(session) == ()
    assert "subtract or analyse" in timeline.note(session)


def test_without_a_run_the_note_says_so():
    assert "No run is open" in timeline.note(Session())


def test_a_first_look_tells_masks_onset_and_lost_frames(session, run, look):
    session.put_look(run.uid, look)
    assert timeline.masks(session) == timeline.MaskShown(frames=(0, 1, 2), whose="found")
    assert timeline.onset(session) == 4
    assert timeline.not_judged(session) == (5, 6, 9)


def test_chosen_masks_come_before_those_that_were_found(session, run, look, subtracted):
    session.put_look(run.uid, look)
    session.put_subtraction(run.uid, subtracted)
    assert timeline.masks(session).frames == (1, 2)
    session.choose_mask(None, (3,))
    assert timeline.masks(session) == timeline.MaskShown(frames=(3,), whose="chosen")


def test_a_subtraction_gives_curves_of_places(session, run, subtracted):
    session.put_subtraction(run.uid, subtracted)
    assert timeline.lines(session) == ()
    session.place_target((40.0, 40.0))
    session.place_needle(NeedleTrajectory(hub_px=(10.0, 10.0), tip_px=(40.0, 50.0), frame=2))
    found = timeline.lines(session, (60.0, 60.0))
    assert [line.name for line in found] == ["tip", "target", "point"]
    assert len({line.dash for line in found}) == 3  # told apart without colours
    for line in found:
        assert line.values[:4] == pytest.approx(np.zeros(4))
        assert line.values[4] == pytest.approx(0.5, abs=1e-3)
        assert np.isnan(line.values[[5, 6, 9]]).all()


def test_the_axis_is_in_seconds_or_in_frames(run):
    assert timeline.abscissa(run.loop).tolist() == run.loop.times_s.tolist()
    stored = ArrayFrames(np.zeros((4, 8, 8), np.uint16))
    silent = replace(run.loop, frames=stored, times_s=None, open_field=None)
    assert timeline.abscissa(silent).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert timeline.nearest_frame(silent, 2.4) == 1
    assert timeline.nearest_frame(run.loop, float(run.loop.times_s[5]) + 0.01) == 5


def test_axes_say_what_is_not_known(session, run):
    assert timeline.area_name(session) in ("area (mm²)", "area (px)")
    bare = Session()
    loop = replace(
        run.loop,
        calibration=None,
        intensity=replace(run.loop.intensity, scale_known=False),
        reference=replace(run.loop.reference, sop_instance_uid="1.2.9"),
    )
    bare.open(Run(loop=loop, files=(), name="bare"))
    assert timeline.area_name(bare) == "area (px)"
    assert timeline.opacity_name(bare) == "relative opacity"
