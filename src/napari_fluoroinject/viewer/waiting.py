"""Waits for somebody else's answer in steps, so that it can be cancelled while nothing comes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.viewer.jobs import Progress

_Result = TypeVar("_Result")
_STEP_S = 0.2


def patiently(
    ask: Callable[[Progress], _Result], tell: Progress, *, step: str, fraction: float = 0.0
) -> _Result:
    """Return what a call comes to, telling every moment how long it takes.

    A peer may keep its thread for a minute. Whoever cancels is heard at once: the answer is then
    dropped when it comes, and the thread of the jobs is free for others.

    Parameters
    ----------
    ask
        Called in a thread of its own with a function to tell progress to.
    tell
        Of the job; what it raises ends the waiting, and the call at its next progress.
    step
        What is being waited for; the seconds are put behind it.
    fraction
        What is done, as long as the call has told nothing.
    """
    answer: Future[_Result] = Future()
    now: list[tuple[str, float]] = [(step, fraction)]
    ended: list[BaseException] = []

    def noted(what: str, share: float) -> None:
        if ended:
            raise ended[0]
        now[0] = f"{step}: {what}", share

    def work() -> None:
        try:
            answer.set_result(ask(noted))
        except BaseException as error:  # handed on to the one who waits
            answer.set_exception(error)

    # first of all, so that a cancel is heard however soon the answer comes
    tell(f"{step} (0 s)", fraction)
    # a daemon: a window that is closed waits for no peer
    threading.Thread(target=work, name="waiting for a peer", daemon=True).start()
    began = time.monotonic()
    try:
        while not answer.done():
            words, share = now[0]
            tell(f"{words} ({time.monotonic() - began:.0f} s)", share)
            wait([answer], timeout=_STEP_S)
    except BaseException as error:
        ended.append(error)
        raise
    return answer.result()
