"""A thread that fails before its first line holds up nobody."""

from __future__ import annotations

import threading

import pytest
from proofs.wires import echo

from napari_fluoroinject.endpoints import threads
from napari_fluoroinject.endpoints.threads import CallerThread

pytestmark = pytest.mark.network


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "START_S", 0.2)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, hasty: None) -> list[threading.Thread]:
    """The next caller's thread ends before it says that it runs, as without memory."""
    del hasty
    failed: list[threading.Thread] = []
    real = threading.Thread._bootstrap

    def bootstrap(thread: threading.Thread) -> None:
        if thread.name.endswith("caller") and not failed:
            failed.append(thread)
            return
        real(thread)

    monkeypatch.setattr(threading.Thread, "_bootstrap", bootstrap)
    return failed


def test_a_thread_that_does_not_begin_is_an_error_and_leaves_nothing(failing):
    thread = CallerThread(target=int, name="caller")
    with pytest.raises(RuntimeError, match="did not begin"):
        thread.start()
    assert failing == [thread]
    assert thread not in threading.enumerate()
    again = CallerThread(target=int, name="caller")
    again.start()
    again.join(10.0)
    assert not again.is_alive()


def test_a_caller_whose_thread_fails_does_not_hold_up_the_next(receiver, failing, caplog):
    with pytest.raises(OSError):  # noqa: PT011 - closed or reset, as the system has it
        echo(receiver.port, patience_s=30.0)
    assert len(failing) == 1
    assert echo(receiver.port, patience_s=30.0) > 0
    assert "cannot accept" in caplog.text
