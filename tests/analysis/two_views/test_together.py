"""What marks in two loops say together, and when they say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from seen_twice import seen_px
from test_pairing import SETUP, loop

from napari_fluoroinject.analysis.two_views.pairing import pose_of
from napari_fluoroinject.analysis.two_views.together import SeenTwice, Stated, see_twice
from napari_fluoroinject.analysis.two_views.triangulate import NoTriangulation
from napari_fluoroinject.model.annotation import Annotation, CArm, Mark, NeedleTrajectory
from napari_fluoroinject.model.pose import CArmPose, PoseSigma

STATED = Stated(sigma=PoseSigma(angle_deg=1.0, isocentre_mm=1.0))
SPREAD = np.random.default_rng(1).uniform(-40, 40, (6, 3))


def marked(view, *, common=0, off=(0.0, 0.0), **said):
    pose = pose_of(view)
    assert isinstance(pose, CArmPose)
    marks = [
        Mark(landmark=f"mark {k}", points_px=(seen_px(pose, point),))
        for k, point in enumerate(SPREAD[:common])
    ]
    if marks:
        (first,) = marks[0].points_px
        marks[0] = replace(marks[0], points_px=((first[0] + off[0], first[1] + off[1]),))
    needle = NeedleTrajectory(hub_px=seen_px(pose, (0, 30, 5)), tip_px=seen_px(pose, (0, 0, 0)))
    return Annotation(**({"needle": needle, "marks": tuple(marks)} | said))


def together(*, common=0, off=(0.0, 0.0), first=None, second=None, stated=STATED):
    loops = loop(0), loop(70)
    annotations = (
        marked(loops[0], common=common, **(first or {})),
        marked(loops[1], common=common, off=off, **(second or {})),
    )
    return see_twice(loops, annotations, stated=stated)


def test_without_a_target_there_is_a_needle_and_no_distance():
    found = together()
    assert isinstance(found, SeenTwice)
    assert list(found.located.points) == ["tip", "hub"]
    assert found.needle.length_mm == pytest.approx(np.hypot(30, 5))
    assert found.tip_to_target is None
    assert found.against_plan is None


def test_five_common_points_refine_the_poses_and_four_do_not():
    assert together(common=5).refined is not None
    found = together(common=4)
    assert found.refined is None
    assert "4 common points" in found.not_refined


def test_landmarks_that_are_not_the_same_points_leave_no_number():
    found = together(common=6, off=(150.0, -90.0))
    assert isinstance(found, NoTriangulation)
    assert "disagree" in found.reason


@pytest.mark.parametrize(
    ("field", "one", "other"), [("level", "L3", "L4"), ("side", "left", "right")]
)
def test_annotations_of_different_levels_or_sides_are_not_put_together(field, one, other):
    found = together(first={field: one}, second={field: other})
    assert found.reason == f"the annotations name different {field}s: {one} and {other}"
    assert isinstance(together(first={field: one}), SeenTwice)


def test_an_angle_that_contradicts_its_file_leaves_no_number():
    found = together(first={"c_arm": CArm(primary_angle_deg=30.0)})
    assert "of loop 1" in found.reason
    assert "30 degrees (primary) where the file has 0" in found.reason


def test_nothing_marked_in_both_is_said():
    assert "marked in both" in together(second={"needle": None}).reason


def test_loops_that_cannot_be_paired_say_why():
    loops = loop(0), loop(70, setup=replace(SETUP, table_moved=True))
    found = see_twice(loops, tuple(marked(one) for one in loops), stated=STATED)
    assert found.reason == "the table moved, between the loops or during one of them"
