"""Whatever came of a retrieve is known, however it ended."""

from __future__ import annotations

import stat

import pytest

from napari_fluoroinject.settings import Settings
from napari_fluoroinject.viewer.jobs import CancelledError
from napari_fluoroinject.viewer.pacs_query import RunRow
from napari_fluoroinject.viewer.retrieval import Retrieval


@pytest.fixture
def row(run) -> RunRow:
    """The run as an archive lists it; the archive is the folder that it lies in."""
    return RunRow(
        study_uid=run.study_uid,
        series_uid=run.loop.reference.series_instance_uid,
        sop_instance_uid=run.uid,
        sop_class_uid=run.loop.reference.sop_class_uid,
        modality="XA",
        frames=16,
        description="",
    )


def _missing(row: RunRow) -> RunRow:
    return RunRow(
        study_uid="1.2",
        series_uid="1.2.3",
        sop_instance_uid="1.2.3.4",
        sop_class_uid=row.sop_class_uid,
        modality="XA",
        frames=None,
        description="",
    )


def test_what_fails_is_named_and_the_rest_comes(run, row, tmp_path):
    room = tmp_path / "private"
    retrieval = Retrieval(
        endpoint=str(run.files[0].parent), rows=(_missing(row), row), folder=room
    )
    retrieval.work(Settings(), lambda *_: None)
    assert [path.stem for path in retrieval.came] == [run.uid]
    assert retrieval.came[0].is_file()
    assert len(retrieval.failures) == 1
    assert "1 object came; 1 of 2 failed" in retrieval.says
    assert stat.S_IMODE(room.stat().st_mode) == 0o700


def test_what_came_before_a_cancel_is_still_known(run, row, tmp_path):
    retrieval = Retrieval(
        endpoint=str(run.files[0].parent), rows=(row, _missing(row)), folder=tmp_path / "private"
    )

    def tell(step: str, _fraction: float) -> None:
        if step.startswith("run 2"):
            raise CancelledError

    with pytest.raises(CancelledError):
        retrieval.work(Settings(), tell)
    assert [path.is_file() for path in retrieval.came] == [True]


def test_the_same_again_brings_nothing_twice(run, row, tmp_path):
    made = [
        Retrieval(endpoint=str(run.files[0].parent), rows=(row,), folder=tmp_path / "private")
        for _ in range(2)
    ]
    for one in made:
        one.work(Settings(), lambda *_: None)
    assert made[0].came == made[1].came
    assert made[1].failures == []
