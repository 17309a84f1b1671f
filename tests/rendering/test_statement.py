"""What the picture says: findings, units, and what is not known."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drawn_reports import bare, drawn_report, finding, uncalibrated, with_run_off

from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.procedure import LandmarkRule, LimitRule
from napari_fluoroinject.model.spread import RUN_OFF_MISSED
from napari_fluoroinject.rendering import statement

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report

# Reassurance, advice, and a distinction nobody can make in these pictures.
FORBIDDEN = r"\b(safe|clear|cleared|excluded|arterial|venous|artery|vein|inject now|proceed)\b"


def everything_said(report: Report) -> list[str]:
    """All the words of a report."""
    rows = [f"{row.label} {row.value} {row.note}" for row in statement.measured(report)]
    notices = [f"{n.severity} {n.name} {n.text} {n.when}" for n in statement.notices(report)]
    return [
        statement.title(report),
        statement.subtitle(report),
        statement.verdict(report)[1],
        statement.all_quiet(report),
        statement.made_by(report),
        statement.RESEARCH_ONLY,
        *rows,
        *notices,
        *statement.unknowns(report),
    ]


def score_of(report: Report) -> statement.Row:
    return next(row for row in statement.measured(report) if row.label == "Run-off score")


def test_without_a_warning_the_frames_are_counted_and_nothing_is_promised(report: Report) -> None:
    assert statement.verdict(report) == (
        None,
        "Nothing detected in 30 assessable of 30 frames; not a clearance.",
    )


def test_a_loop_without_assessable_frames_is_not_called_quiet(report: Report) -> None:
    assert statement.verdict(bare(report)) == (
        None,
        "Not assessable: none of 30 frames could be judged.",
    )


def test_a_run_off_search_that_was_not_made_stands_in_the_headline(report: Report) -> None:
    run_off = replace(report.run_off, score=None, kind=None, reason="loop too short")
    quiet = replace(report, run_off=run_off)
    assert statement.verdict(quiet)[1].startswith(
        "Vascular uptake: not assessed. Nothing else detected in 30 assessable of 30"
    )
    warned = replace(quiet, findings=(finding("image_unfit", "info", "lossy"),))
    assert statement.verdict(warned)[1] == ("INFO · image unfit · vascular uptake: not assessed")
    assert score_of(quiet).value == "unknown: not searched"


def test_a_run_off_search_that_was_made_in_part_says_so_beside_its_score(report: Report) -> None:
    partly = replace(report, run_off=replace(report.run_off, reason="the loop ends too early"))
    assert statement.verdict(partly)[1].startswith("Vascular uptake: assessed in part only.")
    assert score_of(partly).note.startswith("transient; searched in part only; fainter than")
    alarmed = with_run_off(partly)
    assert "in part" not in statement.verdict(alarmed)[1]


def test_no_limit_of_the_run_off_search_promises_anything_above_it(report: Report) -> None:
    note = score_of(report).note
    assert note == f"transient; fainter than about 0.08 is missed; {RUN_OFF_MISSED}"


def test_extents_that_reach_the_edge_of_the_field_are_at_least_so_long(report: Report) -> None:
    assert report.measurements is not None
    assert "at least" not in " ".join(everything_said(report))
    bounds = replace(report.measurements, lower_bounds=("area", "along", "cranial"))
    rows = {row.label: row for row in statement.measured(replace(report, measurements=bounds))}
    assert rows["Spread area"].value.startswith("at least ")
    assert "reaches the edge of the open field" in rows["Spread area"].note
    assert rows["Along the spine"].value == "at least 18.4 mm"
    assert rows["From the tip"].value == "at least 11.0 mm cranial, 7.3 mm caudal"


def test_a_spread_that_was_not_measured_has_no_number(report: Report) -> None:
    assert report.measurements is not None
    nothing = replace(report, measurements=replace(report.measurements, area_px=None))
    rows = [row for row in statement.measured(nothing) if row.label == "Contrast"]
    assert [row.value for row in rows] == ["not measured: no spread was found"]


def test_the_arrival_tells_of_the_onset_too(report: Report) -> None:
    row = next(row for row in statement.measured(report) if row.label == "First arrival")
    assert row.note == (
        "where the fit first exceeds opacity 0.12; onset, from many pixels: 0.40 s"
    )


def test_the_gravest_warning_stands_first(report: Report) -> None:
    alarmed = with_run_off(report)
    assert [notice.severity for notice in statement.notices(alarmed)] == ["critical", "moderate"]
    assert statement.verdict(alarmed)[1].startswith("CRITICAL · vascular uptake · 0.7 to 1.0 s")


def test_warnings_of_one_severity_are_ordered_by_score(report: Report) -> None:
    weak = replace(finding("image_unfit", "high", "weak"), score=1.1)
    strong = replace(finding("tip_off_target", "high", "strong"), score=3.0)
    ordered = statement.notices(replace(report, findings=(weak, strong)))
    assert [notice.text for notice in ordered] == ["strong", "weak"]


def test_millimetres_are_said_only_of_a_calibrated_loop(report: Report) -> None:
    assert any(" mm" in words for words in everything_said(report))
    unknown = uncalibrated(drawn_report())
    rows = [r for r in statement.measured(unknown) if r.label != "Front speed"]
    assert not any(" mm" in f"{row.value} {row.note}" for row in rows)


@pytest.mark.parametrize(
    "sentence",
    ["No millimetres", "Display-processed", "No frame times", "Side: nobody said which"],
)
def test_what_is_unknown_is_said(report: Report, sentence: str) -> None:
    said = statement.unknowns(uncalibrated(report))
    assert any(line.startswith(sentence) for line in said)
    assert not any(line.startswith(sentence) for line in statement.unknowns(report))


def test_unknown_pixel_values_are_said(report: Report) -> None:
    loop = replace(report.loop, intensity=replace(report.loop.intensity, relationship="unknown"))
    assert any(
        "meaning of the pixel values" in line
        for line in statement.unknowns(replace(report, loop=loop))
    )


def test_nothing_is_said_twice(report: Report) -> None:
    reasons = ("No frames before the contrast.",)
    assessable = replace(report.assessable, reasons=reasons * 2)
    loop = replace(report.loop, notes=reasons)
    said = statement.unknowns(replace(report, assessable=assessable, loop=loop))
    assert len(said) == len(set(said))


def test_a_run_off_that_could_not_be_searched_is_said_once(report: Report) -> None:
    unsearched = bare(report)
    reason = unsearched.run_off.reason
    assert reason is not None
    assert sum(reason in line for line in statement.unknowns(unsearched)) == 1
    assert "not assessed" in statement.vascular_unassessed(unsearched)


def test_frames_are_counted_from_one_as_people_do(report: Report) -> None:
    assert statement.moment(report, 0) == "frame 1 of 30, 0.00 s"
    assert statement.moment(uncalibrated(report), 29) == "frame 30 of 30"
    assert statement.span(uncalibrated(report), (9, 19)) == "frames 10 to 20"
    assert statement.span(uncalibrated(report), (9, 9)) == "frame 10"
    assert statement.span(report, (9, 9)) == "0.60 s"


def test_the_distance_to_the_target_is_taken_in_one_pose(report: Report) -> None:
    row = next(row for row in statement.measured(report) if row.label == "Tip to target")
    needle = report.needle
    tip = [needle.tip_px[k] - report.motion.shift_px[needle.frame][k] for k in (0, 1)]
    target = report.annotation.target_px
    assert target is not None
    distance = 0.287 * ((tip[0] - target[0]) ** 2 + (tip[1] - target[1]) ** 2) ** 0.5
    assert row.value == f"{distance:.1f} mm"


def test_no_word_reassures_advises_or_names_a_kind_of_vessel(report: Report) -> None:
    for changed in (report, with_run_off(report), uncalibrated(report), bare(report)):
        for words in everything_said(changed):
            assert not re.search(FORBIDDEN, words, re.IGNORECASE), words


def test_the_tip_and_the_lines_it_must_not_pass_have_numbers_with_their_uncertainty(
    report: Report,
) -> None:
    line = LandmarkRule(id="safe", name="safe line", kind="line", views=("AP",), grade="D")
    limit = LimitRule(landmark="safe", beyond="medial", views=("AP",), grade="D")
    measured = (
        Measurement(id="tip_to_line", value=-2.9, unit="mm", of="safe", sigma=0.4),
        Measurement(id="tip_to_target", value=3.0, unit="mm", sigma=0.31),
    )
    procedure = replace(report.procedure, landmarks=(line,), limits=(limit,))
    rows = statement.measured(replace(report, procedure=procedure, measured=measured))
    told = {row.label: row.value for row in rows}
    assert told["Tip medial of safe line"] == "-2.9 \N{PLUS-MINUS SIGN} 0.4 mm"
    assert "\N{PLUS-MINUS SIGN} 0.3 mm" in told["Tip to target"]
