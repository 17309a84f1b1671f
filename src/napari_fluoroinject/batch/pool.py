"""Workers on Dask: processes of this machine, or any cluster by its address; all of Dask is here.

Between the processes go orders and answers of one line of JSON each.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.sight import check_workers
from napari_fluoroinject.batch.task import Answer, Task, work_on
from napari_fluoroinject.confined.warm import WarmWorker
from napari_fluoroinject.confined.work import NotWorked
from napari_fluoroinject.errors import BackendUnavailableError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from distributed import Client, Future

LOOPBACK = "127.0.0.1"
WORKER_BYTES = 1 << 30
"""What a Dask worker itself may hold, beside the process that analyses: it holds no pixels."""
_PATIENCE_S = 60.0
_STATUS_LOST = ("connecting", "closing", "closed")
_QUIET: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # we count them ourselves, by loop
    "distributed.admin.tick.limit": "1h",  # a loop that holds the interpreter is no event
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.comm.timeouts.connect": "10s",
    # what Dask does on the side, fifty times a second and more, takes from the loops
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.scheduler.active-memory-manager.start": False,
}
_LOGGERS = ("distributed", "distributed.client", "distributed.nanny", "bokeh", "tornado")
_STARTS = 2
_COUNT_EVERY_S = 1.0


class DaskPool:
    """Workers of a Dask cluster; each works on one loop at a time, in a process that it keeps.

    Parameters
    ----------
    client
        Connected to the scheduler.
    stack
        Closed with the pool.
    """

    def __init__(self, client: Client, stack: ExitStack) -> None:
        self._client, self._stack = client, stack
        self._answers: SimpleQueue[tuple[str, Future]] = SimpleQueue()
        self._given = 0
        self._counted: tuple[int, float] | None = None

    @property
    def link(self) -> str | None:
        """Address of Dask's own page on what it does; None where there is none."""
        if not self._client.scheduler_info().get("services", {}).get("dashboard"):
            return None
        return str(self._client.dashboard_link)

    def size(self) -> int:
        """How many workers there are, as of a moment ago.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        self._check()
        if self._counted is None or time.monotonic() - self._counted[1] > _COUNT_EVERY_S:
            try:
                workers = self._client.scheduler_info(n_workers=-1)["workers"]
            except (OSError, TimeoutError) as error:
                raise self._lost() from error
            self._counted = len(workers), time.monotonic()
        return self._counted[0]

    def give(self, task: Task) -> None:
        """Hand over a task.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        self._check()
        self._given += 1
        future = self._client.submit(_worked, task.text(), key=f"loop-{self._given}", pure=False)
        key = task.order.key
        future.add_done_callback(lambda ended: self._answers.put((key, ended)))

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        """Wait for one that is ended; its key and what became of it, None when none was.

        Raises
        ------
        UnreachableError
            The scheduler is lost.
        """
        try:
            key, future = self._answers.get(timeout=timeout_s)
        except Empty:
            self._check()
            return None
        return key, self._answer(future)

    def close(self) -> None:
        """Let go of the cluster; one of our own ends, whatever it does."""
        self._stack.close()

    def _answer(self, future: Future) -> Answer:
        from distributed.scheduler import KilledWorker

        if future.status not in ("finished", "error"):
            raise self._lost()
        try:
            error = future.exception(timeout=_PATIENCE_S)
            if error is None:
                return Answer.read(future.result(timeout=_PATIENCE_S))
        except (OSError, TimeoutError) as lost:
            raise self._lost() from lost
        if isinstance(error, KilledWorker):
            deaths = int(error.allowed_failures) + 1
            reason = "the worker that had it ended"
            return Answer(told=NotWorked(fault="killed", reason=reason, lost=True), deaths=deaths)
        reason = f"unexpected {type(error).__name__} in a worker"
        return Answer(told=NotWorked(fault="broken", reason=reason))

    def _check(self) -> None:
        if self._client.status in _STATUS_LOST:
            raise self._lost()

    def _lost(self) -> UnreachableError:
        return UnreachableError(
            "the Dask scheduler is lost; what was done is kept: give the same command again when "
            "there is one"
        )


