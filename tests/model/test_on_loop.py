"""What a person marks must be able to stand in the loop and in the spine."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    Mark,
    NeedleTrajectory,
    check_landmarks,
    parse_annotation,
)
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.on_loop import check_on_loop

LUMBAR = procedures.get("esi_il_lumbar")
LOOP = CineLoop(
    frames=ArrayFrames(np.zeros((30, 160, 160), np.uint8)),
    times_s=None,
    intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(256)),
    reference=LoopReference(
        study_instance_uid="1", series_instance_uid="2", sop_instance_uid="3", sop_class_uid="4"
    ),
    sha256="",
    calibration=Calibration(mm_per_px=0.28, basis="iso_ermf"),
)


def needle(hub, tip, frame=0):
    return Annotation(needle=NeedleTrajectory(hub_px=hub, tip_px=tip, frame=frame))


def mark(landmark, *points, level=None):
    return Annotation(marks=(Mark(landmark=landmark, points_px=points, level=level),))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (needle((-2000.0, 60.0), (80.0, 80.0)), "the hub of the needle was marked .* outside"),
        (needle((10.0, 60.0), (7600.0, 71.0)), "the tip of the needle was marked .* outside"),
        (needle((10.0, 60.0), (80.0, 80.0), frame=99), "frame 99, but the loop has frames 0 to"),
        (needle((10.0, 60.0), (10.0, 60.0)), "too short for a direction"),
        (mark("midline", (1.0, 1.0), (3.0, 3.0)), "2.8 px long"),
        (mark("midline", (80.0, 10.0), (80.0, 150.0)), "runs across the picture"),
        (mark("end_plates", *((5.0 * k, 80.0) for k in range(30))), "1.4 mm apart; expected 8"),
    ],
)
def test_marks_that_cannot_stand_in_a_loop_are_refused(said, told):
    with pytest.raises(AnnotationError, match=told):
        check_on_loop(said, LOOP)


def test_marks_that_can_stand_in_a_loop_are_taken():
    check_on_loop(needle((10.0, 60.0), (80.0, 80.0), frame=29), LOOP)
    check_on_loop(mark("midline", (10.0, 80.0), (150.0, 85.0)), LOOP)
    check_on_loop(mark("end_plates", (10.0, 80.0), (60.0, 81.0), (110.0, 80.0)), LOOP)


DOWN = ((10.0, 80.0), (60.0, 80.0), (110.0, 80.0))


@pytest.mark.parametrize(
    ("points", "level", "told"),
    [
        (DOWN, "C1", "3 vertebrae from C1 on hold none of a lumbar procedure"),
        (DOWN, "S1", "hold none of a lumbar procedure"),
        (DOWN, "L1-L2", "no single vertebra"),
        (tuple((40.0 * k, 80.0) for k in range(30)), "L1", "expected 12 at most"),
        (DOWN[::-1], "L1", "runs upwards"),
    ],
)
def test_end_plates_are_those_of_the_spine_and_region_from_head_to_feet(points, level, told):
    with pytest.raises(AnnotationError, match=told):
        check_landmarks(mark("end_plates", *points, level=level), LUMBAR)


@pytest.mark.parametrize("level", [None, "L1", "T11", "L3"])
def test_end_plates_may_begin_above_the_region(level):
    check_landmarks(mark("end_plates", *DOWN, level=level), LUMBAR)


@pytest.mark.parametrize("angle", ["1e300", "400", "-181"])
def test_an_angle_that_no_c_arm_has_is_refused(angle):
    with pytest.raises(AnnotationError, match=r"c_arm.primary_angle_deg: seen .*-180 to 180"):
        parse_annotation(f'{{"c_arm": {{"primary_angle_deg": {angle}}}}}', name="a.json")


@pytest.mark.parametrize("name", [r"\ud800", r"a\nb", r"\u001b[31m"])
def test_a_text_that_a_report_cannot_hold_exactly_is_refused(name):
    with pytest.raises(AnnotationError, match=r"agent.name: seen the character"):
        parse_annotation(f'{{"agent": {{"name": "{name}"}}}}', name="a.json")
