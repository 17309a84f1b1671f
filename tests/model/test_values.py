"""The values of the model check themselves and stay what they are."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.errors import AnnotationError, UncalibratedError
from napari_fluoroinject.model.annotation import (
    Annotation,
    NeedleTrajectory,
    check_annotation,
    parse_annotation,
)
from napari_fluoroinject.model.arrays import read_only
from napari_fluoroinject.model.cine import (
    ArrayFrames,
    CineLoop,
    IntensityScale,
    LoopReference,
)
from napari_fluoroinject.model.geometry import Calibration, axis_deg, length_px

coordinates = st.floats(-2000, 2000, allow_nan=False)
REFERENCE = LoopReference(
    study_instance_uid="1.2",
    series_instance_uid="1.3",
    sop_instance_uid="1.4",
    sop_class_uid="1.5",
)


def scale(**changes):
    return IntensityScale(
        relationship="linear", ln_beam=np.log(np.arange(1, 17, dtype=np.float32)), **changes
    )


def loop(frames=2, **changes):
    stored = np.arange(frames * 12, dtype=np.uint16).reshape(frames, 3, 4)
    fields = {"times_s": None, "intensity": scale(), "reference": REFERENCE, "sha256": "0" * 64}
    return CineLoop(frames=ArrayFrames(stored), **(fields | changes))


@given(coordinates, coordinates, st.floats(0, 359), st.floats(1, 500))
def test_the_axis_points_from_hub_to_tip_from_column_towards_row(row, column, angle_deg, length):
    turn = math.radians(angle_deg)
    tip = (row + length * math.sin(turn), column + length * math.cos(turn))
    error = (axis_deg((row, column), tip) - angle_deg + 180) % 360 - 180
    assert abs(error) < 1e-6
    assert length_px((row, column), tip) == pytest.approx(length)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_calibration_that_is_no_length_is_refused(value):
    with pytest.raises(UncalibratedError, match="leave the calibration out"):
        Calibration(mm_per_px=value, basis="iso_ermf")


def test_a_calibration_without_a_basis_is_refused():
    with pytest.raises(UncalibratedError, match="basis"):
        Calibration(mm_per_px=0.3, basis="none")


def test_an_array_from_outside_becomes_read_only_and_its_owner_keeps_his():
    mine = np.zeros(3)
    theirs = read_only(mine, np.float64)
    mine[0] = 1
    assert theirs.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        theirs[0] = 2
    assert read_only(theirs, np.float64) is theirs


def test_a_loop_refuses_times_and_fields_of_another_shape():
    with pytest.raises(ValueError, match="one per frame"):
        loop(times_s=np.zeros(3))
    with pytest.raises(ValueError, match="open field"):
        loop(open_field=np.ones((4, 3), bool))


def test_a_loop_gives_frames_one_by_one_and_together():
    cine = loop(times_s=[0.0, 0.1], open_field=np.ones((3, 4), bool))
    assert cine.shape == (2, 3, 4)
    assert np.array_equal(cine.frames.every()[1], cine.frames.frame(1))
    assert cine.mm_per_px is None
    calibrated = dataclasses.replace(
        cine, calibration=Calibration(mm_per_px=0.3, basis="iso_ermf")
    )
    assert calibrated.mm_per_px == 0.3
    with pytest.raises(dataclasses.FrozenInstanceError):
        cine.sha256 = ""


def test_the_intensity_table_is_read_at_the_stored_value_and_ends_hold_beyond_it():
    values = scale(first_stored=-4).ln(np.array([-5, -4, 0, 99], np.int16))
    assert values == pytest.approx(np.log([1, 1, 5, 16]))
    assert scale().ln(np.array([3], np.uint8)) == pytest.approx(np.log([4]))


@pytest.mark.parametrize(
    ("relationship", "known", "quantitative"),
    [
        ("linear", True, True),
        ("log", True, True),
        ("log", False, False),
        ("display", True, False),
        ("unknown", True, False),
    ],
)
def test_only_beam_intensity_of_known_scale_is_quantitative(relationship, known, quantitative):
    table = IntensityScale(
        relationship=relationship, ln_beam=np.zeros(2, np.float32), scale_known=known
    )
    assert table.quantitative is quantitative


def test_an_annotation_file_is_read_whole():
    text = json.dumps(
        {
            "needle": {"hub_px": [1, 2], "tip_px": [3.5, 4], "frame": 7},
            "target_px": [5, 6],
            "gauge": 22,
            "level": "L4-L5",
            "side": "left",
        }
    )
    assert parse_annotation(text, name="a.json") == Annotation(
        needle=NeedleTrajectory(hub_px=(1, 2), tip_px=(3.5, 4), frame=7),
        target_px=(5, 6),
        gauge=22,
        level="L4-L5",
        side="left",
    )
    assert parse_annotation("{}", name="a.json") == Annotation()


WRONG_POINTS = (
    *("[NaN, 1]", "[1, Infinity]", "[1e999, 1]", "[" + "9" * 400 + ", 1]"),
    *('"12"', '["1", "2"]', "[true, false]", '{"1": 2, "3": 4}', "[null, 1]", "7"),
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected an object"),
        ('{"colour": 1}', "unknown key colour"),
        ('{"side": "up"}', "side: seen 'up'; expected left or right or bilateral"),
        ('{"target_px": [1, 2, 3]}', "row, column"),
        ('{"needle": {"hub_px": [1, 2]}}', "tip_px"),
        ('{"needle": {"hub_px": [1, 2], "tip": 3}}', "unknown key tip"),
        ('{"gauge": "thick"}', "gauge: seen 'thick'; expected a whole number"),
        ('{"gauge": 22.5}', "expected a whole number"),
        ('{"gauge": 99}', r"a\.json: .*gauge 99 is not known; expected one of 18, 19, 20"),
        ('{"gauge": -3}', "gauge -3 is not known"),
        ('{"level": "banana"}', r"a\.json: level 'banana'"),
        (
            '{"needle": {"hub_px": [1, 2], "tip_px": [3, 4], "frame": 1.5}}',
            "needle.frame: .*a whole number",
        ),
        *((f'{{"target_px": {point}}}', "finite number") for point in WRONG_POINTS),
        ('{"side": "left", "side": "right"}', "stands there twice"),
        ("[" * 100_000, "not valid JSON"),
        ('{"gauge": 1e400}', "a whole number"),
        ('{"gauge": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"level": {"L4": 1}}', "level: .*a text"),
        ('{"level": "' + "x" * 100_000 + '"}', "level: seen 'xxx"),
        (r'{"level": "\ud800"}', "lone surrogates"),
    ],
    ids=lambda text: text[:60],
)
def test_a_wrong_annotation_file_is_told_what_is_wrong(text, told):
    with pytest.raises(AnnotationError, match=told):
        parse_annotation(text, name="a.json")


def test_what_is_wrong_is_told_in_a_few_words():
    with pytest.raises(AnnotationError) as told:
        parse_annotation('{"level": "' + "x" * 100_000 + '"}', name="a.json")
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    "level", ["L4", "S1", "T12", "L6", "L4-L5", "L4-5", "L4/5", "L5-S1", "L3-L5", "T12-L1"]
)
def test_levels_of_the_lumbar_spine_and_its_neighbours_are_taken(level):
    check_annotation(Annotation(level=level), region="lumbar")


@pytest.mark.parametrize(
    "level", ["banana", "", "L", "L0", "L7", "C8", "T13", "L5-L4", "L4-L4", "S1-5-6", "L4-", "l4"]
)
def test_what_is_no_level_of_the_spine_is_refused(level):
    with pytest.raises(AnnotationError, match="is none of the spine"):
        check_annotation(Annotation(level=level))


def test_a_level_of_another_region_is_refused_and_any_is_taken_where_the_region_is_not_known():
    cervical = Annotation(level="C5-C6")
    with pytest.raises(AnnotationError, match=r"C5-C6 does not belong to a lumbar.* T12 to S1"):
        check_annotation(cervical, region="lumbar")
    for region in (None, "unknown", "cervical"):
        check_annotation(cervical, region=region)


@pytest.mark.parametrize("target", [(500.0, 1.0), (-1.0, 1.0), (1.0, 128.0), (math.nan, 1.0)])
def test_a_target_outside_the_picture_is_refused(target):
    with pytest.raises(AnnotationError, match="outside the picture; expected rows 0 to 99"):
        check_annotation(Annotation(target_px=target), picture=(100, 128))


def test_a_target_in_the_last_pixel_is_inside():
    check_annotation(Annotation(target_px=(99.0, 127.0)), picture=(100, 128))
