"""What the picture says: findings, units, and what is not known."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drawn_reports import bare, drawn_report, finding, uncalibrated, with_run_off

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


def test_without_a_warning_the_frames_are_counted_and_nothing_is_promised(report: Report) -> None:
    assert statement.verdict(report) == (
        None,
        "Nothing detected in 30 of 30 assessable frames; not a clearance.",
    )


def test_a_loop_without_assessable_frames_is_not_called_quiet(report: Report) -> None:
    assert statement.verdict(bare(report)) == (
        None,
        "Not assessable: none of 30 frames could be judged.",
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
    ["No millimetres", "Display-processed", "No frame times", "Laterality unknown"],
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
    assessable = replace(unsearched.assessable, reasons=(f"run-off search: {reason}",))
    for said in (
        statement.unknowns(unsearched),
        statement.unknowns(replace(unsearched, assessable=assessable)),
    ):
        assert sum(reason in line for line in said) == 1


def test_frames_are_counted_from_one_as_people_do(report: Report) -> None:
    assert statement.moment(report, 0) == "frame 1 of 30, 0.00 s"
    assert statement.moment(uncalibrated(report), 29) == "frame 30 of 30"
    assert statement.span(uncalibrated(report), (9, 19)) == "frames 10 to 20"


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
