"""Memory of received frames: used again once nobody holds a frame, and never before."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.live import buffers
from napari_fluoroinject.live.buffers import Buffers


def frame(number: int) -> np.ndarray:
    return np.full((4, 6), number, np.uint16)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@given(st.lists(st.sampled_from(["hold", "hold a view", "let go"]), max_size=40))
def test_what_somebody_holds_is_never_written_over(doings):
    made, held = Buffers(), {}
    for number, doing in enumerate(doings):
        if doing == "let go" and held:
            del held[min(held)]
            continue
        copy = made.copy(frame(number))
        if doing != "let go":
            held[number] = copy[1:3, ::2].T if doing == "hold a view" else copy
    assert all((one == number).all() for number, one in held.items())


def test_memory_is_used_again_and_a_copy_cannot_be_written_to():
    made = Buffers()
    first = made.copy(frame(1))
    where = address(first)
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 2
    del first
    gc.collect()
    assert address(made.copy(frame(2))) == where


def test_what_is_kept_spare_is_bounded_and_of_one_size(monkeypatch):
    monkeypatch.setattr(buffers, "SPARE_BYTES", 3 * frame(0).nbytes)
    made = Buffers()
    held = [made.copy(frame(number)) for number in range(10)]
    del held
    gc.collect()
    assert len(made._spare) == 3
    assert (made.copy(np.ones((2, 2), np.uint8)) == 1).all()
    assert {len(one) for one in made._spare} <= {4}


def test_frames_that_do_not_lie_in_one_piece_are_copied_as_they_are_seen():
    whole = np.arange(48, dtype=np.int16).reshape(6, 8)
    np.testing.assert_array_equal(Buffers().copy(whole[::2, 1:5].T), whole[::2, 1:5].T)
