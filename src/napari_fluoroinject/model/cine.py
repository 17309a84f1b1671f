"""The cine loop: frames as stored, what their values mean, when they were taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from napari_fluoroinject.model.arrays import (
    BoolArray,
    DoubleArray,
    FloatArray,
    StoredArray,
    read_only,
)
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.patient import Patient
from napari_fluoroinject.model.pose import Setup

Relationship = Literal["linear", "log", "display", "unknown"]


class Frames(Protocol):
    """Stored pixel values, one frame at a time or all at once."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        ...

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns)."""
        ...

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns)."""
        ...


class ArrayFrames:
    """Frames that are already in memory; `stored` is (frames, rows, columns)."""

    __slots__ = ("_stored",)

    def __init__(self, stored: StoredArray) -> None:
        self._stored: StoredArray = read_only(stored, stored.dtype)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        frames, rows, columns = self._stored.shape
        return frames, rows, columns

    def frame(self, index: int, /) -> StoredArray:
        """One frame, (rows, columns)."""
        picked: StoredArray = self._stored[index]
        return picked

    def every(self) -> StoredArray:
        """All frames, (frames, rows, columns)."""
        return self._stored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntensityScale:
    """What a stored value says about the beam.

    `ln_beam[v - first_stored]` is the natural logarithm of the relative beam intensity of stored
    value v, rising with intensity, known up to an additive constant. Only a `linear` or `log`
    relationship whose scale is known is quantitative (PS3.3 C.8.7.1.1.2).
    """

    relationship: Relationship
    ln_beam: FloatArray
    first_stored: int = 0
    scale_known: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "ln_beam", read_only(self.ln_beam, np.float32))

    @property
    def quantitative(self) -> bool:
        """Whether differences of `ln_beam` are opacities in natural-log units."""
        return self.scale_known and self.relationship in ("linear", "log")

    def ln(self, stored: StoredArray) -> FloatArray:
        """Natural log of the beam intensity, the shape of `stored`, float32."""
        ln = np.empty(stored.shape, dtype=np.float32)
        # One frame at a time: NumPy makes 64-bit numbers of what it looks up.
        parts = ((stored, ln),) if stored.ndim < 3 else zip(stored, ln, strict=True)
        for values, into in parts:
            shifted = self.first_stored != 0
            index = values.astype(np.int32) - self.first_stored if shifted else values
            np.take(self.ln_beam, index, mode="clip", out=into)
        return ln


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopReference:
    """Identity of a loop as DICOM names it.

    `frame_instance_uids` is empty for a multi-frame instance; for a loop made of single-frame
    instances it holds one SOP Instance UID per frame, and `sop_instance_uid` is the first of them.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    frame_instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CineLoop:
    """A fluoroscopy run.

    Attributes
    ----------
    frames
        Stored values, lazily decoded, (frames, rows, columns).
    times_s
        Seconds from the first frame, (frames,), float64; None when the file does not tell.
    intensity
        What stored values say about the beam.
    patient
        Who lay there, as far as the header says, only to be compared.
    calibration
        None when the file gives no millimetres.
    detector_mm_per_px
        ImagerPixelSpacing; None when unknown.
    setup
        Where source, detector and table stood, and when, as far as the header says.
    open_field
        (rows, columns), True where the header's shutter is open and pixels are data; None when the
        header names no shutter.
    masks
        What the header says about mask subtraction, none where it says nothing.
    decoder
        What decodes the frames, and its version; None where they are not coded.
    binned
        How many pixels of the file, along rows and columns, are one of these.
    synthetic
        Whether it was made by the simulator of this software, and shows nobody.
    sha256
        Hash over the data sets the loop was read from.
    notes
        What the reader found odd or unknown, one sentence each, free of patient data.
    """

    frames: Frames
    times_s: DoubleArray | None
    intensity: IntensityScale
    reference: LoopReference
    sha256: str
    patient: Patient = field(default_factory=Patient)
    calibration: Calibration | None = None
    detector_mm_per_px: float | None = None
    view: View = field(default_factory=View)
    setup: Setup = field(default_factory=Setup)
    open_field: BoolArray | None = None
    kvp: float | None = None
    body_part: str | None = None
    laterality: str | None = None
    lossy: bool = False
    masks: tuple[HeaderMask, ...] = ()
    decoder: str | None = None
    binned: int = 1
    synthetic: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frames, rows, columns = self.frames.shape
        if self.times_s is not None:
            object.__setattr__(self, "times_s", read_only(self.times_s, np.float64))
            if self.times_s.shape != (frames,):
                raise ValueError(
                    f"{self.times_s.shape} times for {frames} frames; expected one per frame"
                )
        if self.open_field is not None:
            object.__setattr__(self, "open_field", read_only(self.open_field, np.bool_))
            if self.open_field.shape != (rows, columns):
                raise ValueError(
                    f"open field {self.open_field.shape} on frames of {(rows, columns)}"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return self.frames.shape

    @property
    def mm_per_px(self) -> float | None:
        """Millimetres per pixel, None when uncalibrated."""
        return None if self.calibration is None else self.calibration.mm_per_px
