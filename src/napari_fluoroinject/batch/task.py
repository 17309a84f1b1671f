"""One loop in the hands of a worker: a task goes in, an answer comes out, each a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.journal import FileState
from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder
from napari_fluoroinject.batch.state import inputs_of, results_of
from napari_fluoroinject.batch.thumbnails import keep_thumbnail
from napari_fluoroinject.confined.warm import StoppedError
from napari_fluoroinject.confined.work import NotWorked, Worked, WorkOrder, read_answer
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.confined.warm import WarmWorker

TOKEN = "seen"  # noqa: S105 - the name of a file
_LIMITS = ("--time-limit", "--memory-limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one loop may take: seconds, and memory that its process may write to."""

    time_s: float = 600.0
    memory_bytes: int = 4096 << 20
    niceness: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An order with all that a worker elsewhere needs to know.

    `token` is what stands in a file of `out` where the worker sees the same folder as the client;
    `version` is the client's.
    """

    order: LoopOrder
    out: Path
    limits: Limits
    token: str
    version: str = __version__

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, line: str) -> Task:
        """Return what `text` gave."""
        told = json.loads(line)
        order, limits = LoopOrder.read(json.dumps(told["order"])), Limits(**told["limits"])
        return cls(**told | {"order": order, "out": Path(told["out"]), "limits": limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a task; `deaths` is how many processes were lost with it."""

    told: Worked | NotWorked
    inputs: tuple[FileState, ...] = ()
    summary_sha256: str | None = None
    results_sha256: str | None = None
    deaths: int = 0

    def text(self) -> str:
        """Return it as one line of JSON."""
        told: dict[str, Any] = {"told": self.told.text(), "deaths": self.deaths}
        told["inputs"] = [asdict(one) for one in self.inputs]
        told |= {"summary_sha256": self.summary_sha256, "results_sha256": self.results_sha256}
        return json.dumps(told)

    @classmethod
    def read(cls, line: str) -> Answer:
        """Return what `text` gave."""
        told = json.loads(line)
        inputs = tuple(FileState(**one) for one in told["inputs"])
        answer = read_answer(told["told"])
        if answer is None:
            raise ValueError("an answer that is none")
        return cls(**told | {"told": answer, "inputs": inputs})


class Pool(Protocol):
    """Workers that take tasks; each takes one loop at a time."""

    def size(self) -> int:
        """How many tasks it can work on at once, now."""
        ...

    def give(self, task: Task) -> None:
        """Hand over a task."""
        ...

    def took(self, timeout_s: float) -> tuple[str, Answer] | None:
        """Wait for one that is ended; its key and what became of it, None when none was."""
        ...

    def close(self) -> None:
        """End the workers, whatever they do."""
        ...


def leave_token(out: Path, token: str) -> None:
    """Write the file by which a worker knows the folder of results again.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    try:
        write_whole(out / JOB_FOLDER / TOKEN, token.encode(), mode=0o600)
    except OSError as error:
        raise StorageError(
            f"{out}: cannot be written ({error.strerror}); expected a folder with room on the disk"
        ) from error


def sees(out: Path, token: str) -> bool:
    """Whether this process sees the folder in which the client left its token."""
    try:
        return (out / JOB_FOLDER / TOKEN).read_text() == token
    except OSError:
        return False


def work_on(
    task: Task,
    worker: WarmWorker,
    *,
    decoded: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Answer:
    """Analyse the loop of a task.

    Parameters
    ----------
    task
        Which, and within which limits.
    worker
        The process for it.
    decoded
        A folder in which its frames were decoded ahead; None = they were not.
    stopping
        Asked again and again: whether to stop.

    Raises
    ------
    StoppedError
        It stops.
    """
    order = task.order
    if not sees(task.out, task.token):
        reason = "a worker does not see the folder of the results as the client does"
        return Answer(told=NotWorked(fault="storage", reason=reason))
    try:
        inputs = inputs_of(order)
    except OSError as error:
        reason = f"a file of the loop cannot be read: {error.strerror or type(error).__name__}"
        return Answer(told=NotWorked(fault="storage", reason=reason))
    told = worker.work(
        work_order(task, decoded=decoded), time_s=task.limits.time_s, stopping=stopping
    )
    if isinstance(told, NotWorked):
        return Answer(told=told, inputs=inputs, deaths=int(told.lost))
    results = results_of(told.folder)
    if results is None or told.folder.name != order.key:
        reason = "the results are not those of the loop that was ordered"
        return Answer(told=NotWorked(fault="broken", reason=reason), inputs=inputs)
    keep_thumbnail(task.out, order.key)  # here, where there are many hands
    return Answer(told=told, inputs=inputs, summary_sha256=results[0], results_sha256=results[1])


def answered(
    task: Task,
    worker: WarmWorker,
    *,
    decoded: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Answer:
    """Return what `work_on` does, whatever happens in it; for threads that go on.

    Raises
    ------
    StoppedError
        It stops.
    """
    try:
        return work_on(task, worker, decoded=decoded, stopping=stopping)
    except StoppedError:
        raise
    except Exception as error:  # the edge of a worker: its text may hold a path
        return Answer(told=NotWorked(fault="broken", reason=f"unexpected {type(error).__name__}"))


def work_order(
    task: Task, *, decoded: Path | None = None, decode_bytes: int | None = None
) -> WorkOrder:
    """Return what a process is told of a task.

    Parameters
    ----------
    task, decoded
        As `work_on`.
    decode_bytes
        Where it is set, frames are decoded into `decoded`, so many bytes at most, and no more.
    """
    asked = task.order.asked
    return WorkOrder(
        paths=task.order.paths,
        beside=task.order.beside,
        out=task.out,
        procedure=asked.get("procedure", ""),
        asked=asked,
        recover=False,
        decoded=decoded,
        decode_bytes=decode_bytes,
        memory_bytes=task.limits.memory_bytes,
        niceness=task.limits.niceness,
        limit_names=_LIMITS,
    )
