"""Saving by napari's menu: a copy of what was written, or a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.viewer import works, writer
from napari_fluoroinject.viewer.session import Session


@pytest.fixture
def written(bench, run, monkeypatch):
    """A bench on which the results of the run were written."""
    monkeypatch.setattr(writer, "_session", lambda: bench.session)
    works.analyze(bench, run)
    works.keep(bench, run)
    return bench


def test_report_and_segmentation_are_saved_as_they_are_sent(written, tmp_path):
    folder = written.session.kept.folder
    for save, name in (
        (writer.write_report, "report.dcm"),
        (writer.write_segmentation, "segmentation.dcm"),
    ):
        (copy,) = save(str(tmp_path / "saved"), [])
        assert Path(copy) == tmp_path / "saved.dcm"
        assert Path(copy).read_bytes() == (folder / name).read_bytes()


def test_results_of_earlier_marks_are_not_saved(written, tmp_path):
    written.session.place_target((40.0, 40.0))
    with pytest.raises(StorageError, match=r"earlier marks.*step 6"):
        writer.write_report(str(tmp_path / "report.dcm"), [])
    assert not (tmp_path / "report.dcm").exists()


def test_what_was_never_written_is_not_saved(session, tmp_path):
    with pytest.raises(StorageError, match="AP run 1 has no results yet"):
        writer.result_file(session, "report")
    with pytest.raises(StorageError, match="no run is open"):
        writer.result_file(Session(), "report")


def test_a_folder_that_is_not_there_is_answered(written, tmp_path):
    with pytest.raises(StorageError, match=r"report\.dcm could not be written"):
        writer.write_report(str(tmp_path / "none" / "report.dcm"), [])
