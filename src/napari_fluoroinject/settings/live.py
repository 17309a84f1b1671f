"""What a site sets up of its live feeds: recordings, worklist, hand-over, geometry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_fluoroinject.settings.network import LARGEST_PORT, MOST_MB

LONGEST_HOLD_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometrySettings:
    """How the X-rays of a feed are taken, where that never changes.

    Distances from the focal spot to detector and patient, what a pixel of the picture measures at
    the detector, and the Radiation Setting: SC (low dose) or GR.
    """

    source_detector_mm: float
    source_patient_mm: float
    detector_mm_per_px: float
    radiation: Literal["SC", "GR"]

    def __post_init__(self) -> None:
        for name in ("source_detector_mm", "source_patient_mm", "detector_mm_per_px"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: seen {getattr(self, name)}; expected a length above 0")
        if self.source_patient_mm > self.source_detector_mm:
            raise ValueError(
                f"source_patient_mm: seen {self.source_patient_mm:g}, behind the detector at "
                f"{self.source_detector_mm:g}; expected the patient before it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """How `live` takes a feed.

    Attributes
    ----------
    record
        Folder of the recordings, on a disk of its own machine.
    reserve_mb
        Free space below which nothing is recorded.
    longest_hold_s
        A pause between exposures that is longer ends a run.
    worklist
        Name or URL of the endpoint asked for the order of a run; None = that of the service.
    hand_to
        Name, URL, spool or folder that finished runs go to; None = they stay with the recording.
    serve_port
        Where picture and maps are served on loopback; 0 = nowhere.
    geometry
        How the X-rays are taken; None = unknown.
    """

    record: Path = Path("fluoroinject-recordings")
    reserve_mb: int = 512
    longest_hold_s: float = 3.0
    worklist: str | None = None
    hand_to: str | None = None
    serve_port: int = 0
    geometry: GeometrySettings | None = None

    def __post_init__(self) -> None:
        for name, most in (
            ("reserve_mb", MOST_MB),
            ("serve_port", LARGEST_PORT),
            ("longest_hold_s", LONGEST_HOLD_S),
        ):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name}: seen {value}; expected a number from 0 to {most:g}")
