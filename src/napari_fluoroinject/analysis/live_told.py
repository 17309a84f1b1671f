"""What a run that is followed by itself tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_fluoroinject.analysis.feed.watch import Look
from napari_fluoroinject.analysis.following import FrameStatus

RunPhase = Literal["searching", "settling", "waiting", "following"]
"""The picture area is not known; mask frames are gathered; contrast is awaited; maps are made."""
STEP_TEXT = (
    "The brightness of pictures made for display stepped while maps were made: opacity and extent "
    "from here on do not compare with those before."
)
UPTAKE_TEXT = (
    "A tubular run-off reached the alarm threshold in the last frames; look at the run. What the "
    "analysis of the whole run says may differ, and no warning would not mean that there is none."
)
RELATIVE_TEXT = (
    "The pictures were processed for display: opacity is relative, not quantitative, and times "
    "and places hold as far as brightness stays the same."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWarning:
    """A warning while the run goes on. That there is none says nothing about the patient.

    Attributes
    ----------
    id
        That of the procedure's rule: `vascular_uptake`.
    text
        For a person.
    first_frame
        Frame of the feed at which what is warned of is first seen.
    raised_frame
        Frame of the feed at which it was raised.
    score
        1 = the alarm.
    """

    id: str
    text: str
    first_frame: int
    raised_frame: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """What one frame of the feed told; frames are counted as the feed delivers them, from 0.

    Attributes
    ----------
    look
        What `Watch` saw: fresh or repeated, held, moved, stepped.
    phase
        What the frame was used for.
    status
        Where it stands; None where it was not placed, as it was not fresh or there was no mask.
    onset_frame, onset_time_s
        First frame with contrast, as far as is known; None before, and where `begin` was called
        they are those of the moment of the call.
    mask_frames
        Frames that the mask is made of; empty before there is one.
    mask_renewed
        Whether the mask is another from this frame on.
    warnings
        All of this run, oldest first.
    remarks
        What else is new with this frame, in sentences for a person.
    """

    look: Look
    phase: RunPhase
    status: FrameStatus | None = None
    onset_frame: int | None = None
    onset_time_s: float | None = None
    mask_frames: tuple[int, ...] = ()
    mask_renewed: bool = False
    warnings: tuple[LiveWarning, ...] = ()
    remarks: tuple[str, ...] = ()
