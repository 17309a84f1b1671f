"""The truth of a loop, told from the stage it was made on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.geometry import axis_deg
from napari_fluoroinject.phantom import timing
from napari_fluoroinject.phantom.attenuation import opacities, window_of
from napari_fluoroinject.phantom.marking import marked
from napari_fluoroinject.phantom.stage import Stage, pair
from napari_fluoroinject.phantom.truth import Truth

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import DoubleArray, FloatArray

ARRIVAL_THRESHOLD_OD = 0.12
"""Below it single pixels drown in noise at usual dose."""
LABEL_THRESHOLD_OD = 0.02


def tell_truth(stage: Stage, od: npt.NDArray[np.float16], *, exposure: DoubleArray) -> Truth:
    """Everything that is known about a loop; `od` in each frame's own geometry."""
    settings, acquisition, move = stage.settings, stage.acquisition, stage.movement
    plan, beam, site = acquisition.plan, stage.beam, stage.patient.site
    injection = stage.contrast.injection
    return Truth(
        procedure=stage.key,
        twin=settings.twin,
        seed=settings.seed,
        view=stage.view,
        level=site.level,
        side="left" if site.side > 0 else "right",
        target_px=pair(beam.project(site.target_mm)),
        mm_per_px=beam.mm_per_px,
        shift_px=move.bone_px,
        rot_deg=move.rot_deg,
        gas_shift_px=move.gas_px,
        motion=move.script,
        mask_frames=plan.mask_frames,
        onset_frame=stage.contrast.onset_frame(),
        injection_end_s=None if injection is None else injection.end_s,
        times_s=plan.times_s,
        od=od,
        landmarks_px={
            name: beam.project(landmark.points_mm) for name, landmark in site.landmarks.items()
        },
        open_field=acquisition.blades > 0.5,
        spectrum=acquisition.spectrum.name,
        kvp=acquisition.spectrum.kvp,
        scatter_to_primary=acquisition.scatter_to_primary,
        exposure=exposure,
        recursive_weight=acquisition.recursive_weight,
        dose_ngy=settings.dose_ngy,
        warnings_expected=stage.twin.expected(stage.view),
        warnings_allowed=(*stage.twin.warnings, *stage.twin.also),
        annotation=marked(stage),
        **_needle(stage),
        **_leads(stage),
        **_spread(stage),
        **_maps(stage),
    )


def _needle(stage: Stage) -> dict[str, Any]:
    """Where the needle is; None where there is none."""
    shaft, tip_mm = stage.shaft, stage.patient.site.tip_mm
    axis = None
    if shaft is not None:
        tip, hub = stage.beam.project(np.stack([shaft.tip_mm, shaft.hub_mm]))
        axis = axis_deg(pair(hub), pair(tip))
    return {
        "tip_px": stage.tip_px,
        "hub_px": stage.hub_px,
        "axis_deg": axis,
        "mm_per_px_tip": float(stage.beam.mm_per_px_at(tip_mm)),
        "gauge": None if shaft is None else shaft.gauge,
        "stylet": stage.settings.stylet,
        "needle_rest_from_frame": stage.acquisition.plan.rest_frame,
    }


def _leads(stage: Stage) -> dict[str, Any]:
    """Where the contacts of leads are; nothing without leads."""
    if not stage.leads:
        return {}
    contacts = np.stack([lead.contacts_mm for lead in stage.leads])
    return {
        "contacts_px": stage.beam.project(contacts),
        "contacts_mm": contacts,
        "end_plates_mm": stage.patient.site.landmarks["end_plates"].points_mm,
    }


def _spread(stage: Stage) -> dict[str, Any]:
    """What was injected, and where run-off went."""
    contrast, times = stage.contrast, stage.acquisition.plan.times_s
    fillings, zero = contrast.fillings, np.zeros(stage.frames)
    return {
        "iodine_mg_ml": contrast.injection.iodine_mg_ml if contrast.injection else None,
        "injected_mg": sum((one.injected_mg for one in fillings), start=zero),
        "in_film_mg": sum(
            (one.mass_mg.sum(axis=1, dtype=np.float64) for one in fillings), start=zero
        ),
        "left_mg": sum((one.left_mg for one in fillings), start=zero),
        "injected_mm3": sum((one.injected_mm3 for one in fillings), start=zero),
        "run_off_path_px": contrast.run_off_path_px(stage.beam),
        "run_off_frames": contrast.run_off_frames(times),
    }


def _maps(stage: Stage) -> dict[str, Any]:
    """Arrival, peak and labels in the reference pose, on the window that contrast ever shades."""
    size, times = stage.beam.size, stage.acquisition.plan.times_s
    maps: dict[str, FloatArray] = {
        "arrival_s": np.full((size, size), np.nan, np.float32),
        "time_to_peak_s": np.full((size, size), np.nan, np.float32),
        "peak_od": np.zeros((size, size), np.float32),
        "iodine_peak_mg_cm2": np.zeros((size, size), np.float32),
    }
    pictures = [stage.iodine(k, shift=(0.0, 0.0), rot_deg=0.0) for k in range(stage.frames)]
    for picture in pictures:
        if picture is not None:
            np.maximum(maps["iodine_peak_mg_cm2"], picture * 1e3, out=maps["iodine_peak_mg_cm2"])
    window = window_of(maps["iodine_peak_mg_cm2"])
    if window is not None:
        cropped = [None if picture is None else picture[window] for picture in pictures]
        od = opacities(stage.reference_matter(window), cropped, stage.acquisition.spectrum)
        limit = ARRIVAL_THRESHOLD_OD
        maps["arrival_s"][window] = timing.arrival(od, times, threshold_od=limit)
        maps["time_to_peak_s"][window] = timing.time_to_peak(od, times, threshold_od=limit)
        maps["peak_od"][window] = od.max(axis=0)
    labels = stage.contrast.labels(maps["peak_od"], threshold_od=LABEL_THRESHOLD_OD)
    return maps | {
        "arrival_threshold_od": ARRIVAL_THRESHOLD_OD,
        "label_threshold_od": LABEL_THRESHOLD_OD,
        "labels": labels,
    }
