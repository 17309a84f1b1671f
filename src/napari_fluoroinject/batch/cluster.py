"""Where Dask's workers are: processes of this machine, or any cluster by its address."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.batch import worker
from napari_fluoroinject.batch.pool import DaskPool
from napari_fluoroinject.batch.sight import check_workers
from napari_fluoroinject.errors import BackendUnavailableError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from distributed import Client

LOOPBACK = "127.0.0.1"
WORKER_BYTES = 1 << 30
"""What a Dask worker itself may hold, beside the process that analyses: it holds no pixels."""
_CONNECT_S = 60.0
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
_STARTS = 2


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
                preload=worker.__name__,
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
            client = stack.enter_context(Client(address, timeout=_CONNECT_S, set_as_default=False))
            client.wait_for_workers(1, timeout=_CONNECT_S)
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
    worker.hush()