def local_pool(workers: int) -> DaskPool:
    """Start workers on this machine: a process each, that others on it cannot speak to.

    Parameters
    ----------
    workers
        How many.

    Raises
    ------
    BackendUnavailableError
        Dask is not installed.
    UnreachableError
        They cannot be started.
    """
    _require()
    for left in reversed(range(_STARTS)):
        stack = ExitStack()
        try:
            return DaskPool(_local_client(workers, stack), stack)
        except (OSError, RuntimeError, TimeoutError) as error:
            stack.close()
            if not left:
                raise UnreachableError(
                    f"the workers on this machine could not be started ({error}); what was done "
                    "is kept: give the same command again, with fewer --workers where it is busy"
                ) from error
    raise AssertionError("it starts at least once")


def _local_client(workers: int, stack: ExitStack) -> Client:
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(_QUIET), _ctrl_c_later():
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host=LOOPBACK,
                dashboard_address=f"{LOOPBACK}:0",
                worker_dashboard_address=None,
                memory_limit=WORKER_BYTES,
                security=True,
                silence_logs=logging.CRITICAL,
                preload="napari_fluoroinject.batch.pool",
            )
        )
        return stack.enter_context(Client(cluster, set_as_default=False))


def pool_at(address: str, *, out: Path, sources: Sequence[Path], token: str) -> DaskPool:
    """Connect to the cluster at this address, and look whether its workers can do the work.

    Parameters
    ----------
    address
        Of its scheduler: `tcp://host:8786`, or `tls://...` with Dask's own settings for it.
    out
        Folder of the results.
    sources
        Files and folders that all workers have to see.
    token
        What stands in the token file below `out`.

    Raises
    ------
    BackendUnavailableError
        Dask is not installed.
    UnreachableError
        There is no scheduler, or it has no workers.
    SettingsError
        A worker does not see the files, or is another version of this program.
    """
    _require()
    import dask
    from distributed import Client

    stack = ExitStack()
    with dask.config.set(_QUIET):
        try:
            client = stack.enter_context(
                Client(address, timeout=_PATIENCE_S, set_as_default=False)
            )
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except (OSError, TimeoutError, ValueError) as error:
            stack.close()
            raise UnreachableError(
                f"no Dask scheduler with workers answers at {address}; expected one: `dask "
                "scheduler`, and `dask worker --nthreads 1` with this program installed"
            ) from error
    try:
        check_workers(client.run, out=out, sources=sources, token=token)
    except BaseException:
        stack.close()
        raise
    return DaskPool(client, stack)


def dask_setup(_: Any) -> None:
    """Let a worker of ours leave Ctrl-C and words to the client: called where one begins."""
    _hush()
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Keep Ctrl-C from workers that begin, and from their threads here, which begin others."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _require() -> None:
    try:
        import distributed  # noqa: F401 - whether it is there
    except ImportError as error:
        raise BackendUnavailableError(
            'Dask is not installed: pip install "napari-fluoroinject[batch]", or give --workers 0 '
            "for one loop after another in this process"
        ) from error
    _hush()


def _hush() -> None:
    """Dask tells every death of a worker at length; the batch tells what became of the loop."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


_TURN = threading.Lock()
_KEPT: list[WarmWorker] = []


def _worked(text: str) -> str:
    """Work on a task; runs in a worker, which keeps one process for all loops."""
    task = Task.read(text)
    if task.version != __version__:
        reason = f"a worker has version {__version__}; expected {task.version}"
        return Answer(told=NotWorked(fault="storage", reason=reason)).text()
    with _TURN:
        if not _KEPT:
            _KEPT.append(WarmWorker())
        return work_on(task, _KEPT[0]).text()
