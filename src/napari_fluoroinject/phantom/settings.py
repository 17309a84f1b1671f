"""What a person may ask of a synthetic loop."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from napari_fluoroinject.errors import PhantomError

Intensity = Literal["linear", "log", "display"]
MotionScript = Literal["still", "breathing", "twitch"]
Shutter = Literal["none", "rectangular", "circular"]

SMALLEST_SIZE = 64
SMALLEST_FRAMES = 8
GAUGES = (18, 20, 22, 25)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSettings:
    """How one synthetic loop is made; None = drawn from the seed.

    `seed` decides anatomy, needle, flow, motion and acquisition; `noise_seed` (None = `seed`) the
    noise alone. `view` None is the view in which the procedure's contrast is usually judged.
    `dose_ngy` is the air kerma per frame at the detector. `size` is rows and columns at
    `detector_mm_per_px`: a smaller size is a tighter crop about the target, not a coarser picture.
    `recursive_weight` is the previous-frame weight of the vendor's filter; `stylet` False makes
    the needle a hollow tube; `needle` False leaves it out. `dropped_frames` is how many frames are
    missing from the recording: the times tell, the numbering does not.
    """

    seed: int = 0
    twin: str = "none"
    view: str | None = None
    dose_ngy: float = 20.0
    frames: int = 90
    size: int = 512
    frame_rate_hz: float = 15.0
    intensity: Intensity = "linear"
    motion: MotionScript | None = None
    noise_seed: int | None = None
    scatter_to_primary: float | None = None
    shutter: Shutter | None = None
    needle: bool = True
    gauge: int | None = None
    needle_moves: bool | None = None
    stylet: bool = True
    recursive_weight: float | None = None
    detector_mm_per_px: float = 0.41
    dropped_frames: int = 0

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        for name, choices in (
            ("intensity", get_args(Intensity)),
            ("motion", (None, *get_args(MotionScript))),
            ("shutter", (None, *get_args(Shutter))),
            ("gauge", (None, *GAUGES)),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise PhantomError(f"{name} is {value!r}; expected one of {choices}")

    def _check_numbers(self) -> None:
        for name, lowest, highest in (
            ("seed", 0, 2**63),
            ("dose_ngy", 0.1, 1e6),
            ("frames", SMALLEST_FRAMES, 10_000),
            ("size", SMALLEST_SIZE, 4096),
            ("frame_rate_hz", 0.5, 120.0),
            ("detector_mm_per_px", 0.05, 2.0),
            ("noise_seed", 0, 2**63),
            ("scatter_to_primary", 0.0, 3.0),
            ("recursive_weight", 0.0, 0.95),
            ("dropped_frames", 0, self.frames // 4),
        ):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and lowest <= value <= highest):
                raise PhantomError(f"{name} is {value}; expected {lowest} to {highest}")
