"""What a pool of this process's own threads is handed, and what it gives back."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluoroinject.batch.task import Answer, Task


class Row:
    """Tasks that wait for a thread, and the answers to those that ended.

    Attributes
    ----------
    tasks
        None ends the thread that takes it.
    answers
        Key and answer of each task that ended.
    stop
        Set when nothing further is to be begun.
    """

    def __init__(self) -> None:
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()
        self.answers: SimpleQueue[tuple[str, Answer]] = SimpleQueue()
        self.stop = threading.Event()

    def give(self, task: Task) -> None:
        """Hand over a task."""
        self.tasks.put(task)

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        """Wait for one that is ended; its key and what became of it, None when none was."""
        try:
            return self.answers.get(timeout=timeout_s)
        except Empty:
            return None
