"""The truth of a loop of the second family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.geometry import axis_deg
from napari_fluoroinject.phantom import timing
from napari_fluoroinject.phantom.answers import ARRIVAL_THRESHOLD_OD, LABEL_THRESHOLD_OD
from napari_fluoroinject.phantom.planar import imaging
from napari_fluoroinject.phantom.planar.canvas import moved
from napari_fluoroinject.phantom.planar.catalogue import EXPECTED_WARNINGS
from napari_fluoroinject.phantom.planar.parts import LEAST_MG_CM2, Parts, pair
from napari_fluoroinject.phantom.truth import Truth

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import BoolArray, FloatArray
    from napari_fluoroinject.phantom.planar.acquisition import Acquisition


def tell_truth(parts: Parts, od: npt.NDArray[np.float16], shot: Acquisition) -> Truth:
    """Everything that is known about a loop; `od` in each frame's own geometry."""
    settings, move, canvas = parts.settings, parts.movement, parts.canvas
    with_needle = settings.needle
    along = np.arange(-60.0, 61.0, 5.0)
    midline = np.stack(
        [along, parts.column.midline_mm(along) - parts.column.midline_mm(0.0)], axis=1
    )
    midline[:, 1] += parts.column.place(0, *parts.spec.column_mm[:1], 0.0, 14.0)[1]
    return Truth(
        procedure=parts.spec.procedure,
        twin=settings.twin,
        seed=settings.seed,
        view=parts.spec.view,
        level="L3",
        side="right" if parts.column.side > 0 else "left",
        tip_px=parts.needle.tip_px if with_needle else None,
        hub_px=parts.needle.hub_px if with_needle else None,
        axis_deg=_axis_deg(parts) if with_needle else None,
        target_px=shot.target_px,
        mm_per_px=shot.mm_per_px,
        mm_per_px_tip=shot.mm_per_px,
        gauge=parts.needle.gauge if with_needle else None,
        stylet=settings.stylet,
        needle_rest_from_frame=shot.rest_frame,
        shift_px=move.bone_px,
        rot_deg=move.rot_deg,
        gas_shift_px=move.gas_px.mean(axis=0),
        motion=move.script,
        mask_frames=shot.mask_frames,
        injection_end_s=parts.plunger.end_s,
        times_s=shot.times_s,
        od=od,
        iodine_mg_ml=parts.plunger.iodine_mg_ml,
        landmarks_px={"midline": midline / canvas.mm_per_px + np.array(canvas.target_px)},
        open_field=shot.blades > 0.5,
        spectrum="lines",
        kvp=shot.kvp,
        scatter_to_primary=shot.scatter_to_primary,
        exposure=shot.start_up * shot.regulation,
        recursive_weight=shot.recursive_weight,
        dose_ngy=settings.dose_ngy,
        warnings_expected=EXPECTED_WARNINGS[settings.twin],
        arrival_threshold_od=ARRIVAL_THRESHOLD_OD,
        label_threshold_od=LABEL_THRESHOLD_OD,
        **_masses(parts),
        **_maps(parts),
    )


def _axis_deg(parts: Parts) -> float:
    """Hub to tip of the needle at rest, on average over the mask frames."""
    mask = list(parts.acquisition.mask_frames)
    tip, hub = (
        pair(points[mask].mean(axis=0)) for points in (parts.needle.tip_px, parts.needle.hub_px)
    )
    return axis_deg(hub, tip)


def _masses(parts: Parts) -> dict[str, Any]:
    """What was injected, what of it is in the film, where run-off went and when."""
    times = parts.acquisition.times_s
    zero = np.zeros(len(times))
    volume = parts.plunger.injected_mm3(times) if parts.spread is not None else zero
    injected = volume * parts.plunger.iodine_mg_ml / 1000
    held = zero.copy()
    if parts.spread is not None:
        pictures = [parts.spread.iodine(float(time)) for time in times]
        cell_cm2 = (parts.canvas.mm_per_px / 10) ** 2
        held[:] = [0 if p is None else p.sum(dtype=np.float64) * cell_cm2 for p in pictures]
    total = [parts.iodine(k) for k in range(len(times))]
    seen = [k for k, p in enumerate(total) if p is not None and p.max() > LEAST_MG_CM2]
    run_off = parts.run_off
    return {
        "onset_frame": seen[0] if seen else None,
        "injected_mm3": volume,
        "injected_mg": injected,
        "in_film_mg": held,
        "left_mg": np.maximum(injected - held, 0),
        "run_off_path_px": None if run_off is None else run_off.trunk_px,
        "run_off_frames": None if run_off is None else run_off.frames(times),
    }


def _maps(parts: Parts) -> dict[str, Any]:
    """Arrival, peak and labels in the reference pose."""
    canvas, times = parts.canvas, parts.acquisition.times_s
    inner = (slice(canvas.margin_px, canvas.margin_px + canvas.size),) * 2
    total = [parts.iodine(k) for k in range(len(times))]
    pictures = [None if p is None else p[inner] for p in total]
    peak = np.zeros((canvas.size, canvas.size), np.float32)
    for picture in pictures:
        if picture is not None:
            np.maximum(peak, picture, out=peak)
    still = (0.0, 0.0)
    passing = parts.lines.transmissions(
        moved(parts.soft, canvas, still), moved(parts.bone, canvas, still), parts.typical_g_cm2
    )
    window = _window(peak > LEAST_MG_CM2)
    od = imaging.opacities(
        [None if p is None else p[window] * np.float32(1e-3) for p in pictures],
        [passed[window] for passed, _ in passing],
        parts.lines,
    )
    maps = {
        "arrival_s": np.full(peak.shape, np.nan, np.float32),
        "time_to_peak_s": np.full(peak.shape, np.nan, np.float32),
        "peak_od": np.zeros(peak.shape, np.float32),
    }
    limit = ARRIVAL_THRESHOLD_OD
    maps["arrival_s"][window] = timing.arrival(od, times, threshold_od=limit)
    maps["time_to_peak_s"][window] = timing.time_to_peak(od, times, threshold_od=limit)
    maps["peak_od"][window] = od.max(axis=0)
    labels = _labels(parts, maps["peak_od"], peak)
    return {**maps, "iodine_peak_mg_cm2": peak, "labels": labels}


def _window(shown: BoolArray) -> tuple[slice, slice]:
    """The smallest window that holds what shows; one cell when nothing does."""
    ends = []
    for axis in (1, 0):
        at = np.flatnonzero(shown.any(axis=axis))
        ends.append(slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 1))
    return ends[0], ends[1]


def _labels(parts: Parts, peak_od: FloatArray, peak_mg: FloatArray) -> npt.NDArray[np.uint8]:
    """1 where more than half of the peak can be the film's, 2 where the vessels', 0 below."""
    film = np.zeros((parts.canvas.cells, parts.canvas.cells), np.float32)
    if parts.spread is not None:
        for time in parts.acquisition.times_s:
            picture = parts.spread.iodine(float(time))
            if picture is not None:
                np.maximum(film[parts.spread.window], picture, out=film[parts.spread.window])
    margin, size = parts.canvas.margin_px, parts.canvas.size
    intended = film[margin : margin + size, margin : margin + size] > 0.5 * peak_mg
    label = np.where(intended, 1, 2)
    return np.where(peak_od >= LABEL_THRESHOLD_OD, label, 0).astype(np.uint8)
