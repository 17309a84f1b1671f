"""A mask that is laid beside the frames, and brought up to the newest of them there."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.live_mask import FEWEST_MASK_FRAMES
from napari_fluoroinject.analysis.live_scene import MASK_FRAMES, YOUNG_FRAMES
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from napari_fluoroinject.analysis.live_scene import Kept, Masked, Scene, Seen

RENEW_S = 6.0
"""A mask this old is laid anew while contrast is awaited."""
RESTLESS = 0.5
"""Share of the alarm of onset from which on no mask is renewed: contrast may be beginning."""
FEW_FRAMES = 2
"""A mask is taken over when no more frames than these have come since the last that it was told:
each takes half of the time until the next."""
_MOST_TURNS = 6
"""Whoever is too slow to catch up is taken over all the same."""

Watched = tuple["Kept", "Seen"]
"""A frame, and what it told over a mask."""


class Laying:
    """One mask on its way: laid, then told the frames that came meanwhile, until they are few.

    Parameters
    ----------
    scene
        Whose frames it is laid of.
    mask, then
        As `Scene.lay` takes them.
    beside
        Where it is laid; None = at once.
    begun
        The frame at which a person said that contrast begins, for which the mask is laid; None =
        contrast is awaited.
    """

    def __init__(
        self,
        scene: Scene,
        mask: Sequence[Kept],
        then: Sequence[Kept],
        *,
        beside: Executor | None,
        begun: Kept | None = None,
    ) -> None:
        self.begun = begun
        self._beside, self._turns = beside, 0
        self._told: list[Watched] = []
        self._masked: Future[Masked] = self._have(lambda: scene.lay(mask, then))

    def ready(self, kept: Iterable[Kept]) -> tuple[Masked, list[Watched]] | None:
        """The mask and what it was told since it was laid; None while it is on its way.

        Parameters
        ----------
        kept
            The frames by now, oldest first.

        Raises
        ------
        AnalysisError
            It cannot be laid.
        """
        if not self._masked.done():
            return None
        masked = self._masked.result()
        newer = [one for one in kept if one.frame > masked.placed]
        if self._beside is None or len(newer) <= FEW_FRAMES or self._turns == _MOST_TURNS:
            return masked, self._told
        self._turns += 1
        self._masked = self._have(lambda: self._tell(masked, newer))
        return None

    def _tell(self, masked: Masked, newer: Sequence[Kept]) -> Masked:
        self._told += [(one, masked.add(one, onset=self.begun is None)) for one in newer]
        return masked

    def _have(self, work: Callable[[], Masked]) -> Future[Masked]:
        if self._beside is not None:
            return self._beside.submit(work)
        done: Future[Masked] = Future()
        try:
            done.set_result(work())
        except AnalysisError as error:
            done.set_exception(error)
        return done


def wanted_mask(
    scene: Scene, masked: Masked | None, *, age_s: float
) -> tuple[tuple[Kept, ...], tuple[Kept, ...]] | None:
    """Frames for a mask and those to tell it then; None where there is no need of one.

    Parameters
    ----------
    scene, masked
        Whose frames, and the mask that is there.
    age_s
        Seconds since that was asked for.
    """
    count = len(scene.kept)
    then = tuple(scene.kept)[:-1]  # the newest is placed as any other
    if masked is None:
        enough = count >= FEWEST_MASK_FRAMES and count % 2 == 0
        return (scene.chosen(), then) if enough else None
    few = len(masked.placer.mask_frames) < MASK_FRAMES <= count - YOUNG_FRAMES
    if masked.onset.strength >= RESTLESS or not (few or age_s >= RENEW_S):
        return None
    return scene.chosen(young=YOUNG_FRAMES), then
