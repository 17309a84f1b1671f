"""The page of mask frames, analysis and maps, without a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rendering.drawn_reports import bare, drawn_report, uncalibrated

from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.outcome import Analysed
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.seen import MAPS, map_missing, map_said
from napari_fluoroinject.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.viewer.bench import Bench

pytestmark = pytest.mark.qt


@pytest.fixture
def shown(show_page, bench) -> Callable[[Bench], object]:
    """Makes a page of a bench."""
    from napari_fluoroinject.viewer.pages.contrast import ContrastPage

    return lambda on=bench: show_page(ContrastPage(on))


def texts(page) -> str:
    from qtpy.QtWidgets import QApplication, QLabel

    QApplication.processEvents()  # what was added to a page shows itself a moment later
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible())


def drawn(bench: Bench, report) -> Bench:
    """A bench on which that report is of what is said now."""
    session = Session()
    session.open(Run(loop=report.loop, files=(), name="AP run 1"))
    analysed = Analysed(report=report, procedure="generic", annotation=session.annotation)
    session.put_report(session.run.uid, analysed)
    return replace(bench, session=session)


def test_the_buttons_subtract_and_analyse_the_run(shown, bench):
    page = shown()
    assert "not analysed yet" in texts(page)
    page.subtract_button.click()
    assert bench.session.subtracted is not None
    assert "Subtracted: mean of frames" in texts(page)
    page.analyse_button.click()
    assert bench.session.report is not None
    assert "frames could be judged" in texts(page)
    assert "Residual motion:" in texts(page)
    assert all(one.isEnabled() for one in page.maps.values())


def test_a_change_after_the_analysis_is_told_and_analysed_again(shown, bench):
    page = shown()
    page.analyse_button.click()
    assert page.late.isHidden()
    bench.session.place_target((40.0, 50.0))
    assert page.late.isVisible()
    page.again.click()
    assert page.late.isHidden()
    assert bench.session.report is not None


def test_progress_of_the_pages_own_work_is_shown_and_can_be_cancelled(
    shown, threaded_bench, pump, monkeypatch
):
    from threading import Event

    go = Event()

    def slowly(bench, run):
        def work(progress):
            while not go.wait(0.005):
                progress("measuring", 0.5)

        return bench.jobs.start("Analyse AP run 1", work, lambda _none: None)

    monkeypatch.setattr(works, "analyze", slowly)
    page = shown(threaded_bench)
    page.analyse_button.click()
    pump.until(lambda: page.progress.value() == 50)
    assert "Analyse AP run 1: measuring." in texts(page)
    page.cancel.click()
    pump.until(lambda: "cancelled" in texts(page))
    assert page.progress.isHidden()
    go.set()


def test_work_that_fails_says_why(shown, bench, monkeypatch):
    def failing(on, run):
        def work(progress):
            raise OSError(28, "No space left on device")

        return on.jobs.start("Analyse AP run 1", work, lambda _none: None)

    monkeypatch.setattr(works, "analyze", failing)
    page = shown()
    page.analyse_button.click()
    assert "Analyse AP run 1 failed: No space left on device" in texts(page)


def test_mask_frames_are_found_or_chosen(shown, bench):
    page = shown()
    masks, session = page.masks, bench.session
    assert masks.choice == "found"
    assert masks.buttons["header"].isHidden()
    assert not masks.first.isEnabled()
    masks.buttons["chosen"].click()
    assert masks.first.isEnabled()
    masks.last.setValue(4)
    masks.first.setValue(2)
    assert session.annotation.mask_frames == (1, 2, 3)
    masks.first.setValue(6)
    assert session.annotation.mask_frames == (5,)
    session.choose_mask(None, (0, 1))  # as a drag on the curve does
    assert (masks.first.value(), masks.last.value()) == (1, 2)
    masks.buttons["found"].click()
    assert session.annotation.mask_frames == ()


def test_gaps_between_chosen_frames_are_told(shown, bench):
    bench.session.choose_mask(None, (0, 1, 5))
    assert "Chosen: frames 1-2, 6." in texts(shown())


def test_the_headers_mask_is_offered_where_there_is_one(shown, bench):
    run = bench.session.run
    mask = HeaderMask(operation="AVG_SUB", mask_frames=(0, 1))
    loop = replace(
        run.loop, masks=(mask,), reference=replace(run.loop.reference, sop_instance_uid="1.9")
    )
    bench.session.open(replace(run, loop=loop))
    page = shown()
    assert page.masks.buttons["header"].isVisible()
    page.masks.buttons["header"].click()
    assert bench.session.annotation.mask == "header"


def test_maps_are_shown_through_the_tools_with_their_threshold(shown, bench):
    page = shown(drawn(bench, drawn_report()))
    page.maps["arrival"].click()
    assert bench.tools.map_kind == "arrival"
    assert page.maps["arrival"].isChecked()
    assert "until opacity first exceeds 0.120" in texts(page)
    page.maps["none"].click()
    assert bench.tools.map_kind == "none"


def test_without_frame_times_only_maps_without_seconds_are_offered(shown, bench):
    page = shown(drawn(bench, uncalibrated(drawn_report())))
    enabled = {kind for kind, one in page.maps.items() if one.isEnabled()}
    assert enabled == {"none", "opacity"}
    assert "no frame times" in page.maps["arrival"].toolTip()
    assert "Opacity is relative, not quantitative." in texts(page)


def test_a_loop_that_could_not_be_assessed_says_so_and_why(shown, bench):
    page = shown(drawn(bench, bare(drawn_report())))
    assert "Not assessable: none of 30 frames could be judged." in texts(page)
    assert "Vascular uptake: not assessed" in texts(page)
    assert not page.maps["opacity"].isEnabled()


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_a_map_is_told_wherever_it_can_be_shown(kind):
    for report in (drawn_report(), uncalibrated(drawn_report()), bare(drawn_report()), None):
        if kind != "none" and not map_missing(report, kind):
            assert map_said(report, kind)
