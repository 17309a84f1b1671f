"""A bench with one run and the bar that autosaves it, for a process that is to be killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.viewer.bench import Bench, MapKind
from napari_fluoroinject.viewer.jobs import Jobs
from napari_fluoroinject.viewer.recovery import RecoveryBar
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable


class NoPicture:
    """Tools without a picture."""

    armed: str | None = None
    map_kind: MapKind = "none"

    def arm(self, tool: str | None) -> None:
        """Arm nothing."""

    def show_map(self, kind: MapKind) -> None:
        """Show nothing."""

    def point_at(self, frame: int, points_px: tuple[tuple[float, float], ...]) -> None:
        """Point at nothing."""

    def after_drawing(self, call: Callable[[], None]) -> None:
        call()


def bench_of(study_uid: str) -> tuple[Bench, Callable[[], None]]:
    """Make a bench on which a run of this study lies, and what closes it."""
    loop = make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=8)).loop
    loop = replace(loop, reference=replace(loop.reference, study_instance_uid=study_uid))
    session, jobs = Session(), Jobs(lambda call: call())
    bench = Bench(
        session=session, jobs=jobs, settings=Settings(), tools=NoPicture(), results=Path("results")
    )
    bar = RecoveryBar(bench)
    session.open(Run(loop=loop, files=(), name="AP run 1"))

    def close() -> None:
        bar.release()
        jobs.close()

    return bench, close
