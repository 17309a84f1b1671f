"""A run that was recorded from a feed belongs to nobody: nothing is written of it."""

from __future__ import annotations

import numpy as np

from napari_fluoroinject.recording import Recorder, Recording
from napari_fluoroinject.viewer.objects import why_not_sent, why_not_written
from napari_fluoroinject.viewer.run import Run


def test_nothing_is_written_or_sent_of_a_run_without_a_study(tmp_path, session):
    with Recorder(tmp_path / "r") as recorder:
        for index in range(4):
            recorder.add(np.full((64, 64), index, np.uint16), index=index, time_s=index / 15)
    run = Run(loop=Recording.open(tmp_path / "r").loop(), files=(), name="Recorded", origin="live")
    session.open(run)
    assert session.run is run
    for reason in (why_not_written(session, run), why_not_sent(session, run)):
        assert "without patient and study" in reason
