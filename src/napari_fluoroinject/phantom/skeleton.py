"""The bones of one patient, and what is known of the column they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_fluoroinject.model.arrays import FloatArray, read_only
from napari_fluoroinject.phantom.bone import Bone
from napari_fluoroinject.phantom.sacroiliac import Joint
from napari_fluoroinject.phantom.sacrum import Sacrum
from napari_fluoroinject.phantom.vertebra import Vertebra

TEXTURE_MM = 0.8
_TEXTURE_CELLS = 72
_TEXTURE_SIGMA = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class CanalPoint:
    """A point `own_mm` of a bone's frame on the dorsal wall of the bodies, in the midline.

    `depth_mm` is how deep the vertebral canal is there.
    """

    bone: str
    own_mm: tuple[float, float, float]
    depth_mm: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Skeleton:
    """All bones; by level, head to feet, the dimensions of the vertebrae that are drawn in full.

    `canal` runs from head to feet. `pitch_mm` is the usual distance between neighbouring levels.
    `texture`, that of spongy bone, is a periodic cube of density factors, (n, n, n) float32, one
    cell a `TEXTURE_MM`. `sacrum` and `joints`, the sacroiliac ones (left, right), are there where
    they are drawn in full.
    """

    bones: tuple[Bone, ...]
    vertebrae: Mapping[str, Vertebra]
    canal: tuple[CanalPoint, ...]
    pitch_mm: float
    texture: FloatArray
    sacrum: Sacrum | None = None
    joints: tuple[Joint, ...] = ()

    def bone(self, name: str) -> Bone:
        """The bone of that name."""
        return next(bone for bone in self.bones if bone.name == name)


def spongy_texture(random: np.random.Generator) -> FloatArray:
    """Log-normal density factors, longer cranio-caudally, periodic."""
    cells = _TEXTURE_CELLS
    frequency = np.fft.fftfreq(cells)
    x, y, z = np.meshgrid(frequency, frequency, frequency[: cells // 2 + 1], indexing="ij")
    spectrum = np.fft.rfftn(random.standard_normal((cells,) * 3))
    spectrum *= np.exp(-2 * np.pi**2 * (0.9**2 * (x * x + y * y) + 2.2**2 * z * z))
    field = np.fft.irfftn(spectrum, s=(cells,) * 3, axes=(0, 1, 2))
    field *= _TEXTURE_SIGMA / field.std()
    return read_only(np.exp(field - _TEXTURE_SIGMA**2 / 2), np.float32)
