"""The bar that offers what a crash left, and the clock that keeps what is said now."""

from __future__ import annotations

import pytest

from napari_fluoroinject.viewer.autosave import Autosave, Drafts
from napari_fluoroinject.viewer.recovery import RecoveryBar
from napari_fluoroinject.viewer.session import Session

pytestmark = pytest.mark.qt


@pytest.fixture
def drafts(tmp_path):
    return Drafts(tmp_path / "drafts")


@pytest.fixture
def bar(qtbot, bench, drafts):
    made = RecoveryBar(bench, drafts=drafts)
    qtbot.addWidget(made)
    yield made
    made.release()


@pytest.fixture
def left(drafts, run):
    earlier = Session()
    earlier.open(run)
    earlier.place_target((3.0, 4.0))
    Autosave(earlier, drafts).flush()
    return earlier.draft


def test_where_nothing_was_left_there_is_no_bar(bar):
    assert bar.isHidden()


def test_restore_brings_back_what_was_marked_and_the_bar_goes(left, bar, bench):
    assert not bar.isHidden()
    assert "marks in 1 run" in bar.words.text()
    bar.restore.click()
    assert bench.session.draft == left
    assert bar.isHidden()


def test_discard_takes_it_away_for_good(left, bar, bench, drafts, run):
    bar.discard.click()
    assert bar.isHidden()
    assert drafts.found(run.study_uid) is None
    assert bench.session.annotation.target_px is None


def test_a_change_is_on_disk_soon_and_without_anybody_asking(bar, bench, drafts, run, qtbot):
    bench.session.place_target((5.0, 6.0))
    qtbot.waitUntil(lambda: drafts.found(run.study_uid) == bench.session.draft, timeout=10_000)


def test_closing_saves_what_is_not_on_disk_yet(bar, bench, drafts, run):
    bench.session.place_target((5.0, 6.0))
    bar.release()
    assert drafts.found(run.study_uid) == bench.session.draft


def test_what_was_sent_is_offered_in_words_of_its_own(drafts, run, bench, qtbot):
    earlier = Session()
    earlier.open(run)
    earlier.place_target((3.0, 4.0))
    drafts.keep_sent(earlier.draft)
    bar = RecoveryBar(bench, drafts=drafts)
    qtbot.addWidget(bar)
    assert "were sent before, with marks in 1 run" in bar.words.text()
    bar.restore.click()
    assert bench.session.draft == earlier.draft
    bar.release()
