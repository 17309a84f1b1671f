"""What runs in a worker of a Dask cluster: one task at a time, in a process that it keeps."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import suppress
from typing import Any

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.task import Answer, Task, work_on
from napari_fluoroinject.confined.warm import WarmWorker
from napari_fluoroinject.confined.work import NotWorked

_LOGGERS = ("distributed", "distributed.client", "distributed.nanny", "bokeh", "tornado")
_TURN = threading.Lock()
_KEPT: list[WarmWorker] = []


def dask_setup(_: Any) -> None:
    """Let a worker of ours leave Ctrl-C and words to the client: called where one begins."""
    hush()
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def worked(text: str) -> str:
    """Work on a task; runs in a worker, which keeps one process for all loops."""
    task = Task.read(text)
    if task.version != __version__:
        reason = f"a worker has version {__version__}; expected {task.version}"
        return Answer(told=NotWorked(fault="storage", reason=reason)).text()
    with _TURN:
        if not _KEPT:
            _KEPT.append(WarmWorker())
        return work_on(task, _KEPT[0]).text()


def hush() -> None:
    """Dask tells every death of a worker at length; the batch tells what became of the loop."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
