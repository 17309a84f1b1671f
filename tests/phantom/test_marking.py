"""What phantoms mark: all that a procedure asks for, and limits that are kept or passed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.measures.lines import signed_distance_px
from napari_fluoroinject.model.annotation import Annotation, check_annotation, check_landmarks
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.acquisition import draw_acquisition
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.marking import (
    _clipped_area,
    _clipped_line,
    _clipped_outline,
    marks_in,
)
from napari_fluoroinject.phantom.patient import draw_patient, with_tip_of
from napari_fluoroinject.phantom.stage import point
from napari_fluoroinject.phantom.streams import stream

SEEDS = range(6)
PAST_MM = 3.0
VIEWS = [(key, view) for key, spec in SPECS.items() for view in spec.views]
LIMITS = [
    (key, view)
    for key, view in VIEWS
    if SPECS[key].device == "needle"
    and any(view in limit.views for limit in procedures.get(key).limits)
]


@cache
def patient_of(key, seed):
    return draw_patient(key, SPECS[key], seed)


def shown(key, view, seed, twin="none"):
    """Beam, tip and marks of one loop, without making its picture."""
    spec, patient = SPECS[key], patient_of(key, seed)
    settings = PhantomSettings(seed=seed, twin=twin, view=view)
    random = stream(seed, "acquisition", key, view)
    acquisition = draw_acquisition(settings, spec, view, patient.site.side, random)
    beam = point(acquisition, patient)
    site = with_tip_of(spec.twins[twin], patient, stream(seed, "pose", key, twin))
    marks = {mark.landmark: mark for mark in marks_in(site, beam, view)}
    return beam, beam.project(site.tip_mm), marks


@pytest.mark.parametrize(("key", "view"), VIEWS)
def test_all_landmarks_that_a_procedure_has_in_a_view_are_marked_and_no_others(key, view):
    procedure = procedures.get(key)
    asked = {one.id for one in procedure.landmarks if view in one.views}
    drawn = {n for n, one in patient_of(key, 0).site.landmarks.items() if view in one.views}
    assert drawn == asked
    for seed in SEEDS:
        _, _, marks = shown(key, view, seed)
        annotation = Annotation(view=view, marks=tuple(marks.values()))
        check_annotation(annotation, region=procedure.region, picture=(512, 512))
        check_landmarks(annotation, procedure)
        needed = {one.landmark for one in procedure.limits if view in one.views}
        assert needed <= set(marks), seed


@pytest.mark.parametrize(("key", "view"), LIMITS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_needle_as_intended_keeps_the_limits_and_one_past_them_passes_by_3_mm(key, view, seed):
    twins = SPECS[key].twins
    assert past_mm(key, view, seed, "none") <= 0.0
    about = twins.get("tip_past_limit")
    if about is not None and (not about.views or view in about.views):
        assert past_mm(key, view, seed, "tip_past_limit") >= PAST_MM


def past_mm(key, view, seed, twin):
    """How far beyond the margin of its farthest passed line the tip lies."""
    beam, tip, marks = shown(key, view, seed, twin)
    return max(
        signed_distance_px(
            (float(tip[0]), float(tip[1])),
            marks[limit.landmark].points_px,
            marks[limit.landmark].beyond_px,
        )
        * beam.mm_per_px
        - (limit.margin.high if limit.margin else 0.0)
        for limit in procedures.get(key).limits
        if view in limit.views
    )


@pytest.mark.parametrize("key", [k for k, spec in SPECS.items() if spec.device == "needle"])
def test_a_tip_that_misses_its_target_does_so_in_the_view_that_tells(key):
    tolerance = procedures.get(key).target.tolerance
    about = SPECS[key].twins.get("tip_off_target")
    if about is None or tolerance is None:
        pytest.skip("no such twin, or no tolerance")
    view = about.views[0] if about.views else next(iter(SPECS[key].views))
    for seed in SEEDS:
        beam, tip, _ = shown(key, view, seed, "tip_off_target")
        target = beam.project(patient_of(key, seed).site.target_mm)
        off_mm = float(np.hypot(*(tip - target))) * beam.mm_per_px
        assert off_mm >= tolerance.high + PAST_MM


def test_the_record_says_what_the_twin_has_it_say():
    small = {"size": 96, "frames": 12, "frame_rate_hz": 6.0}
    usual = make_phantom("mbb_lumbar", settings=PhantomSettings(**small))
    wrong = make_phantom("mbb_lumbar", settings=PhantomSettings(**small, twin="wrong_side"))
    order = make_phantom("mbb_lumbar", settings=PhantomSettings(**small, twin="order"))
    assert usual.truth.annotation.side == usual.truth.side
    assert usual.loop.laterality is None
    assert wrong.truth.annotation.side != wrong.truth.side == wrong.loop.laterality
    times = {e.kind: e.time_s for e in order.truth.annotation.events}
    assert times["medication"] < times["contrast"]
    late = make_phantom("mbb_lumbar", settings=PhantomSettings(**small, twin="unfit"))
    assert late.truth.onset_frame == 0


pixel = st.floats(-300, 300, width=32)
"""No nearer to zero than a single float goes: a pixel divided by less is beyond every number."""
points = st.lists(st.tuples(pixel, pixel), min_size=4, max_size=9, unique=True)


@given(points)
def test_what_is_marked_lies_in_the_picture(placed):
    cloud = np.array(placed)
    for clip in (_clipped_line, _clipped_area, _clipped_outline):
        drawn = clip(cloud, 96)
        assert np.all((drawn >= 1.0 - 1e-6) & (drawn <= 94.0 + 1e-6))
