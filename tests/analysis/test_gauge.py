"""A needle of known gauge gives millimetres where the file gives none, with an honest error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject.analysis.gauge import calibrate_by_gauge
from napari_fluoroinject.analysis.registered import RegisteredLoop
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NeedleKind, NoNeedle
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

SETTINGS = PhantomSettings(
    seed=2, size=256, frames=24, motion="still", shutter="none", twin="no_contrast"
)


def shortened(truth, length_px):
    """Points on the shaft that far behind the tip, in every frame."""
    along = truth.hub_px - truth.tip_px
    return truth.tip_px + length_px * along / np.hypot(*along.T)[:, None]


@pytest.fixture(scope="module")
def seen():
    """A registered loop without calibration, its needle, and the truth."""
    phantom = make_phantom("mbb_lumbar", settings=SETTINGS)
    loop, truth = replace(phantom.loop, calibration=None), phantom.truth
    frames = loop.shape[0]
    rest = range(truth.needle_rest_from_frame + 1, frames)
    motion = Motion(
        shift_px=truth.shift_px,
        residual=np.ones(frames),
        locked=np.ones(frames, bool),
        bone_weight=np.ones(loop.shape[1:], np.float32),
        uncertainty_px=0.05,
    )
    registered = RegisteredLoop(
        loop=loop,
        ln=loop.intensity.ln(loop.frames.every()),
        field=np.ones(loop.shape[1:], bool),
        motion=motion,
        injection=Injection(mask_frames=tuple(rest)[-12:], onset_frame=None, onset_score=0.0),
    )
    inside = shortened(truth, 70.0)
    needle = Needle(
        tip_px=tuple(truth.tip_px[-1]),
        hub_px=tuple(inside[-1]),
        frame=frames - 1,
        tip_uncertainty_px=0.3,
        hub_uncertainty_px=1.0,
        tip_by_frame_px=truth.tip_px,
        hub_by_frame_px=inside,
        source="detected",
        tip_end_by="centre",
    )
    return registered, needle, truth


def test_the_millimetres_are_true_within_their_uncertainty(seen):
    registered, needle, truth = seen
    calibration = calibrate_by_gauge(registered, needle, kind=NeedleKind(gauge=truth.gauge))
    assert calibration.basis == "needle_gauge"
    error = abs(calibration.mm_per_px / truth.mm_per_px_tip - 1.0)
    assert error < 2.5 * calibration.relative_uncertainty
    assert calibration.relative_uncertainty < 0.3


def test_a_thicker_gauge_makes_the_same_shadow_a_coarser_pixel(seen):
    registered, needle, _ = seen
    thin = calibrate_by_gauge(registered, needle, kind=NeedleKind(gauge=25))
    thick = calibrate_by_gauge(registered, needle, kind=NeedleKind(gauge=20))
    assert thick.mm_per_px > 1.3 * thin.mm_per_px


def test_without_gauge_needle_or_beam_intensity_there_is_no_calibration(seen):
    registered, needle, truth = seen
    assert calibrate_by_gauge(registered, needle, kind=NeedleKind(gauge=None)) is None
    assert calibrate_by_gauge(registered, needle, kind=NeedleKind(gauge=99)) is None
    absent = NoNeedle(reason="none seen")
    assert calibrate_by_gauge(registered, absent, kind=NeedleKind(gauge=truth.gauge)) is None
    display = IntensityScale(relationship="display", ln_beam=np.zeros(2, np.float32))
    shown = replace(registered, loop=replace(registered.loop, intensity=display))
    assert calibrate_by_gauge(shown, needle, kind=NeedleKind(gauge=truth.gauge)) is None
    blind = replace(
        registered, injection=Injection(mask_frames=(), onset_frame=None, onset_score=0.0)
    )
    assert calibrate_by_gauge(blind, needle, kind=NeedleKind(gauge=truth.gauge)) is None


def test_a_needle_too_short_to_measure_gives_no_millimetres(seen):
    registered, needle, truth = seen
    near = shortened(truth, 12.0)
    short = replace(needle, hub_px=tuple(near[-1]), hub_by_frame_px=near)
    assert calibrate_by_gauge(registered, short, kind=NeedleKind(gauge=truth.gauge)) is None
