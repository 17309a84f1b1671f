"""A run that was recorded from a live feed, as far as it can be known without a header."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Literal

from napari_fluoroinject.errors import UncalibratedError
from napari_fluoroinject.model.arrays import DoubleArray, StoredArray, read_only
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.model.geometry import Side

RadiationSetting = Literal["SC", "GR"]
"""DICOM's: fluoroscopy at a low dose, or single exposures of a higher one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGeometry:
    """How the X-rays of a feed are taken, as a person set it up.

    Attributes
    ----------
    source_detector_mm, source_patient_mm
        Distances from the focal spot; the second to the plane that millimetres hold in.
    detector_mm_per_px
        What a pixel of the recorded picture measures at the detector.
    radiation
        Radiation Setting (PS3.3 C.8.7.2).
    primary_angle_deg, secondary_angle_deg
        Of the positioner; None = unknown.

    Raises
    ------
    UncalibratedError
        Lengths that are none, or a patient behind the detector.
    """

    source_detector_mm: float
    source_patient_mm: float
    detector_mm_per_px: float
    radiation: RadiationSetting
    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None

    def __post_init__(self) -> None:
        lengths = (self.source_detector_mm, self.source_patient_mm, self.detector_mm_per_px)
        if not all(isfinite(one) and one > 0 for one in lengths):
            raise UncalibratedError(
                f"distances and a pixel of {lengths} mm; expected lengths above 0"
            )
        if self.source_patient_mm > self.source_detector_mm:
            raise UncalibratedError(
                f"a patient {self.source_patient_mm:g} mm from the source and a detector "
                f"{self.source_detector_mm:g} mm; expected the patient before the detector"
            )

    @property
    def mm_per_px(self) -> float:
        """What a pixel measures in the plane of the patient."""
        return self.detector_mm_per_px * self.source_patient_mm / self.source_detector_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLength:
    """A scale that a person gave by something of known size in the picture.

    `told` says what it was, for instance `needle of 22 gauge`.
    """

    mm_per_px: float
    told: str

    def __post_init__(self) -> None:
        if not (isfinite(self.mm_per_px) and self.mm_per_px > 0):
            raise UncalibratedError(
                f"{self.mm_per_px} mm per pixel by a {self.told}; expected a length above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedRun:
    """Fresh exposures of one run, cut to the X-ray picture.

    Attributes
    ----------
    stored, times_s
        (frames, rows, columns) as recorded, and (frames,) seconds from the first of them.
    intensity
        What stored values mean.
    began
        When the first of them was taken, by whose clock `clock` says, in local time.
    clock
        `sender` or `receiver`.
    source
        The kind of feed, free of patient data.
    sha256
        Over what was recorded of the run.
    number
        Of the run in its recording, from 1.
    left_out
        Recorded frames that are repeats of an exposure, held images or no picture.
    cut
        What was cut and covered, in words; empty = nothing was.
    burned_in
        Whether text may stand in the pixels; False only where somebody knows that none does.
    lossy
        Whether the pixels were compressed with loss on their way here; None = unknown.
    synthetic
        Whether the pictures are made up.
    """

    stored: StoredArray
    times_s: DoubleArray
    intensity: IntensityScale
    began: datetime
    clock: Literal["sender", "receiver"]
    source: str
    sha256: str
    number: int
    left_out: int = 0
    cut: str = ""
    burned_in: bool = True
    lossy: bool | None = None
    side: Side | None = None
    synthetic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored", read_only(self.stored, self.stored.dtype))
        if self.times_s.shape != self.stored.shape[:1]:
            raise ValueError(
                f"{self.times_s.shape} times for {len(self.stored)} frames; expected one each"
            )
