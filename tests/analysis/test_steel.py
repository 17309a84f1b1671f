"""Advanced steel is told from dense contrast in a narrow space."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_fluoroinject.analysis.onset import find_injection
from napari_fluoroinject.analysis.steel import find_steel
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.motion import Motion

ON = choose("cpu")
SIZE, FRAMES = 128, 40


def still():
    return Motion(
        shift_px=np.zeros((FRAMES, 2)),
        residual=np.ones(FRAMES),
        locked=np.ones(FRAMES, bool),
        bone_weight=np.ones((SIZE, SIZE), np.float32),
        uncertainty_px=0.05,
    )


def scene(seed=0, noise=0.08):
    random = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(random.standard_normal((SIZE, SIZE)), 6)
    ln = 6.0 + 0.5 * texture / texture.std()
    return (ln + noise * random.standard_normal((FRAMES, SIZE, SIZE))).astype(np.float32)


def cleft(*, width, length=40, angle_deg=30.0):
    """A bar of this width with soft edges, 0 to 1."""
    row, column = np.mgrid[:SIZE, :SIZE] - 64.0
    angle = np.deg2rad(angle_deg)
    along = row * np.sin(angle) + column * np.cos(angle)
    across = row * np.cos(angle) - column * np.sin(angle)
    inside = (np.abs(along) < length / 2) & (np.abs(across) < width / 2)
    return ndimage.gaussian_filter(inside.astype(float), 0.8)


def with_joint(*, onset=15, od=0.5, **shape):
    """A cleft that fills over eight frames."""
    filled = np.clip((np.arange(FRAMES) - onset + 1) / 8, 0, 1)
    seed = shape.pop("seed", 0)
    return (scene(seed) - od * filled[:, None, None] * cleft(**shape)).astype(np.float32)


def with_advanced_needle(*, width, od, reach=50, since=10):
    """A shaft that is there from the start and is pushed on over eight frames."""
    ln = scene()
    for k in range(FRAMES):
        end = 20 + round(reach * np.clip((k - since) / 8, 0, 1))
        shaft = np.zeros((SIZE, SIZE))
        shaft[10:end, 60 : 60 + width] = od
        ln[k] -= ndimage.gaussian_filter(shaft, 0.8)
    return ln


def with_trembling_needle(*, away=4):
    """A shaft that is moved sideways half way through the loop."""
    ln = scene()
    for k in range(FRAMES):
        column = 60 + (away if k > FRAMES // 2 else 0)
        shaft = np.zeros((SIZE, SIZE))
        shaft[10:70, column : column + 4] = 0.5
        ln[k] -= ndimage.gaussian_filter(shaft, 0.8)
    return ln


def found(ln):
    return find_injection(ln, np.ones((SIZE, SIZE), bool), still(), on=ON)


def steel(ln):
    return find_steel(ln, np.zeros((FRAMES, 3)), np.arange(FRAMES), on=ON)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 80.0])
@pytest.mark.parametrize("width", [6, 7])
def test_the_onset_of_dense_contrast_in_a_narrow_joint_is_seen(width, angle_deg):
    injection = found(with_joint(width=width, angle_deg=angle_deg))
    assert injection.onset_frame is not None
    assert abs(injection.onset_frame - 15) <= 2


@pytest.mark.parametrize("seed", range(3))
def test_contrast_in_a_narrow_joint_is_no_steel(seed):
    ln = with_joint(width=6, seed=seed)
    assert not steel(ln)[cleft(width=6) > 0.5].any()


@pytest.mark.parametrize(("width", "od"), [(2, 0.3), (3, 0.6), (5, 1.5)])
def test_a_needle_that_is_advanced_is_steel_and_no_contrast(width, od):
    ln = with_advanced_needle(width=width, od=od)
    assert steel(ln)[30:60, 60 : 60 + width].all()
    assert found(ln).onset_frame is None


def test_a_thick_needle_that_moves_sideways_is_steel_and_no_contrast():
    ln = with_trembling_needle()
    assert steel(ln)[20:60, 64:68].all()
    assert found(ln).onset_frame is None


def test_noise_alone_is_no_steel():
    assert not steel(scene()).any()


@pytest.mark.parametrize("radii", [(12.0, 5.0), (16.0, 6.0), (9.0, 9.0)])
def test_the_margin_of_a_small_dense_pool_is_no_steel(radii):
    row, column = np.mgrid[:SIZE, :SIZE] - 64.0
    angle = np.deg2rad(20)
    along = row * np.sin(angle) + column * np.cos(angle)
    across = row * np.cos(angle) - column * np.sin(angle)
    thickness = np.sqrt(np.clip(1 - (along / radii[0]) ** 2 - (across / radii[1]) ** 2, 0, 1))
    filled = np.clip((np.arange(FRAMES) - 14) / 8, 0, 1)
    ln = (scene() - 0.7 * filled[:, None, None] * thickness).astype(np.float32)
    assert not steel(ln)[thickness > 0].any()
    assert abs(found(ln).onset_frame - 15) <= 2
