"""The scatter ratio from the collimator's shadow, in pictures whose scatter is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from spread_scenes import DETECTOR_MM_PER_PX, FRAMES, NO_NEEDLE, Scene, registered

from napari_fluoroinject.analysis.ratio import estimate_ratio, prior_ratio
from napari_fluoroinject.analysis.scatter import blocks_of, kernel_sigma_px, scatter_model
from napari_fluoroinject.analysis.shadow import NoShadow, ShadowRatio, shadow_ratio
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.needle import NeedleKind

SIZE = 256
INSET = 44
KERNEL_PX, _, _ = kernel_sigma_px(DETECTOR_MM_PER_PX, SIZE)


@dataclass(frozen=True, kw_only=True)
class Blades:
    """A picture behind blades on the left and above; `round_px` is a round diaphragm instead."""

    ratio: float = 0.6
    leak: float = 0.01
    inset_px: int = INSET
    margin_px: int = 6
    quanta: float = 100.0
    kernel: float = 1.0
    round_px: float | None = None


def opened(blades: Blades, margin_px: int = 0) -> np.ndarray:
    row, column = np.mgrid[:SIZE, :SIZE]
    if blades.round_px is not None:
        far = np.hypot(row - SIZE / 2, column - SIZE / 2)
        return far < blades.round_px - margin_px
    begin = blades.inset_px + margin_px
    return (row >= begin) & (column >= begin)


def bladed(blades: Blades = Blades()):  # a frozen value
    """A still loop of 40 frames; its open field ends `margin_px` inside the blades' edge."""
    row, column = np.mgrid[:SIZE, :SIZE] / SIZE
    beam = np.exp(-0.4 * np.sin(5 * row) * np.cos(4 * column))
    edge = gaussian_filter(opened(blades).astype(float), 1.3, mode="nearest")
    primary = beam * (blades.leak + (1 - blades.leak) * edge)
    veil = gaussian_filter(primary, KERNEL_PX * blades.kernel, mode="nearest", truncate=3.5)
    signal = (primary + blades.ratio * veil) / (1 + blades.ratio)
    random = np.random.default_rng(7)
    seen = random.poisson(np.broadcast_to(signal * blades.quanta, (FRAMES, SIZE, SIZE)))
    stored = np.rint(seen / blades.quanta * 1000.0).clip(0, 4095).astype(np.uint16)
    loop = registered(stored, Scene(size=SIZE, contrast=False))
    return replace(loop, field=opened(blades, blades.margin_px))


def overwritten(loop, values: np.ndarray):
    """The same with other stored values behind the blades."""
    stored = loop.loop.frames.every().copy()
    dark = ~opened(Blades())
    stored[:, dark] = values[dark]
    again = registered(stored, Scene(size=SIZE, contrast=False))
    return replace(again, field=loop.field)


def refusal(loop) -> str:
    answer = shadow_ratio(loop, KERNEL_PX)
    assert isinstance(answer, NoShadow)
    return answer.reason


