"""One loop in a process of its own: begun, waited for, and ended when it has had its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.confined.warm import StoppedError, WarmWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder

__all__ = ["StoppedError", "run_worker"]


def run_worker(
    order: WorkOrder, *, time_s: float, stopping: Callable[[], bool] = lambda: False
) -> Worked | NotWorked:
    """Analyse one loop in a process of its own.

    Parameters
    ----------
    order
        Which, and within which limits.
    time_s
        How long it may take; then it is killed with all that it started.
    stopping
        Asked again and again: whether the service stops.

    Raises
    ------
    StoppedError
        The service stops.
    """
    with WarmWorker(most=1, threads=None) as worker:
        return worker.work(order, time_s=time_s, stopping=stopping)
