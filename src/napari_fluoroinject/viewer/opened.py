"""Which runs lie open, which is worked on, and which stands beside it: one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from napari_fluoroinject.viewer.run import Run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """Runs by their uid, in the order in which they were opened.

    `shown` is the uid of the one that is worked on, `beside` that of the second view: always
    another run of the same study, never a second patient.
    """

    runs: Mapping[str, Run] = field(default_factory=lambda: MappingProxyType({}))
    shown: str | None = None
    beside: str | None = None

    def plus(self, runs: Mapping[str, Run]) -> Opened:
        """The same, with these runs at the end."""
        return replace(self, runs={**self.runs, **runs})

    def less(self, uid: str) -> Opened:
        """The same without one run; where it was shown, the first that is left is."""
        runs = {key: run for key, run in self.runs.items() if key != uid}
        shown = next(iter(runs), None) if self.shown == uid else self.shown
        beside = None if self.beside in (uid, shown) else self.beside
        return _of_one_study(Opened(runs=runs, shown=shown, beside=beside))

    def showing(self, uid: str) -> Opened:
        """The same with this run shown; the one that it stood beside takes its place."""
        beside = self.shown if uid == self.beside else self.beside
        return _of_one_study(replace(self, shown=uid, beside=beside))

    def may_stand_beside(self, uid: str) -> bool:
        """Whether a run is of the study that is shown."""
        return (
            self.shown is not None and self.runs[uid].study_uid == self.runs[self.shown].study_uid
        )

    def with_beside(self, uid: str | None) -> Opened:
        """The same with this run in the second view; None = no run."""
        return replace(self, beside=None if uid == self.shown else uid)


def _of_one_study(opened: Opened) -> Opened:
    """The same, less a run beside that is of another study than the shown one."""
    if opened.beside is None or opened.may_stand_beside(opened.beside):
        return opened
    return replace(opened, beside=None)
