"""Spreads that are drawn, so that their truth is how they were drawn, and landmarks about them."""

from __future__ import annotations

import dataclasses

import numpy as np
from measured_loops import seen

from napari_fluoroinject.analysis.evidence import Evidence
from napari_fluoroinject.analysis.measures.every import measure_for
from napari_fluoroinject.model.annotation import Annotation, ContrastAgent, Mark
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.spread import RunOff, SpreadMaps, SpreadMeasurements

SHAPE = (200, 300)


def drawn(*boxes):
    """A region of boxes, each (first row, end row, first column, end column)."""
    region = np.zeros(SHAPE, bool)
    for top, bottom, left, right in boxes:
        region[top:bottom, left:right] = True
    return region


def area(landmark, top, bottom, left, right):
    corners = ((top, left), (top, right), (bottom, right), (bottom, left))
    return Mark(landmark=landmark, points_px=tuple((r - 0.5, c - 0.5) for r, c in corners))


MIDLINE = Mark(landmark="midline", points_px=((0.0, 149.5), (199.0, 149.5)))
PLATES = Mark(
    landmark="end_plates", points_px=tuple((float(row), 150.0) for row in (20, 60, 100, 140, 180))
)
VILL = Mark(
    landmark="ventral_interlaminar_line",
    points_px=((0.0, 118.0), (199.0, 118.0)),
    beyond_px=(100.0, 60.0),
)
ONE_ML = ContrastAgent(volume_ml=1.0)


def evidence(procedure, region, *marks, view=None, agent=None, bounds=(), **changes):
    annotation = Annotation(marks=marks, view=view, agent=agent)
    loop = seen(annotation=annotation, **changes)
    rows, columns = np.nonzero(region)
    empty = {field.name: None for field in dataclasses.fields(SpreadMeasurements)}
    scale = loop.loop.mm_per_px
    across = float(np.ptp(columns) + 1)
    along = float(np.ptp(rows) + 1)
    numbers = SpreadMeasurements(
        **empty
        | {
            "across_px": across,
            "along_px": along,
            "across_mm": scale and across * scale,
            "along_mm": scale and along * scale,
            "area_by_frame_px": np.ones(10),
            "mean_od_by_frame": np.ones(10),
            "lower_bounds": bounds,
        }
    )
    undefined = np.full(SHAPE, np.nan)
    maps = SpreadMaps(
        **dict.fromkeys(("arrival_s", "time_to_peak_s", "washout_per_s", "transit_s"), undefined),
        peak_od=np.where(region, 0.3, 0.0),
        region=region,
        region_by_frame=region[None],
        arrival_threshold_od=0.1,
        region_threshold_od=0.1,
        detection_limit_od=0.1,
    )
    quiet = RunOff(
        score=0.2, kind=None, path_px=np.zeros((0, 2)), frames=None, smallest_seen_od=0.05
    )
    return Evidence(
        loop=loop.loop,
        annotation=annotation,
        motion=loop.motion,
        injection=Injection(mask_frames=(0, 1), onset_frame=2, onset_score=9.0),
        needle=loop.needle,
        run_off=quiet,
        measured=measure_for(procedure, loop, maps, numbers, quiet),
    )
