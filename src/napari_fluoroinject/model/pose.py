"""How a C-arm stood when a loop was taken, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Literal

from napari_fluoroinject.model.geometry import Point

ZeroSide = Literal["ventral", "dorsal"]
"""Where the detector stands at angle 0: before the patient's chest, as PS3.3 C.8.7.5.1.2 has it,
or behind the back, as devices count that were not told that the patient lies prone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CArmPose:
    """Source, detector and picture of one view, in the patient's frame.

    The frame has its origin in the isocentre, x to the patient's left, y dorsal and z to the head,
    in millimetres (directions as PS3.3 C.7.6.2.1.1). The detector's middle lies in the direction
    (sin p cos s, -cos p cos s, sin s) for the primary angle p and the secondary s (PS3.3
    C.8.7.5.1.2: p like longitude, 90 at the patient's left; s like latitude, 90 at the head).
    With `zero` dorsal it is (sin p cos s, cos p cos s, sin s).

    The picture is taken to stand head up, as seen from the detector towards the source, neither
    turned nor mirrored, its rows along the turn of the primary angle (PS3.3 C.8.19.6.13.1.2,
    PS3.17 FFF.2.1.3.1.2). `principal_px` is where the ray through the isocentre meets it, without
    other knowledge its middle; `detector_mm_per_px` is Imager Pixel Spacing.
    """

    source_to_detector_mm: float
    source_to_isocentre_mm: float
    primary_deg: float
    secondary_deg: float
    detector_mm_per_px: float
    principal_px: Point
    zero: ZeroSide = "ventral"

    def __post_init__(self) -> None:
        far, near = self.source_to_detector_mm, self.source_to_isocentre_mm
        if not (isfinite(far) and 0 < near <= far):
            raise ValueError(
                f"source to isocentre {near:g} mm and to detector {far:g} mm; expected the "
                "isocentre between source and detector"
            )
        if not (isfinite(self.detector_mm_per_px) and self.detector_mm_per_px > 0):
            raise ValueError(f"{self.detector_mm_per_px} mm per detector pixel is no length")
        if not (abs(self.primary_deg) <= 180 and abs(self.secondary_deg) <= 90):
            raise ValueError(
                f"angles {self.primary_deg} and {self.secondary_deg}; expected -180 to 180 and "
                "-90 to 90 degrees"
            )
        if not all(map(isfinite, self.principal_px)):
            raise ValueError(f"{self.principal_px} is no point of a picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSigma:
    """Standard deviation by which a true pose differs from the stated one, view by view.

    `angle_deg` of the direction of the central ray, about each of two axes across it; `roll_deg`
    of the picture's turn about that ray, None as much as `angle_deg`; `isocentre_mm` of the
    isocentre's place along each of three axes. It is stated by whoever knows the device: no file
    tells it.
    """

    angle_deg: float
    isocentre_mm: float
    roll_deg: float | None = None

    @property
    def turns_deg(self) -> tuple[float, float, float]:
        """Standard deviations of the turn about the columns', the rows' and the ray's way."""
        roll = self.angle_deg if self.roll_deg is None else self.roll_deg
        return self.angle_deg, self.angle_deg, roll

    def __post_init__(self) -> None:
        for name, value in (
            ("angle", self.angle_deg),
            ("roll", self.turns_deg[2]),
            ("isocentre", self.isocentre_mm),
        ):
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} error {value}; expected a standard deviation, 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a header says about where things stood; None = unknown.

    Attributes
    ----------
    started
        When the loop was taken, by the device's clock.
    source_to_detector_mm, source_to_isocentre_mm
        Distances from the X-ray source.
    table
        Vertical, longitudinal and lateral position of the table top in mm, then its rotation, head
        tilt and cradle tilt in degrees; each of these may be unknown by itself.
    table_moved
        Whether the table moved during the run.
    rows_towards
        Where the picture's rows run, the first value of Patient Orientation (PS3.3 C.7.6.1.1.1):
        L left, R right, A anterior, P posterior, H head, F feet; of several the first counts most.
    """

    started: datetime | None = None
    source_to_detector_mm: float | None = None
    source_to_isocentre_mm: float | None = None
    table: tuple[float | None, ...] = (None,) * 6
    table_moved: bool = False
    rows_towards: str | None = None
