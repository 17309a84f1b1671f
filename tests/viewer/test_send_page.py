"""The last step: what is written, where it goes, what came back, and why not."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_fluoroinject.dicom.outputs import EXTRAS
from napari_fluoroinject.model.annotation import SignOff, parse_annotation
from napari_fluoroinject.viewer import works
from napari_fluoroinject.viewer.objects import EXTRA_NAMES, objects_of
from napari_fluoroinject.viewer.pages.send import SendPage

pytestmark = pytest.mark.qt


@pytest.fixture
def page(qtbot, bench):
    made = SendPage(bench)
    qtbot.addWidget(made)
    yield made
    made.release()


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def test_nothing_can_be_written_or_sent_before_an_analysis_and_the_page_says_why(page):
    assert not page.write.isEnabled()
    assert not page.send.isEnabled()
    assert "Not analysed yet" in page.state.text()
    assert page.signed.text().startswith("Not signed off.")


def test_every_extra_has_a_box_and_what_is_ticked_is_written(page, bench, run):
    assert EXTRA_NAMES.keys() == EXTRAS.keys() == page.extras.keys()
    works.analyze(bench, run)
    page.extras["document"].setChecked(True)
    page.write.click()
    assert "document.dcm" in [path.name for path in bench.session.kept.files]
    assert "Report as PDF" in [one.name for one in page.objects.listed]


def test_every_object_is_ticked_and_only_ticked_ones_are_sent(page, bench, run, archive):
    works.analyze(bench, run)
    page.write.click()
    listed = page.objects.listed
    assert page.objects.ticked == tuple(one.path for one in listed) == bench.session.kept.files
    assert not page.send.isEnabled()
    assert "No destination" in page.why.text()
    page.objects.topLevelItem(0).setCheckState(0, Qt.CheckState.Unchecked)
    page.destination.setEditText(str(archive))
    page.send.click()
    kept = bench.session.kept
    assert len(kept.receipts) == len(listed) - 1
    assert page.receipts.topLevelItemCount() == len(kept.receipts)
    assert page.receipts.topLevelItem(0).text(1) == "kept (0x0000)"
    assert page.failures.isHidden()
    sent = {one.sop_instance_uid for one in kept.receipts}
    assert listed[0].sop_instance_uid not in sent


def test_what_was_not_kept_is_told_and_can_be_sent_again(page, bench, run, archive):
    works.analyze(bench, run)
    page.write.click()
    page.destination.setEditText("no such place")
    page.send.click()
    assert "no such place" in page.failures.text()
    assert "Measurement report" in page.failures.text()
    page.destination.setEditText(str(archive))
    page.again.click()
    assert bench.session.kept.failures == ()
    assert len(bench.session.kept.receipts) == len(bench.session.kept.files)
    assert page.again.isHidden()


def test_out_of_date_results_cannot_be_sent_and_the_page_says_why(page, bench, run, archive):
    works.analyze(bench, run)
    page.write.click()
    page.destination.setEditText(str(archive))
    assert page.send.isEnabled()
    bench.session.place_target((30.0, 31.0))
    assert not page.send.isEnabled()
    assert not page.write.isEnabled()
    assert "Out of date" in page.state.text()
    works.analyze(bench, run)
    assert page.write.isEnabled()
    assert not page.send.isEnabled()
    assert "Write them again" in page.why.text()


def test_a_sign_off_after_writing_asks_for_writing_again(page, bench, run, archive):
    works.analyze(bench, run)
    page.write.click()
    page.destination.setEditText(str(archive))
    bench.session.sign(SignOff(operator="Dr A", at="20261122163000", confirmed=()))
    assert not page.send.isEnabled()
    assert "sign-off has changed" in page.why.text()
    assert page.signed.text().startswith("Signed off by Dr A")
    page.write.click()
    assert page.send.isEnabled()


def test_every_object_has_words_a_class_and_a_size(bench, run):
    works.analyze(bench, run)
    works.keep(bench, run, also=frozenset(EXTRAS))
    listed = objects_of(bench.session.kept)
    assert len(listed) == len(bench.session.kept.files)
    assert all(one.sop_class and not one.sop_class[0].isdigit() for one in listed)
    assert all("_" not in one.name and one.size[0].isdigit() for one in listed)


def test_every_control_says_what_it_is(page):
    controls = (page.write, page.send, page.again, page.destination, page.objects, page.receipts)
    for one in (*controls, *page.extras.values()):
        assert one.accessibleName()
        assert one.toolTip()


def test_the_marks_of_a_run_are_saved_as_an_analysis_takes_them(page, bench, tmp_path):
    bench.session.place_target((40.0, 41.0))
    page.save_marks_as(tmp_path / "marks")
    text = (tmp_path / "marks.json").read_text()
    assert parse_annotation(text, name="marks.json") == bench.session.annotation
    assert "marks.json" in page.marks_said.text()
    page.save_marks_as(tmp_path / "marks.json" / "more.json")
    assert "more.json could not be written" in page.marks_said.text()
