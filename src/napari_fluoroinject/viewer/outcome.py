"""What came of one run: the first look, the analysis, the subtraction, and the kept results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.base import Receipt
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.report import Report
from napari_fluoroinject.model.subtracted import SubtractedLoop
from napari_fluoroinject.viewer.run import FirstLook

if TYPE_CHECKING:
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.viewer.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysed:
    """A report, and what it was made of; `annotation` without what changes no number."""

    report: Report
    procedure: str | None
    annotation: Annotation

    def is_of(self, draft: Draft, uid: str) -> bool:
        """Whether it was made of what a draft says of the run now."""
        return (self.procedure, self.annotation) == (
            draft.plan.procedure,
            draft.annotation(uid).inputs,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Results of a run in a folder, and what became of them.

    `annotation` is what they were made of, with the sign-off; `receipts` came from destinations,
    at the local times `arrived` (HH:MM:SS); `failures` are (file, message) of the last sending.
    """

    procedure: str | None
    annotation: Annotation
    folder: Path
    files: tuple[Path, ...]
    receipts: tuple[Receipt, ...] = ()
    arrived: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """All that came of one run so far; None = not there yet."""

    look: FirstLook | None = None
    analysed: Analysed | None = None
    subtracted: SubtractedLoop | None = None
    kept: Kept | None = None

    @property
    def motion(self) -> Motion | None:
        """How the anatomy moved, as far as anybody has looked."""
        if self.analysed is not None:
            return self.analysed.report.motion
        return None if self.look is None else self.look.motion
