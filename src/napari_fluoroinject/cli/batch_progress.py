"""How a batch stands, at the terminal: counts and an estimate; and how a person stops it."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from napari_fluoroinject.cli.console import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from napari_fluoroinject.batch.outcome import Standing

_PLAIN_EVERY_S = 30.0


class Stop:
    """Whether a person stopped: Ctrl-C once ends what is in work, twice leaves it.

    Parameters
    ----------
    told
        Where that is said.
    """

    def __init__(self, told: Shown) -> None:
        self.asked = False
        self._told = told

    def __call__(self) -> bool:
        """Whether no further loop is to be begun."""
        return self.asked

    @contextmanager
    def heard(self) -> Iterator[Stop]:
        """Listen to Ctrl-C inside."""
        before = signal.signal(signal.SIGINT, self._hear)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._told.note("stopping when the loops in work are done; Ctrl-C again: at once")


class Shown:
    """What is told of steps and standing, as lines where there is no terminal."""

    def __init__(self) -> None:
        self._told_s = 0.0
        self._step = ""

    def step(self, step: str, _fraction: float) -> None:
        """Tell of a step; of many alike, as one that counts, now and then."""
        now = time.monotonic()
        if step.split()[0] != self._step or now - self._told_s >= _PLAIN_EVERY_S:
            self._told_s, self._step = now, step.split()[0]
            self.note(step)

    def watch(self, standing: Standing) -> None:
        """Tell how it stands, every now and then."""
        if time.monotonic() - self._told_s >= _PLAIN_EVERY_S:
            self._told_s = time.monotonic()
            self.note(line_of(standing))

    def note(self, text: str) -> None:
        """Write a line that stays."""
        note(text)


class Bar(Shown):
    """The same as a bar."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self.bar.add_task("", total=None)

    def step(self, step: str, _fraction: float) -> None:
        """Tell of a step."""
        self.bar.update(self._task, description=printable(step))

    def watch(self, standing: Standing) -> None:
        """Show how it stands."""
        ended = standing.done + standing.kept + standing.failed
        total = None if standing.left is None else ended + standing.left
        told = line_of(standing) if ended or standing.working else "looking for loops"
        self.bar.update(self._task, description=told, completed=ended, total=total)

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self.bar.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def shown() -> Iterator[Shown]:
    """Show how a batch stands while it runs: as a bar on a terminal, else as lines."""
    from rich.console import Console

    if not Console(stderr=True).is_terminal:
        yield Shown()
        return
    told = Bar()
    with told.bar:
        yield told


def note(text: str) -> None:
    """Write a line for the person on stderr."""
    typer.echo(printable(text), err=True)


def line_of(standing: Standing) -> str:
    """Put into words how a batch stands.

    Parameters
    ----------
    standing
        As it was told.
    """
    left = "counting" if standing.left is None else f"{standing.left} left"
    told = [f"{standing.done + standing.kept} done", f"{standing.failed} failed", left]
    if standing.loops_per_hour is not None:
        told.append(f"{standing.loops_per_hour:.0f} loops/h")
    if standing.remaining_s is not None and standing.left:
        told.append(f"about {_duration(standing.remaining_s)} to go")
    return ", ".join(told)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes >= 5 else f"{60 * minutes + rest} s"
