"""Spread maps as derived images with real world values, and the way back.

A map lies on the pixel grid of the loop, in the pose of the mask frames. Stored value 0 is padding
(undefined); a stored value s of 1 or more means intercept + slope * s, 1 being the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.derived import (
    LARGEST_STORED,
    derived_image,
    describe_capture,
    describe_pixels,
    describe_xray,
    is_xray,
    mask_items,
    real_world_values,
    say_comment,
    source_items,
)
from napari_fluoroinject.dicom.items import coded, plain
from napari_fluoroinject.errors import EncodingError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.report import Report

MapName = Literal["arrival", "time_to_peak", "peak_opacity", "washout", "transit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKind:
    """How one map is written; `step` is the real value between two stored values."""

    name: MapName
    attribute: str
    label: str
    explanation: str
    unit: Code
    quantity: Code
    step: float
    timed: bool = True


KINDS = (
    MapKind(
        name="arrival",
        attribute="arrival_s",
        label="ARRIVAL",
        explanation="Contrast arrival time, from the first frame",
        unit=codes.SECOND,
        quantity=codes.ARRIVAL_TIME,
        step=0.001,
    ),
    MapKind(
        name="time_to_peak",
        attribute="time_to_peak_s",
        label="TTP",
        explanation="Time of the largest opacity, from the first frame",
        unit=codes.SECOND,
        quantity=codes.TIME_TO_PEAK,
        step=0.001,
    ),
    MapKind(
        name="peak_opacity",
        attribute="peak_od",
        label="PEAK",
        explanation="Peak opacity, natural log units, corrected for scatter",
        unit=codes.NO_UNITS,
        quantity=codes.private("peak-opacity"),
        step=0.0001,
        timed=False,
    ),
    MapKind(
        name="washout",
        attribute="washout_per_s",
        label="WASHOUT",
        explanation="Washout rate, fall of opacity per second after the peak",
        unit=codes.PER_SECOND,
        quantity=codes.private("washout-rate"),
        step=0.0001,
    ),
    MapKind(
        name="transit",
        attribute="transit_s",
        label="TRANSIT",
        explanation="Transit time, opacity above half of its peak",
        unit=codes.SECOND,
        quantity=codes.private("transit-time"),
        step=0.001,
    ),
)
"""The maps in the order in which they are written."""

_RELATIVE = {
    "peak_opacity": MapKind(
        name="peak_opacity",
        attribute="peak_od",
        label="PEAK_REL",
        explanation="Peak opacity, RELATIVE: grey values of unknown or display scale",
        unit=codes.ARBITRARY,
        quantity=codes.private("peak-relative"),
        step=0.0001,
        timed=False,
    ),
    "washout": MapKind(
        name="washout",
        attribute="washout_per_s",
        label="WASHOUT_REL",
        explanation="Washout rate, RELATIVE: grey values of unknown or display scale",
        unit=codes.ARBITRARY_PER_SECOND,
        quantity=codes.private("washout-relative"),
        step=0.0001,
    ),
}
"""What takes the place of an opacity map where the loop is not quantitative."""


def map_kinds(report: Report) -> tuple[MapKind, ...]:
    """Return the maps that this report gives: times need a time axis, opacities a scale."""
    if report.maps is None:
        return ()
    timed = report.loop.times_s is not None
    quantitative = is_quantitative(report)
    return tuple(
        kind if quantitative else _RELATIVE.get(kind.name, kind)
        for kind in KINDS
        if timed or not kind.timed
    )


def is_quantitative(report: Report) -> bool:
    """Tell whether opacities of this report are natural-log units and not merely relative."""
    return report.loop.intensity.quantitative and report.opacity.scale is not None


def encode_maps(report: Report, identity: Identity) -> tuple[tuple[MapKind, Dataset], ...]:
    """Encode every map that the report gives.

    The class is X-Ray Angiographic Image, or multi-frame grayscale word Secondary Capture where
    the source is a Secondary Capture or states no Radiation Setting, which the former cannot be
    without and which nobody can know.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    """
    if report.maps is None:
        return ()
    return tuple(
        (kind, _encode(kind, getattr(report.maps, kind.attribute), report, identity))
        for kind in map_kinds(report)
    )


def read_map(dataset: Dataset) -> FloatArray:
    """Read a map back in its real unit, (rows, columns) float32, NaN where undefined.

    Raises
    ------
    EncodingError
        The data set carries no linear real world value mapping (PS3.3 C.7.6.16.2.11).
    """
    mappings = dataset.get("RealWorldValueMappingSequence")
    if not mappings or "RealWorldValueSlope" not in mappings[0]:
        raise EncodingError(
            "this image has no linear real world value mapping; expected a map of this product"
        )
    mapping = mappings[0]
    stored = dataset.pixel_array.reshape(dataset.Rows, dataset.Columns)
    real = mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope * stored.astype(float)
    return np.where(stored >= mapping.RealWorldValueFirstValueMapped, real, np.nan).astype("f4")


def _encode(kind: MapKind, values: FloatArray, report: Report, identity: Identity) -> Dataset:
    as_xray = is_xray(identity)
    dataset = derived_image(
        identity,
        "maps",
        report.loop,
        as_xray=as_xray,
        region=report.procedure.anatomic_region,
        name=kind.name,
    )
    dataset.SeriesDescription = "Research: contrast kinetics"
    dataset.InstanceNumber = 1 + [k.name for k in KINDS].index(kind.name)
    _describe_derivation(dataset, kind, report, identity)
    stored, mapping = _mapped(values, kind)
    dataset.RealWorldValueMappingSequence = [mapping]
    describe_pixels(dataset, stored.shape, stored.astype("<u2").tobytes())
    top = max(int(stored.max()), 2)
    dataset.WindowCenter, dataset.WindowWidth = str((top + 1) // 2), str(top)
    if as_xray:
        describe_xray(dataset, kind.label, report.loop, identity)
    else:
        describe_capture(dataset, kind.label)
    return dataset


def _mapped(values: FloatArray, kind: MapKind) -> tuple[npt.NDArray[np.uint16], Dataset]:
    """Quantise a map; the step grows tenfold as often as the range needs, nothing is clipped."""
    defined = np.isfinite(values)
    real = values[defined].astype(np.float64)
    low, high = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
    step = kind.step
    while (high - min(low, 0.0)) / step > LARGEST_STORED - 2:
        step *= 10
    # Times and opacities start at 0; noise below it moves the start down by whole steps.
    first = floor(min(low, 0.0) / step) * step
    stored = np.zeros(values.shape, np.uint16)
    stored[defined] = np.round((real - first) / step).astype(np.uint16) + 1
    mapping = real_world_values(
        intercept=first - step,
        slope=step,
        label=kind.label,
        explanation=kind.explanation,
        unit=kind.unit,
        quantity=kind.quantity,
    )
    return stored, mapping


def _describe_derivation(
    dataset: Dataset, kind: MapKind, report: Report, identity: Identity
) -> None:
    dataset.DerivationDescription = plain(f"{kind.explanation}; stored value 0 = undefined")
    dataset.DerivationCodeSequence = [coded(codes.PERFUSION_ANALYSIS)]
    dataset.SourceImageSequence = [
        *source_items(identity),
        *mask_items(identity, report.injection.mask_frames, same_place=True),
    ]
    say_comment(
        dataset,
        (
            kind.explanation,
            "in the pose of the mask frames",
            *(() if is_quantitative(report) else ("loop not quantitative",)),
        ),
        identity,
    )
