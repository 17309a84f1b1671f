"""Workers of this process alone, without Dask: one thread and one killable process each."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

from napari_fluoroinject.batch.task import Answer, Task, answered
from napari_fluoroinject.confined.warm import StoppedError, WarmWorker


class ThreadPool:
    """A pool of threads, each with a worker process of its own.

    Parameters
    ----------
    workers
        How many.
    """

    def __init__(self, workers: int) -> None:
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[str, Answer]] = SimpleQueue()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._serve) for _ in range(workers)]
        for one in self._threads:
            one.start()

    def size(self) -> int:
        """How many tasks it can work on at once."""
        return len(self._threads)

    def give(self, task: Task) -> None:
        """Hand over a task."""
        self._tasks.put(task)

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        """Wait for one that is ended; its key and what became of it, None when none was."""
        try:
            return self._answers.get(timeout=timeout_s)
        except Empty:
            return None

    def close(self) -> None:
        """End the workers, whatever they do."""
        self._stop.set()
        for _ in self._threads:
            self._tasks.put(None)
        for one in self._threads:
            one.join()

    def _serve(self) -> None:
        with WarmWorker() as worker:
            while (task := self._tasks.get()) is not None and not self._stop.is_set():
                try:
                    answer = answered(task, worker, stopping=self._stop.is_set)
                except StoppedError:
                    return
                self._answers.put((task.order.key, answer))
