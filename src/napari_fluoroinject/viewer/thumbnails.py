"""Small pictures of runs: one decoded frame each, made beside the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Progress
    from napari_fluoroinject.viewer.run import Run

SIDE_PX = 96
"""Longer side."""
_DARKEST, _BRIGHTEST = 1.0, 99.0
"""Percentiles that become black and white."""


def thumbnail(loop: CineLoop) -> npt.NDArray[np.uint8]:
    """The middle frame of a loop as a person expects it, metal dark; (rows, columns), uint8."""
    ln_beam = loop.intensity.ln_beam
    return small_picture(
        loop.frames.frame(loop.shape[0] // 2), inverted=bool(ln_beam[-1] < ln_beam[0])
    )


def small_picture(stored: StoredArray, *, inverted: bool = False) -> npt.NDArray[np.uint8]:
    """A frame at no more than `SIDE_PX` pixels, windowed by percentiles; (rows, columns), uint8.

    Parameters
    ----------
    stored
        (rows, columns).
    inverted
        Whether larger values are darker.
    """
    rows, columns = stored.shape
    by = -(-max(rows, columns) // SIDE_PX)
    down, across = min(by, rows), min(by, columns)
    # whole blocks are averaged: single picked pixels would show noise in place of the needle
    kept = stored[: rows // down * down, : columns // across * across].astype(np.float32)
    kept = kept.reshape(rows // down, down, columns // across, across).mean(axis=(1, 3))
    low, high = np.percentile(kept, [_DARKEST, _BRIGHTEST])
    share = np.clip((kept - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    grey: npt.NDArray[np.uint8] = np.rint(255 * (1 - share if inverted else share)).astype(
        np.uint8
    )
    return grey


class Thumbnails:
    """The small pictures of open runs, each made once.

    Parameters
    ----------
    bench
        Whose jobs make them.

    Attributes
    ----------
    came
        Emitted in the main thread after new ones are there.
    """

    came = Signal()

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._made: dict[str, npt.NDArray[np.uint8] | None] = {}

    def of(self, run: Run) -> npt.NDArray[np.uint8] | None:
        """The picture of a run; None as long as there is none."""
        return self._made.get(run.uid)

    def make(self, runs: tuple[Run, ...]) -> None:
        """Have the pictures of all open runs made that are not there yet."""
        open_uids = {run.uid for run in runs}
        self._made = {uid: made for uid, made in self._made.items() if uid in open_uids}
        new = [run for run in runs if run.uid not in self._made]
        if not new:
            return
        self._made.update(dict.fromkeys(run.uid for run in new))  # no second job for the same

        def work(tell: Progress) -> dict[str, npt.NDArray[np.uint8]]:
            made = {}
            for number, run in enumerate(new):
                tell(run.name, number / len(new))
                try:
                    made[run.uid] = thumbnail(run.loop)
                except Exception:  # noqa: S112 - a broken frame is told where it is shown
                    continue
            return made

        def done(made: dict[str, npt.NDArray[np.uint8]]) -> None:
            self._made.update(made)
            self.came.emit()

        self._bench.jobs.start("small pictures", work, done)
