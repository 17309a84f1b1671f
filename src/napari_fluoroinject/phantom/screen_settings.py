"""What a person may ask of a synthetic C-arm's monitor."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from napari_fluoroinject.errors import PhantomError

FieldShape = Literal["circle", "octagon", "rectangle", "full"]
Panels = Literal["none", "left", "right", "both"]


_SMALLEST, _LARGEST = 32, 4320
_LIMITS = (
    ("field_share", 0.2, 1.0),
    ("picture_px", 16, 4320),
    ("surround", 0, 80),
    ("gamma", 0.3, 3.0),
    ("enhancement", 0.0, 2.0),
    ("grab_hz", 1.0, 240.0),
    ("pulse_hz", 0.5, 120.0),
    ("grab_noise", 0, 8),
    ("jitter_s", 0.0, 0.05),
    ("dropped_share", 0.0, 0.5),
    ("off_s", 0.0, 600.0),
    ("hold_s", 0.0, 600.0),
    ("blank_s", 0.0, 600.0),
    ("runs", 1, 1000),
    ("seed", 0, 2**63),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrightnessStep:
    """Automatic brightness control: from a frame of the loop on the picture is `ln` brighter.

    It gets there over so many frames, in equal steps.
    """

    frame: int
    ln: float
    over_frames: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Table or C-arm moves: from a frame of the loop on all stands elsewhere in the field.

    `shift_px` is (rows, columns) in pixels of the loop, reached over so many frames. What comes in
    from outside the detector is mirrored.
    """

    frame: int
    shift_px: tuple[float, float]
    over_frames: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """How one monitor shows the X-ray, and how it is grabbed.

    Attributes
    ----------
    shape
        (rows, columns) of the monitor's picture.
    field, field_share
        Outline of the collimated picture, and its diameter as a share of the square it lies in.
    picture_px, centre_px
        Side of the square picture, and where its middle stands; None = as large as fits and in the
        middle of what panels leave.
    surround
        Grey level around the field.
    panels, lettering
        Sides with controls and text; whether text is burned into the picture's corners.
    window_ln, gamma, enhancement
        Natural logs of the beam from black to white, exponent of the grey, and strength of edge
        enhancement.
    grab_hz, pulse_hz
        Grabs and exposures a second; `pulse_hz` None = the loop's own times.
    grab_noise
        Grey levels by which a grab errs at most.
    jitter_s, dropped_share, gap_s
        Spread of the grabs' moments, share of grabs that are lost, and (begin, length) of a time
        without any.
    off_s, hold_s, blank_s
        The X-ray is off and the field is blank before the first exposure; the last image is held
        after each run; the field is blank at the end.
    runs, second_injection
        The loop's exposures so many times; whether in each run the injection comes twice, the
        second over what the first left behind.
    brightness, move
        Steps of the brightness and one move, at frames of the loop's first pass; both last.
    seed
        Of grab noise, jitter and lost grabs.
    """

    shape: tuple[int, int] = (720, 1280)
    field: FieldShape = "circle"
    field_share: float = 0.98
    picture_px: int | None = None
    centre_px: tuple[int, int] | None = None
    surround: int = 12
    panels: Panels = "right"
    lettering: bool = True
    window_ln: tuple[float, float] = (-1.9, 1.3)
    gamma: float = 1.1
    enhancement: float = 0.3
    grab_hz: float = 60.0
    pulse_hz: float | None = None
    grab_noise: int = 0
    jitter_s: float = 0.0
    dropped_share: float = 0.0
    gap_s: tuple[float, float] | None = None
    off_s: float = 0.5
    hold_s: float = 1.0
    blank_s: float = 0.0
    runs: int = 1
    second_injection: bool = False
    brightness: tuple[BrightnessStep, ...] = ()
    move: Move | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("field", get_args(FieldShape)), ("panels", get_args(Panels))):
            value = getattr(self, name)
            if value not in choices:
                raise PhantomError(f"{name} is {value!r}; expected one of {choices}")
        for name, lowest, highest in _LIMITS:
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and lowest <= value <= highest):
                raise PhantomError(f"{name} is {value}; expected {lowest} to {highest}")
        if min(self.shape) < _SMALLEST or max(self.shape) > _LARGEST:
            raise PhantomError(f"shape is {self.shape}; expected {_SMALLEST} to {_LARGEST} each")
        if not self.window_ln[0] < self.window_ln[1]:
            raise PhantomError(f"window_ln is {self.window_ln}; expected black below white")


HD = ScreenSettings()
FULL_HD = ScreenSettings(shape=(1080, 1920), panels="both", field="octagon")
XGA = ScreenSettings(shape=(768, 1024), panels="left", field="rectangle")
BARE = ScreenSettings(
    shape=(512, 512), panels="none", field="full", picture_px=512, lettering=False, surround=0
)
"""The X-ray picture alone, as a frame grabber behind the C-arm's own output gives it."""
