"""The forest is grown as stated, and judges as scikit-learn's own trees do."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fluoroinject.analysis.live_moment import LIVE_TRAITS
from napari_fluoroinject.analysis.vascular.traits import TRAITS
from napari_fluoroinject.benchmark.cases import Case
from napari_fluoroinject.benchmark.growing import (
    FALSE_ALARM_RATE,
    FOLDS,
    Examples,
    examples_of,
    folds,
    grow,
    highest,
)
from napari_fluoroinject.benchmark.live_growing import live_examples_of
from napari_fluoroinject.errors import FluoroinjectError

PATHS = 8


def drawn_loop(seed: int, *, vascular: bool) -> Examples:
    """Paths of which, in a loop with run-off, the first two have a higher first trait."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(PATHS, len(TRAITS))).astype(np.float32)
    labels = np.zeros(PATHS, np.int8)
    if vascular:
        vectors[:2, 0] += 6.0
        labels[:2] = 1
    return Examples(scene=str(seed), vectors=vectors, run_off=labels, vascular=vascular)


def drawn_loops(count: int) -> list[Examples]:
    return [drawn_loop(seed, vascular=seed % 2 == 0) for seed in range(count)]


def test_a_forest_tells_loops_apart_that_it_was_not_grown_on() -> None:
    forest = grow(drawn_loops(80), grown_on="drawn loops")
    new = [drawn_loop(1000 + seed, vascular=seed % 2 == 0) for seed in range(40)]
    alarms = np.array([highest(forest, one) > forest.alarm for one in new])
    vascular = np.array([one.vascular for one in new])
    assert alarms[vascular].mean() > 0.9
    assert alarms[~vascular].mean() <= 4 * FALSE_ALARM_RATE
    assert forest.traits == TRAITS
    assert forest.grown_on == "drawn loops"


def test_the_same_loops_grow_the_same_forest() -> None:
    one, other = (grow(drawn_loops(40), grown_on="") for _ in range(2))
    assert one.alarm == other.alarm
    np.testing.assert_array_equal(one.limit, other.limit)
    np.testing.assert_array_equal(one.share, other.share)


def test_the_paths_that_are_neither_teach_nothing() -> None:
    loops = drawn_loops(40)
    doubtful = [
        Examples(
            scene=one.scene,
            vectors=np.concatenate([one.vectors, np.full((1, len(TRAITS)), 99, np.float32)]),
            run_off=np.append(one.run_off, np.int8(-1)),
            vascular=one.vascular,
        )
        for one in loops
    ]
    one, other = grow(loops, grown_on=""), grow(doubtful, grown_on="")
    np.testing.assert_array_equal(one.limit, other.limit)


def test_loops_of_one_scene_are_judged_by_the_same_forest_and_every_part_has_some() -> None:
    loops = [loop for loop in drawn_loops(3 * FOLDS) for _ in range(2)]
    parts = folds(loops)
    assert (parts[::2] == parts[1::2]).all()
    assert sorted(set(parts.tolist())) == list(range(FOLDS))


def test_too_few_loops_are_refused() -> None:
    with pytest.raises(FluoroinjectError, match=f"at least {FOLDS}"):
        grow(drawn_loops(FOLDS), grown_on="")


@pytest.mark.parametrize(("twin", "vascular"), [("vascular_persistent", True), ("none", False)])
def test_a_synthetic_loop_gives_examples_of_what_is_in_it(twin: str, vascular: bool) -> None:
    case = Case(key="mbb_lumbar", seed=5601, twin=twin, needle=True, size=256, frames=40)
    (examples,) = examples_of(case, (40.0,))
    assert examples.vascular is vascular
    assert examples.vectors.shape == (len(examples.run_off), len(TRAITS))
    assert np.isfinite(examples.vectors).all()
    assert (examples.run_off == 1).any() == vascular


@pytest.mark.parametrize(("twin", "vascular"), [("vascular_persistent", True), ("none", False)])
def test_a_loop_that_is_followed_gives_examples_of_what_was_seen_meanwhile(
    twin: str, vascular: bool
) -> None:
    case = Case(key="mbb_lumbar", seed=5601, twin=twin, needle=True, size=192, frames=60)
    both = live_examples_of(case, (60.0,))
    assert [one.scene for one in both] == ["mbb_lumbar 5601"] * 2
    for examples in both:
        assert examples.vascular is vascular
        assert examples.vectors.shape == (len(examples.run_off), len(LIVE_TRAITS))
        assert np.isfinite(examples.vectors).all()
    assert any((examples.run_off == 1).any() for examples in both) == vascular
