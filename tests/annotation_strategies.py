"""Annotations for property tests: everything that a person can say, in every combination."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import strategies as st

from napari_fluoroinject.model.annotation import (
    Annotation,
    CArm,
    ContrastAgent,
    Event,
    Flag,
    Mark,
    NeedleTrajectory,
    SignOff,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=64)
LEVELS = st.sampled_from(["L4", "L4-L5", "C7-T1", "S1"])
_AMOUNTS = st.floats(min_value=1e-3, max_value=1e6)
_AGENTS = st.builds(
    ContrastAgent,
    name=st.none() | WORDS,
    kind=st.none() | st.sampled_from(["iodinated", "other"]),
    iodine_mg_ml=st.none() | _AMOUNTS,
    volume_ml=st.none() | _AMOUNTS,
)
_EVENTS = st.builds(
    Event,
    kind=st.sampled_from(["aspiration", "contrast", "test_dose", "medication"]),
    time_s=NUMBERS,
)
_SIGN_OFFS = st.builds(
    SignOff,
    operator=WORDS.filter(str.strip),
    at=st.datetimes(datetime(1900, 1, 1)).map(lambda at: f"{at:%Y%m%d%H%M%S}")
    | st.sampled_from(["20261122163000.25+0100", "20240229000000-0330"]),
    confirmed=st.lists(
        st.sampled_from(["needle_and_target", "contrast", "warnings"]), unique=True
    ).map(tuple),
)


def annotations(
    *,
    coordinates: st.SearchStrategy[float] = NUMBERS,
    frames: int = 10_000,
    landmarks: st.SearchStrategy[str] = WORDS,
) -> st.SearchStrategy[Annotation]:
    """Draw annotations whose points and frames lie in a loop."""
    points = st.tuples(coordinates, coordinates)
    needles = st.builds(
        NeedleTrajectory, hub_px=points, tip_px=points, frame=st.integers(0, frames - 1)
    )
    marks = st.builds(
        Mark,
        landmark=landmarks,
        points_px=st.lists(points, min_size=1, max_size=5).map(tuple),
        beyond_px=st.none() | points,
        level=st.none() | LEVELS,
    )
    return st.builds(
        Annotation,
        needle=st.none() | needles,
        target_px=st.none() | points,
        gauge=st.sampled_from([None, 18, 22, 25]),
        needle_length_mm=st.none() | _AMOUNTS,
        level=st.none() | LEVELS,
        side=st.sampled_from([None, "left", "right", "bilateral"]),
        view=st.none() | WORDS,
        c_arm=st.none()
        | st.builds(
            CArm, primary_angle_deg=st.floats(-180, 180), secondary_angle_deg=st.floats(-90, 90)
        ),
        marks=st.lists(marks, max_size=4, unique_by=lambda mark: mark.landmark).map(tuple),
        agent=st.none() | _AGENTS,
        events=st.lists(_EVENTS, max_size=4).map(tuple),
        mask=st.none(),
        flags=st.lists(
            st.builds(Flag, kind=st.just("vascular_uptake"), frame=st.integers(0, frames - 1)),
            max_size=4,
            unique=True,
        ).map(tuple),
        sign_off=st.none() | _SIGN_OFFS,
    ).flatmap(lambda one: _masks(frames).map(lambda masks: replace(one, **masks)))


def _masks(frames: int) -> st.SearchStrategy[dict[str, object]]:
    """Whose mask frames, or which."""
    chosen = st.lists(
        st.integers(0, frames - 1), min_size=1, max_size=min(5, frames - 1), unique=True
    )
    return st.fixed_dictionaries(
        {"mask": st.sampled_from([None, "auto", "header"])}
    ) | st.fixed_dictionaries({"mask_frames": chosen.map(sorted).map(tuple)})
