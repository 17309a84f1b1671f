"""Undo and redo over frozen values: each step keeps the whole value, and what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

MOST_STEPS = 500
"""Steps that are kept; a draft is some kilobytes."""


@dataclass(frozen=True, slots=True)
class _Step(Generic[_Value]):
    label: str
    value: _Value


class History(Generic[_Value]):
    """A value and the values that it had before.

    Parameters
    ----------
    start
        The first value.
    """

    def __init__(self, start: _Value) -> None:
        self._now = start
        self._before: list[_Step[_Value]] = []
        self._after: list[_Step[_Value]] = []

    @property
    def now(self) -> _Value:
        """The value."""
        return self._now

    @property
    def undoes(self) -> str | None:
        """What `undo` takes back; None where there is nothing."""
        return self._before[-1].label if self._before else None

    @property
    def redoes(self) -> str | None:
        """What `redo` does again; None where there is nothing."""
        return self._after[-1].label if self._after else None

    def do(self, label: str, value: _Value) -> bool:
        """Take a new value; the same value is no step. Returns whether there was one."""
        if value == self._now:
            return False
        self._before.append(_Step(label, self._now))
        del self._before[:-MOST_STEPS]
        self._after.clear()
        self._now = value
        return True

    def amend(self, value: _Value) -> None:
        """Replace the value within the last step: a drag is one step, not one for each pixel."""
        self._now = value

    def undo(self) -> str | None:
        """Go one step back; returns what was taken back, None where there was nothing."""
        return self._go(self._before, self._after)

    def redo(self) -> str | None:
        """Go one step on again; returns what was done again, None where there was nothing."""
        return self._go(self._after, self._before)

    def _go(self, come: list[_Step[_Value]], leave: list[_Step[_Value]]) -> str | None:
        if not come:
            return None
        step = come.pop()
        leave.append(_Step(step.label, self._now))
        self._now = step.value
        return step.label
