"""What a person says: read exactly, written exactly, checked against the procedure."""

from __future__ import annotations

import json
from math import cos, sin

import pytest
from annotation_strategies import annotations
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    Mark,
    annotation_text,
    check_annotation,
    check_landmarks,
    parse_annotation,
)
from napari_fluoroinject.model.marks import why_unfit
from napari_fluoroinject.procedures import get


@given(annotations())
def test_an_annotation_comes_back_from_its_json_exactly(annotation):
    assert parse_annotation(annotation_text(annotation), name="a.json") == annotation


def test_what_was_not_said_is_not_written():
    assert json.loads(annotation_text(Annotation(gauge=22))) == {"gauge": 22}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"needle_length_mm": 0}', "needle_length_mm: seen 0"),
        ('{"agent": {"volume_ml": -1}}', "volume_ml: seen -1"),
        ('{"agent": {"kind": "barium"}}', "agent.kind: seen 'barium'"),
        ('{"agent": {"kind": "gadolinium", "iodine_mg_ml": 180}}', "one or the other"),
        ('{"events": [{"kind": "contrast"}]}', r"events\[0\]: .*time_s beside it"),
        ('{"events": [{"kind": "lunch", "time_s": 1}]}', r"events\[0\].kind: seen 'lunch'"),
        ('{"marks": [{"landmark": "a", "points_px": []}]}', "'a' has no point"),
        ('{"marks": [{"landmark": "a", "points_px": [[1]]}]}', r"marks\[0\].points_px\[0\]"),
        (
            '{"marks": [{"landmark": "a", "points_px": [[1, 2]]}, '
            '{"landmark": "a", "points_px": [[1, 2]]}]}',
            "marked more than once",
        ),
        ('{"view": "' + "x" * 65 + '"}', "view: seen 'xxx.* 65 characters"),
        ('{"c_arm": {"primary_angle_deg": "left"}}', "c_arm.primary_angle_deg: seen 'left'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(text, told):
    with pytest.raises(AnnotationError, match=told):
        parse_annotation(text, name="a.json")


@pytest.mark.parametrize("beyond", [None, (500.0, 0.0)])
def test_a_mark_outside_the_picture_is_refused(beyond):
    inside = ((1.0, 1.0), (2.0, 2.0) if beyond else (1.0, 101.0))
    mark = Mark(landmark="midline", points_px=inside, beyond_px=beyond)
    with pytest.raises(AnnotationError, match="outside the picture"):
        check_annotation(Annotation(marks=(mark,)), picture=(100, 100))


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (
            Annotation(marks=(Mark(landmark="nose", points_px=((1.0, 1.0),)),)),
            "no landmark 'nose'",
        ),
        (
            Annotation(marks=(Mark(landmark="midline", points_px=((1.0, 1.0),)),)),
            "expected 2 to 200 for one of kind line",
        ),
        (
            Annotation(marks=(Mark(landmark="facet_joint", points_px=((1.0, 1.0),) * 2),)),
            "expected 3 to 200",
        ),
        (Annotation(view="PA"), "no view 'PA'; there are: AP, CLO, LAT"),
    ],
)
def test_marks_are_landmarks_of_the_procedure(annotation, told):
    with pytest.raises(AnnotationError, match=told):
        check_landmarks(annotation, get("esi_il_lumbar"))


def test_a_mark_is_found_by_its_landmark():
    mark = Mark(landmark="midline", points_px=((1.0, 1.0), (2.0, 2.0)))
    assert Annotation(marks=(mark,)).mark("midline") == mark
    assert Annotation(marks=(mark,)).mark("end_plates") is None


LINE, AREA = "midline", "facet_joint"


@pytest.mark.parametrize(
    ("landmark", "points", "told"),
    [
        (LINE, ((1.0, 1.0), (1.0, 1.5), (9.0, 9.0)), "points 1 and 2 less than 1 pixel apart"),
        ("end_plates", ((10.0, 5.0), (90.0, 5.0), (50.0, 5.0)), "point 3 before point 2"),
        (AREA, ((1.0, 1.0), (5.0, 5.0), (9.0, 9.0)), "encloses nothing"),
        (AREA, ((0.0, 0.0), (0.0, 9.0), (9.0, 0.0), (9.0, 9.5)), "edges 2 and 4 that cross"),
        (LINE, tuple((2.0 * k, 3.0) for k in range(201)), "has 201 points"),
    ],
)
def test_a_mark_that_nothing_can_be_measured_against_is_refused(landmark, points, told):
    mark = Mark(landmark=landmark, points_px=points)
    with pytest.raises(AnnotationError, match=told):
        check_landmarks(Annotation(marks=(mark,)), get("esi_il_lumbar"))


def test_only_lines_have_a_far_side():
    corners = ((0.0, 0.0), (0.0, 9.0), (9.0, 9.0))
    mark = Mark(landmark=AREA, points_px=corners, beyond_px=(5.0, 5.0))
    with pytest.raises(AnnotationError, match="far side"):
        check_landmarks(Annotation(marks=(mark,)), get("esi_il_lumbar"))


@given(
    st.lists(st.floats(5, 60), min_size=3, max_size=30),
    st.floats(0, 6.28),
)
def test_corners_in_order_round_a_middle_make_an_area(radii, turn):
    steps = [turn + 6.28 * k / len(radii) for k in range(len(radii))]
    corners = tuple((80 + r * sin(a), 80 + r * cos(a)) for r, a in zip(radii, steps, strict=True))
    mark = Mark(landmark=AREA, points_px=corners)
    told = why_unfit(mark, "area")
    assert told is None or "apart" in told or "nothing" in told
