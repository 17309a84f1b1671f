"""Workers of this process alone, without Dask: one thread and one killable process each."""

from __future__ import annotations

import threading

from napari_fluoroinject.batch.row import Row
from napari_fluoroinject.batch.task import answered
from napari_fluoroinject.confined.warm import StoppedError, WarmWorker


class ThreadPool(Row):
    """A pool of threads, each with a worker process of its own.

    Parameters
    ----------
    workers
        How many.
    """

    def __init__(self, workers: int) -> None:
        super().__init__()
        self._threads = [threading.Thread(target=self._serve) for _ in range(workers)]
        for one in self._threads:
            one.start()

    def size(self) -> int:
        """How many tasks it can work on at once."""
        return len(self._threads)

    def close(self) -> None:
        """End the workers, whatever they do."""
        self.stop.set()
        for _ in self._threads:
            self.tasks.put(None)
        for one in self._threads:
            one.join()

    def _serve(self) -> None:
        with WarmWorker() as worker:
            while (task := self.tasks.get()) is not None and not self.stop.is_set():
                try:
                    answer = answered(task, worker, stopping=self.stop.is_set)
                except StoppedError:
                    return
                self.answers.put((task.order.key, answer))
