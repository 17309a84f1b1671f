"""What is known about a synthetic loop."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.geometry import Point, Side
from napari_fluoroinject.phantom.settings import MotionScript

_ARRAYS = (
    "od",
    "arrival_s",
    "labels",
    "time_to_peak_s",
    "peak_od",
    "iodine_peak_mg_cm2",
    "open_field",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """The truth of one loop; points are (row, column).

    Attributes
    ----------
    tip_px, hub_px
        (frames, 2), None when there is no needle. The hub is where the shaft enters it and may lie
        outside the picture.
    axis_deg
        Hub to tip in the reference pose, needle at rest; None when there is no needle.
    target_px
        In the reference pose.
    mm_per_px, mm_per_px_tip
        In the plane of the isocentre and in that of the tip.
    shift_px, rot_deg
        What stands at p in the reference pose stands at c + R(rot)(p - c) + shift in frame k, c
        the picture's centre. The mean over `mask_frames` is zero.
    onset_frame
        First frame whose exposure contains injected contrast; None when there is none.
    od
        (frames, rows, columns) float16 in each frame's own geometry: -ln(S_with / S_without)
        before scatter, blur, noise.
    arrival_s, time_to_peak_s, peak_od, labels, iodine_peak_mg_cm2
        (rows, columns) in the reference pose. `arrival_s` is the first rise of opacity through
        `arrival_threshold_od` that holds for two frames, interpolated, NaN = never; `labels` 0
        none, 1 intended, 2 vascular, 3 other, where the opacity ever reaches `label_threshold_od`.
    landmarks_px
        Named polylines (n, 2) in the reference pose.
    run_off_path_px, run_off_frames
        The main vessel's course in the reference pose and the frames in which it shows; None when
        there is none.
    contacts_px, contacts_mm
        The middles of the contacts of leads, (leads, contacts, 2) in the reference pose and
        (leads, contacts, 3) in patient millimetres (x ventral, y left, z cranial), the distal one
        first; None without leads, and so is `end_plates_mm` (T12 to L5, 3).
    injected_mg, in_film_mg, left_mg
        (frames,) iodine that the spaces that filled were given, hold and have lost.
    iodine_mg_ml
        Of what was injected; None in a scene without contrast.
    warnings_expected, warnings_allowed
        Which warnings the loop must raise, and which it may: those of the twin in other views, and
        those that follow from the same fault.
    annotation
        What a person who sees everything would mark and say: exact, without the needle.
    """

    procedure: str
    twin: str
    seed: int
    view: str
    level: str
    side: Side
    tip_px: DoubleArray | None
    hub_px: DoubleArray | None
    axis_deg: float | None
    target_px: Point
    mm_per_px: float
    mm_per_px_tip: float
    gauge: int | None
    stylet: bool
    needle_rest_from_frame: int
    shift_px: DoubleArray
    rot_deg: DoubleArray
    gas_shift_px: DoubleArray
    motion: MotionScript
    mask_frames: tuple[int, ...]
    onset_frame: int | None
    injection_end_s: float | None
    times_s: DoubleArray
    od: npt.NDArray[np.float16]
    arrival_s: FloatArray
    arrival_threshold_od: float
    label_threshold_od: float
    labels: npt.NDArray[np.uint8]
    time_to_peak_s: FloatArray
    peak_od: FloatArray
    iodine_peak_mg_cm2: FloatArray
    iodine_mg_ml: float | None
    injected_mg: DoubleArray
    in_film_mg: DoubleArray
    left_mg: DoubleArray
    injected_mm3: DoubleArray
    run_off_path_px: DoubleArray | None
    run_off_frames: tuple[int, int] | None
    landmarks_px: dict[str, DoubleArray]
    open_field: BoolArray
    spectrum: str
    kvp: float
    scatter_to_primary: float
    exposure: DoubleArray
    recursive_weight: float
    dose_ngy: float
    warnings_expected: tuple[str, ...]
    warnings_allowed: tuple[str, ...] = ()
    annotation: Annotation = field(default_factory=Annotation)
    contacts_px: DoubleArray | None = None
    contacts_mm: DoubleArray | None = None
    end_plates_mm: DoubleArray | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, one.name, read_only(value, value.dtype))

    def to_json(self) -> dict[str, Any]:
        """Everything but maps and annotation, as JSON values: what `truth.json` holds."""
        return {
            one.name: _plain(getattr(self, one.name))
            for one in fields(self)
            if one.name not in (*_ARRAYS, "annotation")
        }

    def to_npz(self) -> dict[str, npt.NDArray[Any]]:
        """The maps by name: what `truth.npz` holds."""
        return {name: getattr(self, name) for name in _ARRAYS}


def _plain(value: Any) -> Any:
    """A value as JSON knows it; arrays become lists, rounded to what they mean."""
    if isinstance(value, np.ndarray):
        return np.round(value, 6).tolist()
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return list(value) if isinstance(value, tuple) else value
