"""What a person says: read exactly, written exactly, checked against the procedure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    CArm,
    ContrastAgent,
    Event,
    Mark,
    NeedleTrajectory,
    annotation_text,
    check_annotation,
    check_landmarks,
    parse_annotation,
)
from napari_fluoroinject.procedures import get

numbers = st.floats(allow_nan=False, allow_infinity=False)
amounts = st.floats(min_value=1e-3, max_value=1e6)
points = st.tuples(numbers, numbers)
words = st.text(min_size=1, max_size=64)
levels = st.sampled_from(["L4", "L4-L5", "C7-T1", "S1"])
needles = st.builds(NeedleTrajectory, hub_px=points, tip_px=points, frame=st.integers(0, 10_000))
marks = st.builds(
    Mark,
    landmark=words,
    points_px=st.lists(points, min_size=1, max_size=5).map(tuple),
    beyond_px=st.none() | points,
    level=st.none() | levels,
)
agents = st.builds(
    ContrastAgent,
    name=st.none() | words,
    kind=st.none() | st.sampled_from(["iodinated", "other"]),
    iodine_mg_ml=st.none() | amounts,
    volume_ml=st.none() | amounts,
)
events = st.builds(
    Event,
    kind=st.sampled_from(["aspiration", "contrast", "test_dose", "medication"]),
    time_s=numbers,
)
annotations = st.builds(
    Annotation,
    needle=st.none() | needles,
    target_px=st.none() | points,
    gauge=st.sampled_from([None, 18, 22, 25]),
    needle_length_mm=st.none() | amounts,
    level=st.none() | levels,
    side=st.sampled_from([None, "left", "right", "bilateral"]),
    view=st.none() | words,
    c_arm=st.none() | st.builds(CArm, primary_angle_deg=numbers, secondary_angle_deg=numbers),
    marks=st.lists(marks, max_size=4, unique_by=lambda mark: mark.landmark).map(tuple),
    agent=st.none() | agents,
    events=st.lists(events, max_size=4).map(tuple),
    mask=st.sampled_from([None, "auto", "header"]),
)


@given(annotations)
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
        (Annotation(marks=(Mark(landmark="midline", points_px=((1.0, 1.0),)),)), "is a line"),
        (
            Annotation(marks=(Mark(landmark="facet_joint", points_px=((1.0, 1.0),) * 2),)),
            "expected 3 or more",
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
