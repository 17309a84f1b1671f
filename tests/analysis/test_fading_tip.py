"""A tip is only as certain as the end of the shaft is plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.needle.fading import doubted, overtaken
from napari_fluoroinject.analysis.needle.tip import End

ALONG = np.arange(-150.0, 100.0)
TIP = End(along_px=0.0, outward=1, uncertainty_px=0.6)


def curve(*, before: float, beyond: float, noise: float, seed: int) -> np.ndarray:
    """A shaft that ends at 90, and is as faint as `beyond` from 0 on."""
    opacity = np.where(ALONG < 0, before, np.where(ALONG < 90, beyond, 0.0))
    return opacity + noise * np.random.default_rng(seed).standard_normal(len(ALONG))


@given(st.integers(0, 1000), st.floats(0.3, 1.5))
def test_a_plain_end_keeps_its_uncertainty(seed: int, opacity: float) -> None:
    plain = curve(before=opacity, beyond=0.0, noise=0.03, seed=seed)
    assert doubted(TIP, ALONG, plain, length_px=150.0, scale=1.0) == TIP


@pytest.mark.parametrize("seed", range(4))
def test_a_shaft_that_fades_into_clutter_has_an_uncertain_tip(seed: int) -> None:
    faint = curve(before=0.09, beyond=0.06, noise=0.05, seed=seed)
    answer = doubted(TIP, ALONG, faint, length_px=150.0, scale=1.0)
    assert answer.uncertainty_px > 5.0
    assert answer.along_px == TIP.along_px


def test_a_short_shaft_is_not_doubted_for_what_lies_behind_its_other_end() -> None:
    short = np.where((ALONG > -45) & (ALONG < 0), 0.5, 0.0)
    short += 0.02 * np.random.default_rng(0).standard_normal(len(ALONG))
    assert doubted(TIP, ALONG, short, length_px=45.0, scale=1.0) == TIP


def test_too_little_of_an_axis_tells_nothing() -> None:
    unknown = np.full(len(ALONG), np.nan)
    assert doubted(TIP, ALONG, unknown, length_px=150.0, scale=1.0) == TIP


@given(st.integers(0, 1000), st.floats(0.3, 1.5), st.integers(6, 11))
def test_a_tip_that_the_next_frames_show_farther_on_may_have_been_there(
    seed: int, opacity: float, beyond: int
) -> None:
    noise = 0.03 * np.random.default_rng(seed).standard_normal(len(ALONG))
    later = np.where(beyond > ALONG, opacity, 0.0) + noise
    answer = overtaken(TIP, ALONG, later, scale=1.0)
    assert answer.along_px == TIP.along_px
    assert beyond - 1.5 < answer.uncertainty_px < beyond + 1.5


@given(st.integers(0, 1000), st.floats(0.3, 1.5), st.integers(-8, 2))
def test_a_tip_that_stays_or_is_drawn_back_keeps_its_uncertainty(
    seed: int, opacity: float, beyond: int
) -> None:
    noise = 0.03 * np.random.default_rng(seed).standard_normal(len(ALONG))
    later = np.where(beyond > ALONG, opacity, 0.0) + noise
    assert overtaken(TIP, ALONG, later, scale=1.0) == TIP


def test_frames_that_are_not_there_tell_nothing_of_where_the_tip_went() -> None:
    assert overtaken(TIP, ALONG, np.full(len(ALONG), np.nan), scale=1.0) == TIP
