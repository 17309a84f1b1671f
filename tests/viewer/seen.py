"""Runs that were analysed, for tests of what is shown."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from napari_fluoroinject.analysis.subtract import subtract_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.model.annotation import Mark, NeedleTrajectory
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.viewer.outcome import Analysed
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.workflow import analyze

KEY = "esi_tf_lumbar_subpedicular"
LINE = "mid_pedicle_line"


@cache
def _made(motion):
    settings = PhantomSettings(
        seed=1, size=96, frames=16, frame_rate_hz=6.0, dose_ngy=100.0, motion=motion
    )
    phantom = make_phantom(KEY, settings=settings)
    truth = phantom.truth.annotation
    annotation = replace(
        truth,
        needle=NeedleTrajectory(hub_px=(40.0, 90.0), tip_px=(50.0, 45.0), frame=2),
        target_px=(48.0, 40.0),
        marks=(Mark(landmark=LINE, points_px=((10, 60), (80, 62)), beyond_px=(40.0, 30.0)),),
    )
    report = analyze(phantom.loop, KEY, annotation)
    made = subtract_loop(phantom.loop, on=choose("cpu"), mask="found")
    return phantom.loop, annotation, report, made


def opened(*, motion="breathing", results=True):
    """A session with one run in it, marked and analysed; nothing marked without results."""
    loop, annotation, report, made = _made(motion)
    session = Session()
    session.open(Run(loop=loop, files=(), name="AP 1"))
    session.plan_as("choose the procedure", replace(session.plan, procedure=KEY, side="right"))
    if results:
        session.annotate("mark", annotation)
        uid = session.run.uid
        session.put_report(
            uid, Analysed(report=report, procedure=KEY, annotation=session.annotation)
        )
        session.put_subtraction(uid, made)
    return session
