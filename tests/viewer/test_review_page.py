"""The page of warnings, numbers and the sign-off, without a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rendering.drawn_reports import (
    bare,
    drawn_report,
    uncalibrated,
    with_expected,
    with_run_off,
)

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.rendering import statement
from napari_fluoroinject.viewer.evidence import evidence
from napari_fluoroinject.viewer.outcome import Analysed
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.viewer.told import WATCH, report_text, vascular

pytestmark = pytest.mark.qt
QUIET = drawn_report()
MEASURED = (
    Measurement(id="midline_crossing", value=12.3, unit="%", of="midline", sigma=2.0),
    Measurement(id="coaxiality", value=None, unit="deg", reason="the length is not known"),
)
REPORTS = {
    "quiet": replace(with_expected(QUIET), measured=MEASURED),
    "warned": with_run_off(QUIET),
    "bare": bare(QUIET),
    "uncalibrated": uncalibrated(QUIET),
}


@pytest.fixture
def shown(show_page, bench):
    """Makes a page on which a report is of what is said now."""
    from napari_fluoroinject.viewer.pages.review import ReviewPage

    def make(report=None) -> ReviewPage:
        on = bench
        if report is not None:
            session = Session()
            session.open(Run(loop=report.loop, files=(), name="AP run 1"))
            on = replace(bench, session=session)
            analyse(on, report)
        return show_page(ReviewPage(on))

    return make


def analyse(bench, report) -> None:
    session = bench.session
    annotation = replace(session.annotation, sign_off=None)
    analysed = Analysed(report=report, procedure=session.plan.procedure, annotation=annotation)
    session.put_report(session.run.uid, analysed)


def texts(page) -> str:
    from qtpy.QtWidgets import QApplication, QLabel

    QApplication.processEvents()  # what was added to a page shows itself a moment later
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible())


def test_a_run_is_analysed_from_the_page_and_reviewed(shown, bench):
    page = shown()
    assert "Not analysed yet." in texts(page)
    page.analyse.click()
    report = bench.session.report
    assert statement.verdict(report)[1] in texts(page)
    assert page.analyse.isHidden()
    assert "Needle tip" in texts(page)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_verdict_and_what_stands_beside_the_vascular_search_are_always_there(shown, name):
    report = REPORTS[name]
    said = texts(shown(report))
    assert statement.verdict(report)[1] in said
    assert len(vascular(report)) >= 3
    for line in vascular(report):
        assert line in said
    assert WATCH in said
    assert f"{report.assessable.of} frames could be judged" in said
    for line in statement.unknowns(report):
        assert line in said
    for row in statement.measured(report):
        assert f"{row.label}: {row.value}" in said


def test_a_search_that_was_not_made_is_told_with_its_reason():
    lines = vascular(REPORTS["bare"])
    assert lines[0] == "Vascular uptake: not assessed."
    assert lines[1] == "Reason: too few frames to tell a run-off from noise."


def test_the_limit_of_the_search_stands_beside_a_quiet_one():
    assert any("fainter than about 0.08 is missed" in line for line in vascular(QUIET))


def test_measures_of_the_procedure_come_with_unit_or_reason(shown):
    said = texts(shown(REPORTS["quiet"]))
    assert "Midline crossing: midline: 12.3 \N{PLUS-MINUS SIGN} 2.0 %" in said
    assert "Coaxiality: not measured" in said
    assert "the length is not known" in said
    assert "does not exclude other spread" in said


def test_lengths_name_their_basis(shown):
    assert "Lengths: 0.287 mm/px (isocentre plane, SID/SOD)." in texts(shown(QUIET))
    assert "Lengths are in pixels" in texts(shown(REPORTS["uncalibrated"]))


def test_a_click_on_a_warning_goes_to_where_it_is_seen(shown, bench):
    report = REPORTS["warned"]
    page = shown(report)
    gravest = page.cards[0]
    assert gravest.head.text().startswith("■ CRITICAL · vascular uptake")
    gravest.show_it.click()
    spot = evidence(report, report.findings[1])
    assert bench.tools.pointed == [(spot.frame, spot.points_px)]


def test_a_warning_about_the_whole_loop_says_so(shown):
    page = shown(REPORTS["warned"])
    assert "contrast not seen" in page.cards[1].head.text()
    assert "About the whole loop" in texts(page.cards[1])


def test_what_was_said_before_a_change_is_not_shown_after_it(shown):
    page = shown(QUIET)
    page.bench.session.place_target((3.0, 4.0))
    assert "Out of date" in texts(page)
    assert "Needle tip" not in texts(page)
    assert page.cards == []
    assert not page.sign_off.sign.isEnabled()


def sign(page) -> None:
    for box in page.sign_off.boxes.values():
        box.setChecked(True)
    page.sign_off.name.setText("R. Reader")
    page.sign_off.sign.click()


def test_signing_takes_all_three_boxes_and_a_name(shown):
    page = shown(QUIET)
    box, session = page.sign_off, page.bench.session
    for one in box.boxes.values():
        assert not box.sign.isEnabled()
        one.setChecked(True)
    assert not box.sign.isEnabled()
    box.name.setText("  ")
    assert not box.sign.isEnabled()
    sign(page)
    assert session.annotation.sign_off.operator == "R. Reader"
    assert session.annotation.sign_off.confirmed == ("needle_and_target", "contrast", "warnings")
    assert session.operator == "R. Reader"
    assert "Signed by R. Reader" in texts(page)
    assert session.report is not None


def test_a_change_takes_sign_off_and_ticks_back(shown):
    page = shown(QUIET)
    sign(page)
    page.bench.session.place_target((3.0, 4.0))
    analyse(page.bench, QUIET)
    assert page.bench.session.annotation.sign_off is None
    assert not any(one.isChecked() for one in page.sign_off.boxes.values())
    assert "Not signed." in texts(page)


def test_a_sign_off_can_be_taken_back(shown):
    page = shown(QUIET)
    sign(page)
    page.sign_off.withdraw.click()
    assert page.bench.session.annotation.sign_off is None
    assert not any(one.isChecked() for one in page.sign_off.boxes.values())


def test_ticks_do_not_outlive_the_report_that_they_were_set_beside(shown):
    page = shown(QUIET)
    page.sign_off.boxes["contrast"].setChecked(True)
    analyse(page.bench, REPORTS["warned"])
    assert not page.sign_off.boxes["contrast"].isChecked()


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_report_as_text_says_what_the_page_says(shown, name):
    report = REPORTS[name]
    text = report_text(report, Annotation())
    for line in (*vascular(report), *statement.unknowns(report), statement.RESEARCH_ONLY):
        assert line in text
    for one in report.findings:
        assert one.text in text
    assert report.findings or statement.all_quiet(report) in text
    assert "Not signed." in text


def test_the_text_is_put_on_the_clipboard(shown):
    from qtpy.QtGui import QGuiApplication

    page = shown(QUIET)
    page.copy.click()
    assert QGuiApplication.clipboard().text() == report_text(QUIET, Annotation())
