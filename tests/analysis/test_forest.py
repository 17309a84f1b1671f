"""The forest judges as its trees do, and comes back from a file as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.analysis.vascular.forest import Forest, load_forest, packaged
from napari_fluoroinject.analysis.vascular.judge import DILUTIONS, judge
from napari_fluoroinject.analysis.vascular.traits import AMPLITUDES, TRAITS
from napari_fluoroinject.errors import AnalysisError

if TYPE_CHECKING:
    from pathlib import Path

VECTORS = st.lists(
    st.floats(-100, 100, width=32, allow_subnormal=False),
    min_size=len(TRAITS),
    max_size=len(TRAITS),
).map(lambda traits: np.array(traits, np.float32))


def stump(limit: float, *, below: float, above: float) -> Forest:
    return Forest(
        traits=("first", "second"),
        roots=np.array([0], np.int32),
        trait=np.array([1, -1, -1], np.int32),
        limit=np.array([limit, 0, 0], np.float32),
        right=np.array([2, 0, 0], np.uint16),
        share=np.array([0, below, above], np.float32),
        alarm=0.5,
        grown_on="nothing",
    )


@given(value=st.floats(-10, 10, width=32), other=st.floats(-10, 10, width=32))
def test_a_tree_leads_to_the_leaf_of_its_limit(value: float, other: float) -> None:
    judged = stump(2.0, below=0.25, above=0.75).judge(np.array([other, value], np.float32))
    assert judged == (0.25 if value <= 2.0 else 0.75)


def test_the_forest_of_the_package_looks_at_the_traits_that_are_measured() -> None:
    forest = load_forest()
    assert forest.traits == TRAITS
    assert set(forest.trait.tolist()) <= set(range(-1, len(TRAITS)))
    assert 0.0 < forest.alarm < 1.0
    assert "synthetic" in forest.grown_on


@given(vector=VECTORS)
def test_every_vector_comes_to_a_share(vector: np.ndarray) -> None:
    assert 0.0 <= judge(load_forest(), vector) <= 1.0


@given(vector=VECTORS, dilution=st.sampled_from(DILUTIONS))
def test_denser_contrast_makes_no_path_less_likely(vector: np.ndarray, dilution: float) -> None:
    denser = np.where(np.isin(TRAITS, AMPLITUDES), vector * np.float32(dilution), vector)
    assert judge(load_forest(), denser) >= load_forest().judge(vector)


def test_a_forest_that_was_kept_is_the_same(tmp_path: Path) -> None:
    forest = stump(1.5, below=0.1, above=0.9)
    forest.save(tmp_path / "kept.npz")
    kept = Forest.read(tmp_path / "kept.npz")
    for name in ("roots", "trait", "limit", "right", "share"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(forest, name))
    assert (kept.traits, kept.alarm, kept.grown_on) == (("first", "second"), 0.5, "nothing")


def test_a_file_that_is_no_forest_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(KeyError):
        Forest.read(tmp_path / "other.npz")


def test_a_forest_that_is_missing_or_damaged_says_to_install_again(tmp_path: Path) -> None:
    whole, cut, empty = (tmp_path / name for name in ("whole.npz", "cut.npz", "empty.npz"))
    stump(2.0, below=0.25, above=0.75).save(whole)
    cut.write_bytes(whole.read_bytes()[:200])
    with np.load(whole) as kept:
        zeros = {name: np.zeros_like(kept[name]) for name in ("roots", "trait", "limit", "right")}
        np.savez(empty, **({name: kept[name] for name in kept} | zeros))
    for path in (tmp_path / "none.npz", cut, empty):
        with pytest.raises(AnalysisError, match="install the package again"):
            packaged(path)
    assert packaged(whole).judge(np.array([0, 0], np.float32)) == 0.25
