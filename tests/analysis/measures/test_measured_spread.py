"""What a procedure asks of its spread, on regions whose truth is how they were drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from measured_loops import seen

from napari_fluoroinject.analysis.measures.asked import Spread
from napari_fluoroinject.analysis.measures.spread import spread_measurements
from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.model.spread import RunOff, SpreadMeasurements
from napari_fluoroinject.procedures import get

IL, TF = get("esi_il_lumbar"), get("esi_tf_lumbar_subpedicular")
MIDLINE = Mark(landmark="midline", points_px=((0.0, 149.5), (199.0, 149.5)))
PLATES = Mark(
    landmark="end_plates", points_px=tuple((float(row), 150.0) for row in (20, 60, 100, 140, 180))
)
VILL = Mark(
    landmark="ventral_interlaminar_line",
    points_px=((0.0, 118.0), (199.0, 118.0)),
    beyond_px=(100.0, 100.0),
)


def region(top=60, bottom=140, left=120, right=160):
    drawn = np.zeros((200, 300), bool)
    drawn[top:bottom, left:right] = True
    return drawn


def numbers(**changes):
    empty = {field.name: None for field in dataclasses.fields(SpreadMeasurements)}
    course = np.array([np.nan, 0.0, 10.0, 10.0, 10.0, 10.0, 8.0, 6.0, 5.0, 5.0, 5.0])
    known = {
        "area_by_frame_px": course,
        "mean_od_by_frame": np.ones_like(course),
        "lower_bounds": (),
        "reasons": (),
        "along_mm": 40.0,
        "across_mm": 20.0,
        "along_px": 80.0,
        "across_px": 40.0,
    }
    return SpreadMeasurements(**(empty | known | changes))


def run_off(**changes):
    fields = {
        "score": 0.3,
        "kind": None,
        "path_px": np.zeros((0, 2)),
        "frames": None,
        "smallest_seen_od": 0.05,
    }
    return RunOff(**(fields | changes))


def found(what, *, of=None, procedure=IL, area=None, spread_numbers=None, run=None, **changes):
    covered = region() if area is None else area
    spread = Spread(
        region=covered,
        peak_od=np.where(covered, 0.3, 0.0),
        numbers=spread_numbers or numbers(),
        run_off=run or run_off(),
    )
    measured = spread_measurements(seen(**changes), spread, procedure)
    matching = [one for one in measured if one.id == what and of in (None, one.of)]
    assert len(matching) == 1
    return matching[0]


def test_levels_are_counted_between_the_end_plates():
    levels = found("levels", annotation=Annotation(marks=(PLATES,)))
    assert levels.value == pytest.approx((139 - 60) / 40)
    assert levels.unit == "{levels}"
    assert levels.sigma == pytest.approx(2 / 40)


@pytest.mark.parametrize(("tip_column", "crossing"), [(110.0, 25.0), (190.0, 75.0)])
def test_the_needles_side_is_the_side_of_its_tip(tip_column, crossing):
    marks = Annotation(marks=(MIDLINE,))
    crossed = found("midline_crossing", annotation=marks, tip=(100.0, tip_column))
    assert crossed.value == pytest.approx(crossing)
    asymmetry = found("side_asymmetry", annotation=marks, tip=(100.0, tip_column))
    assert asymmetry.value == pytest.approx(100 - 2 * crossing)


def test_a_tip_on_the_midline_has_no_side():
    crossed = found("midline_crossing", annotation=Annotation(marks=(MIDLINE,)), tip=(9.0, 150.0))
    assert "stands on the midline" in crossed.reason


def test_contact_with_the_line_is_told_where_the_spread_lies_beside_it():
    assert found("line_contact", annotation=Annotation(marks=(VILL,))).value > 95
    away = found("line_contact", annotation=Annotation(marks=(VILL,)), area=region(left=130))
    assert away.value == 0


def test_flow_medial_to_the_pedicle_is_a_share():
    line = Mark(
        landmark="medial_pedicle_line",
        points_px=((0.0, 139.5), (199.0, 139.5)),
        beyond_px=(100.0, 250.0),
    )
    medial = found("medial_to_pedicle", procedure=TF, annotation=Annotation(marks=(line,)))
    assert (medial.value, medial.unit) == (pytest.approx(50.0), "%")
    assert 0 < medial.sigma < 5


def test_overlap_is_told_for_each_marked_area():
    disc = Mark(landmark="disc", points_px=((0.0, 0.0), (0.0, 299.0), (99.5, 299.0), (99.5, 0.0)))
    marks = Annotation(marks=(disc,))
    inside = found("area_overlap", of="disc", procedure=TF, annotation=marks)
    assert inside.value == pytest.approx(50.0)
    other = found("area_overlap", of="facet_joint", procedure=TF, annotation=marks)
    assert other.reason == "the facet joint was not marked"


def test_what_is_left_of_the_most_contrast_is_the_persistence():
    assert found("persistence").value == pytest.approx(50.0)


def test_what_is_left_is_told_only_where_the_last_frames_were_judged():
    lost = np.r_[np.ones(12), [np.nan, np.nan]]
    numbers_lost = numbers(area_by_frame_px=lost, mean_od_by_frame=lost)
    assert "last frames" in found("persistence", spread_numbers=numbers_lost).reason
    gone = np.r_[np.ones(9) * 50, np.zeros(5)]
    washed_out = numbers(area_by_frame_px=gone, mean_od_by_frame=np.where(gone, 0.2, np.nan))
    empty = np.zeros((200, 300), bool)
    assert found("persistence", spread_numbers=washed_out, area=empty).value == 0


@pytest.mark.parametrize("view", ["CLO", "LAT"])
def test_a_landmark_serves_only_in_the_views_that_show_it(view):
    marks = Annotation(view=view, marks=(MIDLINE,))
    crossed = found("midline_crossing", annotation=marks, tip=(100.0, 110.0))
    assert f"is told in AP, and this view is {view}" in crossed.reason


def test_a_region_at_the_picture_edge_does_not_come_in_at_the_other():
    whole = region(top=0, bottom=200, left=120, right=160)
    half = region(top=0, bottom=200, left=0, right=40)
    one, other = (found("compactness", area=a, procedure=get("mbb_lumbar")) for a in (whole, half))
    assert other.sigma < 2 * one.sigma + 0.05


def test_extents_are_those_of_the_spread_and_never_a_lower_bound():
    assert found("cranio_caudal_extent").value == 40.0
    assert found("cranio_caudal_extent", calibration=None).unit == "{pixels}"
    bounded = found("cranio_caudal_extent", spread_numbers=numbers(lower_bounds=("along",)))
    assert "edge of the open field" in bounded.reason


def test_a_path_has_a_length_only_where_it_reached_the_alarm():
    path = np.array([[0.0, 0.0], [30.0, 40.0]])
    alarmed = run_off(score=1.2, kind="transient", path_px=path)
    assert found("path_length", run=alarmed).value == pytest.approx(25.0)
    assert "no run-off reached" in found("path_length").reason
    assert found("tubularity").value == 0.3


@pytest.mark.parametrize(
    ("what", "changes", "why"),
    [
        ("levels", {}, "one point for each from head to feet was not marked"),
        ("midline_crossing", {}, "through the spinous processes was not marked"),
        ("line_contact", {}, "(VILL) was not marked"),
        ("compactness", {"area": np.zeros((200, 300), bool)}, "no spread was seen"),
        ("front_speed", {}, "could not be followed"),
        (
            "side_asymmetry",
            {"annotation": Annotation(marks=(MIDLINE,)), "needle": NoNeedle(reason="x")},
            "no needle was found",
        ),
        (
            "levels",
            {
                "annotation": Annotation(
                    marks=(Mark(landmark="end_plates", points_px=((90.0, 9.0), (100.0, 9.0))),)
                )
            },
            "goes on beyond the end plates",
        ),
    ],
)
def test_what_cannot_be_measured_says_why(what, changes, why):
    procedure = get("mbb_lumbar") if what == "compactness" else IL
    missing = found(what, procedure=procedure, **changes)
    assert missing.value is None
    assert why in missing.reason


def test_columns_are_measured_about_the_marked_midline():
    marks = Annotation(marks=(MIDLINE,))
    wide = found("column_width", annotation=marks)
    assert wide.unit == "mm"
    assert wide.value > 0
    assert wide.sigma > 0
    assert found("middle_opacity", annotation=marks).value == pytest.approx(100.0)
    pixels = found("column_width", annotation=marks, calibration=None)
    assert pixels.unit == "{pixels}"
    leaving = dataclasses.replace(numbers(), lower_bounds=("area", "across"))
    gone = found("column_width", annotation=marks, spread_numbers=leaving)
    assert gone.reason == "contrast reaches the edge of the open field"
    assert found("middle_opacity", annotation=Annotation()).reason.endswith("was not marked")


def test_without_a_subtraction_every_measure_says_so():
    for one in spread_measurements(seen(), None, IL):
        assert one.reason == "no frames before contrast to subtract"


@pytest.mark.parametrize("procedure", [IL, TF, get("mbb_lumbar")])
def test_every_measure_that_patterns_ask_for_is_answered_once_for_each_landmark(procedure):
    spread = Spread(
        region=region(), peak_od=np.where(region(), 0.3, 0.0), numbers=numbers(), run_off=run_off()
    )
    answered = [(one.id, one.of) for one in spread_measurements(seen(), spread, procedure)]
    assert len(answered) == len(set(answered))
    patterns = (*procedure.expected, *procedure.abnormal)
    asked = {measure for pattern in patterns for measure in pattern.measures}
    places = {"tip_to_target"}
    areas = any(landmark.kind == "area" for landmark in procedure.landmarks)
    lines = {"line_contact", *(() if areas else ("area_overlap",))}
    assert asked - places - lines <= {what for what, _ in answered}
