"""The hub tells the tip where it is seen; where nothing does, no tip is claimed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle_scenes import Scene, SceneSettings, make_scene

from napari_fluoroinject.analysis.needle import find_needle
from napari_fluoroinject.analysis.needle.gates import SHORTEST_PX, SHORTEST_STUB_PX
from napari_fluoroinject.analysis.needle.reasons import no_shaft, undecided
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.geometry import length_px
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.needle import Needle, NoNeedle

ON = choose("cpu")
HUB = 0.6
BESIDE_CENTRE = (70.0, 82.0), (122.0, 110.0)
"""Two ends 59 px apart and equally far from the middle of the picture."""
STUB = (98.0, 104.0), (77.0, 84.0)


@cache
def scene(**changes: object) -> Scene:
    return make_scene(replace(SceneSettings(), **changes))  # type: ignore[arg-type]  # by name


@cache
def quiet(**changes: object) -> Scene:
    """A scene without contrast."""
    drawn = scene(contrast=0.0, **changes)
    none = Injection(mask_frames=tuple(range(2, 12)), onset_frame=None, onset_score=0.0)
    return replace(drawn, registered=replace(drawn.registered, injection=none))


def look(drawn: Scene) -> Needle | NoNeedle:
    return find_needle(drawn.registered, gauge=None, on=ON)


def tip_error_px(needle: Needle, drawn: Scene) -> float:
    assert drawn.tip_px is not None
    return length_px(needle.tip_px, tuple(drawn.tip_px[needle.frame]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("swapped", [False, True])
def test_the_end_opposite_a_hub_is_the_tip_though_both_are_as_near_to_the_middle(
    swapped: bool, seed: int
) -> None:
    tip, hub = BESIDE_CENTRE[::-1] if swapped else BESIDE_CENTRE
    drawn = quiet(tip_px=tip, hub_px=hub, hub=HUB, seed=seed)
    needle = look(drawn)
    assert isinstance(needle, Needle), needle
    assert needle.tip_end_by == "hub"
    assert tip_error_px(needle, drawn) < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_tells_the_tip_from_the_hub_none_is_claimed(seed: int) -> None:
    tip, hub = BESIDE_CENTRE
    answer = look(quiet(tip_px=tip, hub_px=hub, seed=seed))
    assert isinstance(answer, NoNeedle)
    assert "which is the tip cannot be told" in answer.reason
    assert "43 % across" in answer.reason
    assert "57 % across" in answer.reason
    assert "mark hub and tip" in answer.reason


def test_a_hub_outweighs_contrast_that_has_flowed_back_along_the_shaft() -> None:
    tip, hub = BESIDE_CENTRE
    drawn = scene(tip_px=tip, hub_px=hub, hub=HUB, pool_px=hub)
    needle = look(drawn)
    assert isinstance(needle, Needle), needle
    assert needle.tip_end_by == "hub"
    assert tip_error_px(needle, drawn) < 1.0


def test_contrast_about_the_outer_end_of_a_short_shaft_tells_nothing() -> None:
    tip, hub = (92.0, 96.0), (52.0, 64.0)
    answer = look(scene(tip_px=tip, hub_px=hub, pool_px=hub))
    assert isinstance(answer, NoNeedle)
    assert "which is the tip cannot be told" in answer.reason


@pytest.mark.parametrize("seed", range(4))
def test_a_needle_too_short_for_a_shaft_is_found_by_its_hub(seed: int) -> None:
    tip, hub = STUB
    assert SHORTEST_STUB_PX < length_px(tip, hub) < SHORTEST_PX
    drawn = quiet(tip_px=tip, hub_px=hub, hub=HUB, seed=seed)
    needle = look(drawn)
    assert isinstance(needle, Needle), needle
    assert needle.tip_end_by == "hub"
    assert tip_error_px(needle, drawn) < 1.0


@pytest.mark.parametrize("seed", range(4))
def test_without_its_hub_it_is_said_to_be_seen_end_on_or_a_bone_edge(seed: int) -> None:
    tip, hub = STUB
    answer = look(quiet(tip_px=tip, hub_px=hub, seed=seed))
    assert isinstance(answer, NoNeedle)
    for words in (" mm long", "seen end-on", "edge of a bone", "at least 11 mm", "mark hub and"):
        assert words in answer.reason


@settings(deadline=None)
@given(st.lists(st.sampled_from(["short", "wide", "not smooth", "faded", "broken"]), min_size=1))
def test_every_line_that_was_looked_at_is_counted_in_the_reason(failed: list[str]) -> None:
    reason = no_shaft(failed, (), scene().registered, scale=1.0).reason
    assert reason.startswith(f"none of {len(failed)} dark lines is a needle (")
    counted = reason[reason.index("(") + 1 : reason.index(")")].split(", ")
    assert sum(int(one.split()[0]) for one in counted) == len(failed)
    assert "seen end-on" in reason
    assert reason.endswith("mark hub and tip")


@given(
    st.tuples(st.floats(0, 191), st.floats(0, 191)),
    st.tuples(st.floats(0, 191), st.floats(0, 191)),
)
def test_a_reason_says_the_same_of_a_loop_twice_as_fine(
    first: tuple[float, float], last: tuple[float, float]
) -> None:
    coarse = scene().registered
    loop = replace(coarse.loop, calibration=replace(coarse.loop.calibration, mm_per_px=0.5 * 0.28))
    fine = replace(coarse, loop=loop, field=np.ones((384, 384), bool))
    larger = ((2 * first[0], 2 * first[1]), (2 * last[0], 2 * last[1]))
    assert undecided(*larger, fine) == undecided(first, last, coarse)
