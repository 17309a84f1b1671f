"""The area while it is sought, and watched for being another."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.feed.area import EXPOSURES, PictureArea, find_area
from napari_fluoroinject.analysis.feed.repeats import Repeats

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray, StoredArray

_LIVELY_PERCENTILE = 92.0
"""Of the blocks of a frame: a picture takes a larger part of the monitor than the rest."""
_ALIKE = 1.4
"""Frames that changed by more than so many times as much as others do not show the same."""
_TRIES_APART, _FARTHEST_APART = 4, 16
"""New exposures before it is tried again, first and at most."""
_EDGELESS, _EDGELESS_S = 20, 1.0
"""After so many exposures in so many seconds without an edge, the whole frame is the picture."""
_REMEMBERED = 60
"""Frames whose changes are of use once the area is known."""
_KNOWN = 6
"""Exposures that tell which blocks of the area show noise."""
_TURNED = 6
"""Exposures over which a block does the opposite of what it did."""
_MUCH = 0.06
"""Share of the picture that must do so."""
_SAME = 0.96
"""Overlap of two areas from which they are one."""


class Finding:
    """Gathers frames of different exposures until the area is found.

    Parameters
    ----------
    again
        Whether there is an area that is in doubt: then it stays where no other edge is found.

    Attributes
    ----------
    changes
        Of the last frames, when each came, and its (blocks down, blocks across).
    """

    def __init__(self, *, again: bool = False) -> None:
        self._frames: deque[tuple[StoredArray, float]] = deque(maxlen=EXPOSURES)
        self._repeats = Repeats()
        self._wait, self._apart = 0, _TRIES_APART
        self._seen, self._first_s = 0, 0.0
        self._edgeless: float = np.inf if again else _EDGELESS
        self.changes: deque[tuple[float, FloatArray]] = deque(maxlen=_REMEMBERED)

    def see(self, stored: StoredArray, change: FloatArray, time_s: float) -> PictureArea | None:
        """Offer a frame with the change of its blocks; the area, as soon as it is found."""
        size = float(np.percentile(change, _LIVELY_PERCENTILE))
        self.changes.append((time_s, change))
        if not self._repeats.see(size, 0.0, time_s).fresh:
            return None
        self._first_s = time_s if not self._seen else self._first_s
        self._seen += 1
        self._frames.append((stored.copy(), size))
        self._wait = max(0, self._wait - 1)
        return self._by_its_edge() or self._without_edge(time_s)

    def _by_its_edge(self) -> PictureArea | None:
        limit = self._repeats.limit
        good = [(frame, own) for frame, own in self._frames if own > limit]
        sizes = np.array([own for _, own in good])
        if len(good) < EXPOSURES or self._wait or sizes.max() > _ALIKE * np.median(sizes):
            return None
        area = find_area([frame for frame, _ in good])
        if area is None:
            self._wait, self._apart = self._apart, min(2 * self._apart, _FARTHEST_APART)
        return area

    def _without_edge(self, time_s: float) -> PictureArea | None:
        """The whole frame, where it has been sought long enough and is no monitor's."""
        if self._seen < self._edgeless or time_s - self._first_s < _EDGELESS_S:
            return None
        self._edgeless = 2 * self._seen
        return find_area([frame for frame, _ in self._frames], edgeless=True)


class Layout:
    """Watches whether what is lively stays what it was: collimation, panels, another layout.

    Parameters
    ----------
    inside
        Blocks of the frame that lie in the area.
    """

    def __init__(self, inside: BoolArray) -> None:
        self._inside = inside
        self._seen = 0
        self._lively = np.zeros(inside.shape, np.int32)
        self._turned = np.zeros(inside.shape, np.int32)

    def see(self, change: FloatArray, limit: float) -> bool:
        """Whether the area ought to be found anew; `change` of an exposure's blocks.

        `limit` is the change above which the picture as a whole is a new exposure.
        """
        lively = change > limit
        self._seen += 1
        if self._seen <= _KNOWN:
            self._lively += lively
            return False
        known = self._lively > _KNOWN // 2
        usual = self._inside & known
        other = (usual & ~lively) | (~self._inside & ~known & lively)
        self._turned = np.where(other, self._turned + 1, 0)
        turned = float((self._turned >= _TURNED).sum())
        return turned > _MUCH * max(1.0, float(self._inside.sum()))


def same(one: PictureArea, other: PictureArea, shape: tuple[int, int]) -> bool:
    """Whether two areas are the same but for what little their edges vary."""
    first, second = (area.in_frame(shape) for area in (one, other))
    return float((first & second).sum()) >= _SAME * float((first | second).sum())
