"""Which loops go together, and why others do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import numpy as np
import pytest

from napari_fluoroinject.analysis.two_views.pairing import pair_loops, pose_of, table_state
from napari_fluoroinject.model.annotation import CArm
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.patient import Patient
from napari_fluoroinject.model.pose import CArmPose, Setup

NUMBERS = count()
TABLE = (100.0, 200.0, 0.0, None, None, None)
NOON = datetime(2026, 1, 1, 12)
SETUP = Setup(
    started=NOON, source_to_detector_mm=1000.0, source_to_isocentre_mm=700.0, table=TABLE
)


def loop(primary=0.0, *, minutes=0, study="1.2", setup=SETUP, **changes):
    fields = {
        "frames": ArrayFrames(np.zeros((1, 40, 60), np.uint8)),
        "times_s": None,
        "intensity": IntensityScale(relationship="linear", ln_beam=np.zeros(256)),
        "reference": LoopReference(
            study_instance_uid=study,
            series_instance_uid="1",
            sop_instance_uid=f"2.{next(NUMBERS)}",
            sop_class_uid="3",
        ),
        "sha256": "",
        "detector_mm_per_px": 0.3,
        "view": View(primary_angle_deg=primary, secondary_angle_deg=0.0),
        "setup": replace(setup, started=NOON + timedelta(minutes=minutes)),
    }
    return CineLoop(**(fields | changes))


def reason(*loops, **options):
    (pair,) = pair_loops(loops, **options)
    assert pair.usable == (not pair.reason)
    return pair.reason


def test_two_views_of_a_still_table_go_together():
    (pair,) = pair_loops([loop(0), loop(90, minutes=2)])
    assert (pair.first, pair.second, pair.reason, pair.table) == (0, 1, "", "same")
    assert pair.separation_deg == pytest.approx(90)
    assert pair.apart_s == 120


def test_usable_pairs_come_first_and_the_nearest_in_time_before_the_rest():
    loops = [loop(0), loop(90, minutes=9), loop(2, minutes=1), loop(55, minutes=3)]
    pairs = pair_loops(loops)
    found = [(pair.first, pair.second) for pair in pairs]
    assert found == [(2, 3), (0, 3), (1, 3), (1, 2), (0, 1), (0, 2)]
    assert [pair.usable for pair in pairs] == [True] * 5 + [False]


def test_thirty_degrees_are_enough():
    assert reason(loop(60), loop(90)) == ""


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (loop(2), "the same view"),
        (loop(178), "the same view"),
        (loop(20), "20 degrees apart"),
        (loop(90, study="1.3"), "different studies"),
        (loop(90, view=View()), "angles of the C-arm are not known"),
        (loop(90, setup=Setup(table=TABLE)), "distances from the X-ray source"),
        (loop(90, detector_mm_per_px=None), "size of the detector's pixels"),
        (loop(90, setup=replace(SETUP, table=(100.0, 230.0, 0.0, None, None, None))), "moved"),
        (loop(90, setup=replace(SETUP, table_moved=True)), "the table moved"),
        (loop(90, setup=replace(SETUP, source_to_isocentre_mm=1200.0)), "isocentre between"),
        (loop(90, setup=replace(SETUP, table=(None,) * 6)), "a person has to say"),
    ],
)
def test_a_pair_that_cannot_be_used_says_why(other, words):
    assert words in reason(loop(0), other)


def test_loops_of_different_patients_are_not_put_together_even_in_one_study():
    jane, john = Patient(id_digest="a", name_digest="x"), Patient(id_digest="b", name_digest="y")
    said = reason(loop(0, patient=jane), loop(90, patient=john), table_still=True)
    assert "different patients" in said
    assert "another ID and name" in said
    assert reason(loop(0, patient=jane), loop(90, patient=Patient(id_digest="a"))) == ""


def test_one_instance_is_no_two_views_whatever_its_angle():
    first = loop(0)
    assert "same instance" in reason(first, loop(90, reference=first.reference))


def test_loops_that_were_taken_days_apart_are_not_put_together():
    assert reason(loop(0), loop(90, minutes=180)) == ""
    assert "24.0 hours apart" in reason(loop(0), loop(90, minutes=24 * 60), table_still=True)


def test_a_person_may_say_that_the_table_stood_still_but_headers_prevail():
    unknown = loop(90, setup=replace(SETUP, table=(None,) * 6))
    moved = loop(90, setup=replace(SETUP, table_moved=True))
    assert reason(loop(0), unknown, table_still=True) == ""
    assert "the table moved" in reason(loop(0), moved, table_still=True)


def test_tilts_count_where_both_tell_them():
    flat, tilted = (replace(SETUP, table=(*TABLE[:3], tilt, None, None)) for tilt in (0.0, 5.0))
    assert table_state(flat, tilted) == "moved"
    assert table_state(SETUP, tilted) == "same"


def test_loops_without_a_clock_come_last():
    silent = loop(90)
    object.__setattr__(silent, "setup", replace(SETUP, started=None))
    first, last = pair_loops([silent, loop(0), loop(80, minutes=60)])[:2]
    assert first.apart_s == 3600
    assert last.apart_s is None


def test_angles_that_a_person_read_off_count_where_the_file_has_none():
    given = CArm(primary_angle_deg=30.0, secondary_angle_deg=5.0)
    pose = pose_of(loop(view=View()), c_arm=given)
    assert isinstance(pose, CArmPose)
    assert (pose.primary_deg, pose.secondary_deg) == (30.0, 5.0)
    assert pose_of(loop(10.0), c_arm=given).primary_deg == 10.0


def test_the_middle_of_the_picture_is_taken_for_the_central_ray():
    assert pose_of(loop()).principal_px == (19.5, 29.5)


@pytest.mark.parametrize(
    ("rows", "zero", "accepted"),
    [
        ("L", "ventral", True),
        ("R", "ventral", False),
        ("R", "dorsal", True),
        ("LP", "dorsal", False),
        ("F", "ventral", True),
        (None, "ventral", True),
    ],
)
def test_a_picture_that_runs_against_its_angles_is_not_used(rows, zero, accepted):
    pose = pose_of(loop(setup=replace(SETUP, rows_towards=rows)), zero=zero)
    assert isinstance(pose, CArmPose) == accepted
    if not accepted:
        assert "mirrored" in pose
