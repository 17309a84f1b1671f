"""Nobody who cancels waits for a peer."""

from __future__ import annotations

import threading

import pytest

from napari_fluoroinject.errors import RefusedError
from napari_fluoroinject.viewer.jobs import CancelledError
from napari_fluoroinject.viewer.waiting import patiently


def test_the_answer_comes_back_and_so_does_what_was_raised():
    def refuse(_note):
        raise RefusedError("no")

    assert patiently(lambda _note: 7, lambda *_: None, step="asking") == 7
    with pytest.raises(RefusedError, match="no"):
        patiently(refuse, lambda *_: None, step="asking")


def test_seconds_are_told_while_nothing_comes():
    told: list[str] = []
    go_on = threading.Event()

    def tell(step: str, _fraction: float) -> None:
        told.append(step)
        if len(told) > 2:
            go_on.set()

    patiently(lambda _note: go_on.wait(20), tell, step="waiting for the answer")
    assert told[0] == "waiting for the answer (0 s)"


def test_whoever_cancels_is_heard_though_the_peer_is_silent():
    silent = threading.Event()
    calls = []

    def tell(*_: object) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise CancelledError

    with pytest.raises(CancelledError):
        patiently(lambda _note: silent.wait(60), tell, step="asking")
    assert not silent.is_set()
    silent.set()


def test_work_that_goes_on_ends_at_its_next_progress():
    ended = threading.Event()
    next_step = threading.Event()

    def ask(note):
        next_step.wait(20)
        try:
            note("one more object", 0.5)
        except CancelledError:
            ended.set()
            raise

    told = []

    def tell(*_: object) -> None:
        told.append(1)
        if len(told) > 1:  # the first comes before the call begins
            raise CancelledError

    with pytest.raises(CancelledError):
        patiently(ask, tell, step="fetching")
    next_step.set()
    assert ended.wait(20)


def test_a_cancel_before_the_call_keeps_it_from_beginning():
    began = threading.Event()

    def tell(*_: object) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        patiently(lambda _note: began.set(), tell, step="fetching")
    assert not began.wait(0.2)
