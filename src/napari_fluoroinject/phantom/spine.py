"""The vertebral canal of one patient as a curve, whatever the region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.errors import PhantomError

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.phantom.sacroiliac import Joint
    from napari_fluoroinject.phantom.sacrum import Sacrum
    from napari_fluoroinject.phantom.skeleton import Skeleton
    from napari_fluoroinject.phantom.vertebra import Vertebra


class Spine:
    """The vertebral canal: midline, dorsal wall and canal depth as functions of z."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        walls = [(place.bone, place.own_mm) for place in skeleton.canal]
        points = np.array([skeleton.bone(name).world(own) for name, own in walls])
        self._points = points[::-1]
        self._depth = np.array([place.depth_mm for place in skeleton.canal])[::-1]

    @property
    def levels(self) -> tuple[str, ...]:
        """The vertebrae whose dimensions are known, head to feet."""
        return tuple(self.skeleton.vertebrae)

    @property
    def pitch_mm(self) -> float:
        """Usual distance between neighbouring levels, for what repeats with them."""
        return self.skeleton.pitch_mm

    def wall_x(self, z: float | DoubleArray) -> DoubleArray:
        """The x of the dorsal wall of the vertebral bodies."""
        return np.asarray(np.interp(z, self._points[:, 2], self._points[:, 0]))

    def midline_y(self, z: float | DoubleArray) -> DoubleArray:
        """The y of the midline."""
        return np.asarray(np.interp(z, self._points[:, 2], self._points[:, 1]))

    def canal_depth(self, z: float | DoubleArray) -> DoubleArray:
        """Depth of the canal from the wall to the arch."""
        return np.asarray(np.interp(z, self._points[:, 2], self._depth))

    def world(self, level: str, own: tuple[float, float, float]) -> DoubleArray:
        """A point of a vertebra's own frame in patient millimetres."""
        return self.skeleton.bone(level).world(own)

    def vertebra(self, level: str) -> Vertebra:
        """The dimensions of a vertebra."""
        return self.skeleton.vertebrae[level]

    @property
    def sacrum(self) -> Sacrum:
        """The sacrum, in a region in which it is drawn in full."""
        if self.skeleton.sacrum is None:
            raise PhantomError("no sacrum is drawn in full here; expected the sacral region")
        return self.skeleton.sacrum

    def sacroiliac(self, side: int) -> Joint:
        """The sacroiliac joint of a side, where the sacrum is drawn in full."""
        return next(joint for joint in self.skeleton.joints if joint.side == side)

    def below(self, level: str) -> str:
        """The next level caudally."""
        return self.levels[self.levels.index(level) + 1]
