"""Workers of this machine where it has CUDA devices: processors decode ahead of each device."""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from napari_fluoroinject.batch.row import Row
from napari_fluoroinject.batch.task import Task, answered, sees, work_order
from napari_fluoroinject.confined.warm import StoppedError, WarmWorker
from napari_fluoroinject.endpoints.landing import scratch as private_scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.batch.layout import WorkerPlace

MOST_BYTES = 16 << 30
"""Of all files of decoded frames at one time; a minute of 1024 x 1024 at 15 Hz has 1.8 GiB."""
_WAITING_PER_DEVICE = 2
"""Loops that are decoded and wait, for each device: one is taken while the next is decoded."""
_POLL_S = 0.2


class _Decoded(NamedTuple):
    """A task, and the folder in which its frames were decoded, or could not be."""

    task: Task
    folder: Path


class DevicePool(Row):
    """One thread and one killable process for each place; loops go from decoders to devices.

    Frames lie between them as native files, in private folders below `scratch`: never more of
    them than `most_files`, and never more than `most_bytes` together. A loop that is larger, is
    not coded, or cannot be decoded, is read by the device's worker itself.

    Parameters
    ----------
    places
        As `layout` gives them: one that analyses, and one that decodes, at least.
    scratch
        A folder on a disk with room.
    most_bytes
        Of all decoded frames at one time.
    """

    def __init__(
        self, places: Sequence[WorkerPlace], scratch: Path, *, most_bytes: int = MOST_BYTES
    ) -> None:
        super().__init__()
        devices = [one for one in places if one.role == "analyse"]
        decoders = [one for one in places if one.role == "decode"]
        most_files = len(decoders) + (1 + _WAITING_PER_DEVICE) * len(devices)
        self._size = most_files
        self._file_bytes = most_bytes // most_files
        self._rooms = threading.BoundedSemaphore(most_files)
        self._decoded: SimpleQueue[_Decoded | None] = SimpleQueue()
        self._stack = ExitStack()
        self._scratch = self._stack.enter_context(private_scratch(scratch))
        self._decoders = [self._thread(self._decode, one) for one in decoders]
        self._devices = [self._thread(self._analyse, one) for one in devices]

    @property
    def link(self) -> str | None:
        """There is no page on what it does."""
        return None

    def size(self) -> int:
        """How many tasks it can have at once: on devices, decoded, and being decoded."""
        return self._size

    def close(self) -> None:
        """End the workers, whatever they do, and remove what was decoded."""
        self.stop.set()
        for _ in self._decoders:
            self.tasks.put(None)
        for _ in self._devices:
            self._decoded.put(None)
        for one in (*self._decoders, *self._devices):
            one.join()
        self._stack.close()

    def _thread(self, serve: Callable[[WarmWorker], None], place: WorkerPlace) -> threading.Thread:
        def run() -> None:
            with WarmWorker(environment=place.environment) as worker, suppress(StoppedError):
                serve(worker)

        thread = threading.Thread(target=run, name=f"{place.role}-{place.device or 'cpu'}")
        thread.start()
        return thread

    def _decode(self, worker: WarmWorker) -> None:
        while (task := self.tasks.get()) is not None and self._has_room():
            folder: Path | None = None
            # a device's own decoder is another one: whoever asks for it gets it for every loop
            if task.order.asked.get("decoder") != "nvimgcodec":
                with suppress(OSError):  # a full disk: the device's worker decodes
                    folder = Path(tempfile.mkdtemp(dir=self._scratch))
            if folder is not None and sees(task.out, task.token):
                # why a loop cannot be decoded is told by the analysis, which tries it, too
                worker.work(
                    work_order(task, decoded=folder, decode_bytes=self._file_bytes),
                    time_s=task.limits.time_s,
                    stopping=self.stop.is_set,
                )
            self._decoded.put(_Decoded(task, folder or self._scratch))

    def _analyse(self, worker: WarmWorker) -> None:
        while (one := self._decoded.get()) is not None and not self.stop.is_set():
            own = one.folder != self._scratch
            asked = one.task.order.asked.get("decoder") == "nvimgcodec"
            decoded = None if asked else one.folder
            answer = answered(one.task, worker, decoded=decoded, stopping=self.stop.is_set)
            if own:
                shutil.rmtree(one.folder, ignore_errors=True)
            self._rooms.release()
            self.answers.put((one.task.order.key, answer))

    def _has_room(self) -> bool:
        """Wait for room for one more file; False where the pool is closed."""
        while not self._rooms.acquire(timeout=_POLL_S):
            if self.stop.is_set():
                return False
        return not self.stop.is_set()
