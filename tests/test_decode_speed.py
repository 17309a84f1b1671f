"""What decoding costs is told for every lossless transfer syntax, and frames come in order."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.decode_speed import THREADS, few_frames, measure_decoding
from napari_fluoroinject.dicom.ahead import frames_ahead
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import ArrayFrames


class Slow:
    """Frames whose earlier ones come later; `bad` cannot be decoded; what is held is counted."""

    def __init__(self, count, bad=()):
        self.shape = (count, 2, 2)
        self.bad, self.asked, self.done = bad, 0, 0
        self.most_waiting = 0
        self._gate = threading.Lock()

    def frame(self, index):
        with self._gate:
            self.asked += 1
            self.most_waiting = max(self.most_waiting, self.asked - self.done)
        threading.Event().wait(0.004 * (3 - index % 4))
        if index in self.bad:
            raise UnreadableObjectError("loop", seen=f"frame number {index + 1}", expected="one")
        return np.full((2, 2), index)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 3, 30])
def test_frames_come_in_order_and_few_are_held(count, threads):
    slow = Slow(count)
    for index, frame in enumerate(frames_ahead(slow, threads=threads)):
        assert frame[0, 0] == index
        slow.done += 1
    assert slow.done == count
    assert slow.most_waiting <= 2 * threads + 1


def test_a_frame_that_cannot_be_decoded_is_told_after_all_before_it():
    frames = frames_ahead(Slow(30, bad=(9, 10)), threads=4)
    assert [next(frames)[0, 0] for _ in range(9)] == list(range(9))
    with pytest.raises(UnreadableObjectError, match="frame number 10"):
        next(frames)


def test_whoever_stops_early_does_not_wait_for_the_rest():
    slow = Slow(1000)
    frames = frames_ahead(slow, threads=2)
    next(frames)
    frames.close()
    assert slow.asked < 10


def test_frames_in_memory_are_handed_on():
    stored = np.arange(24, dtype=np.uint16).reshape(6, 2, 2)
    np.testing.assert_array_equal(list(frames_ahead(ArrayFrames(stored))), stored)


def test_every_transfer_syntax_is_measured():
    costs = {cost.name: cost for cost in measure_decoding(few_frames(160, frames=12))}
    assert list(costs) == ["raw", "RLE", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K"]
    for cost in costs.values():
        assert len(cost.cpu_ms) == len(cost.wall_ms) == len(THREADS)
        assert min(cost.cpu_ms) > 0
    assert costs["JPEG lossless"].ratio > costs["raw"].ratio > 0.8


def test_the_command_prints_a_table_of_decoding():
    run = CliRunner().invoke(app, ["speed", "--decode", "--size", "160"])
    assert run.exit_code == 0
    assert "| JPEG lossless | " in run.stdout