@pytest.mark.parametrize("ratio", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("round_px", [None, 84.0])
def test_the_ratio_is_found_without_bias_behind_straight_and_round_blades(ratio, round_px):
    answer = shadow_ratio(bladed(Blades(ratio=ratio, round_px=round_px)), KERNEL_PX)
    assert isinstance(answer, ShadowRatio)
    assert answer.value == pytest.approx(ratio, abs=0.02)
    assert answer.sigma < 0.25 * ratio


@pytest.mark.parametrize("margin_px", [2, 10, 20])
def test_it_does_not_matter_how_far_inside_the_edge_the_open_field_ends(margin_px):
    answer = shadow_ratio(bladed(Blades(margin_px=margin_px)), KERNEL_PX)
    assert isinstance(answer, ShadowRatio)
    assert answer.value == pytest.approx(0.6, abs=0.02)


def test_blades_that_let_more_or_less_through_hardly_change_the_ratio():
    found = [shadow_ratio(bladed(Blades(leak=leak)), KERNEL_PX) for leak in (0.004, 0.02)]
    assert all(abs(one.value - 0.6) < 0.5 * one.sigma for one in found)


def test_few_quanta_in_the_dark_do_not_raise_the_ratio():
    loop = bladed(Blades(quanta=20.0))
    # Undoing a time filter in the logarithm spreads it, so that its exponential has another mean.
    undone = loop.ln.copy()
    undone[1:] = (loop.ln[1:] - 0.4 * loop.ln[:-1]) / 0.6
    answer = shadow_ratio(replace(loop, ln=undone), KERNEL_PX)
    assert answer.value == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("kernel", [0.75, 1.5])
def test_a_kernel_of_another_width_is_within_two_of_the_stated_sigmas(kernel):
    answer = shadow_ratio(bladed(Blades(kernel=kernel)), KERNEL_PX)
    assert abs(answer.value - 0.6) < 2 * answer.sigma


def test_a_kernel_known_less_well_makes_the_answer_less_sure():
    loop = bladed()
    sure, unsure = (shadow_ratio(loop, KERNEL_PX, width_factor=by) for by in (1.1, 1.6))
    assert sure.value == unsure.value
    assert sure.sigma < unsure.sigma


@pytest.mark.parametrize("value", [0, 90])
def test_a_shadow_overwritten_with_a_constant_is_refused(value):
    assert "constant" in refusal(overwritten(bladed(), np.full((SIZE, SIZE), value)))


def test_a_shadow_without_quantum_noise_is_refused():
    dithered = 120 + np.add.outer(np.arange(SIZE), np.arange(SIZE)) % 2
    assert "noise" in refusal(overwritten(bladed(), dithered.astype(np.uint16)))


def test_a_narrow_shadow_at_the_pictures_edge_is_refused():
    assert "picture's edge" in refusal(bladed(Blades(inset_px=13)))


def test_what_does_not_fade_behind_the_edge_is_no_scatter():
    dim = 10 * np.random.default_rng(5).poisson(20.0, (SIZE, SIZE))
    assert "does not fade" in refusal(overwritten(bladed(), dim.astype(np.uint16)))


def test_a_field_cut_without_blades_has_no_shadow():
    loop = bladed(Blades(inset_px=0))
    assert "not dark" in refusal(replace(loop, field=opened(Blades())))


def test_pictures_without_blades_mask_or_meaning_say_so():
    loop = bladed()
    everywhere = np.ones_like(loop.field)
    assert "no blades" in refusal(replace(loop, field=everywhere))
    injection = replace(loop.injection, mask_frames=())
    assert "before contrast" in refusal(replace(loop, injection=injection))
    display = replace(loop.loop.intensity, relationship="display")
    screen = replace(loop, loop=replace(loop.loop, intensity=display))
    assert "follow the beam" in refusal(screen)


def fused(loop):
    on = choose("cpu")
    model = scatter_model(loop.field, KERNEL_PX)
    blocks = blocks_of(np.exp(loop.ln[:10]), loop.field, on=on).mean(axis=0)
    return estimate_ratio(loop, NO_NEEDLE, blocks, model, kind=NeedleKind())


@pytest.mark.parametrize("ratio", [0.35, 0.9])
def test_the_shadow_narrows_what_the_tube_voltage_tells(ratio):
    loop = bladed(Blades(ratio=ratio))
    both, prior = fused(loop), prior_ratio(loop.loop.kvp)
    assert abs(both.value - ratio) < 0.5 * abs(prior.value - ratio)
    assert abs(both.value - ratio) < 2 * both.sigma
    assert both.sigma < 0.75 * prior.sigma
    assert "collimator shadow: " in both.basis[1]


def test_a_shadow_that_contradicts_the_tube_voltage_is_left_out_and_told():
    loop = bladed(Blades(ratio=1.7))
    both, prior = fused(loop), prior_ratio(loop.loop.kvp)
    assert "collimator shadow rejected" in both.basis[1]
    assert (both.value, both.sigma) == (prior.value, prior.sigma)


def test_why_no_shadow_was_used_is_told():
    loop = bladed()
    assert "no blades" in fused(replace(loop, field=np.ones_like(loop.field))).basis[1]


def test_an_assumed_detector_pixel_makes_the_shadow_less_sure():
    loop = bladed()
    known = fused(loop)
    assumed = fused(replace(loop, loop=replace(loop.loop, detector_mm_per_px=205.0 / 500)))
    guessed = fused(replace(loop, loop=replace(loop.loop, detector_mm_per_px=None)))
    assert assumed.sigma == pytest.approx(known.sigma, rel=0.05)
    assert guessed.sigma > known.sigma
