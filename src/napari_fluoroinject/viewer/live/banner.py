"""What stands over a live picture: pure words and colours, for every state of a feed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from napari_fluoroinject.live.receiver import STALE_S

if TYPE_CHECKING:
    from napari_fluoroinject.live.receiver import Freshness, Received

RED: Final = "#CE2C31"
GREY: Final = "#A9B4C2"
BLUE: Final = "#6FC3FF"
ORANGE: Final = "#FFB000"
INK: Final = "#0B0E13"
WHITE: Final = "#FFFFFF"
ALARM: Final = f"background: {ORANGE}; color: {INK}; font-weight: bold; padding: 4px 8px;"
"""How what must not be overlooked looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """The words over the picture, and the colour of the frame around it.

    `head` is large, on `colour` and in `ink`; `line` tells the figures, `alarm` what must not be
    overlooked, empty where there is nothing.
    """

    head: str
    line: str
    colour: str
    ink: str
    alarm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is on the screen now.

    Attributes
    ----------
    age_s
        Seconds since the shown frame came; None before the first.
    time_s
        Its time on the feed's own clock.
    rate_hz
        Frames shown a second.
    frozen_s
        Length of the loop that is shown instead of the newest frame; None = none is.
    frozen_at_s
        Seconds before the moment of freezing at which the shown frame of that loop was taken.
    """

    age_s: float | None = None
    time_s: float | None = None
    rate_hz: float = 0.0
    frozen_s: float | None = None
    frozen_at_s: float = 0.0


def banner(
    freshness: Freshness, received: Received, shown: Shown, *, now_s: float, warning: str = ""
) -> Banner:
    """Return what is said of a feed.

    Parameters
    ----------
    freshness, received, shown
        How the feed stands, and what of it is on the screen.
    now_s
        Of the receiver's clock.
    warning
        What the maps warn of; it stays with whatever else is told.
    """
    told = _of_feed(freshness, received, shown, now_s=now_s)
    return replace(told, alarm="\n".join(filter(None, (warning, told.alarm))))


def _of_feed(freshness: Freshness, received: Received, shown: Shown, *, now_s: float) -> Banner:
    line, alarm = _figures(freshness, received, shown), _alarm(received)
    if freshness == "stale":
        since = received.last_at_s
        ago = "no frame yet" if since is None else f"no frame for {now_s - since:.1f} s"
        alarm = f"{_stale()}: {ago}" if shown.frozen_s is not None else alarm
        head, colour, ink = f"■ {_stale()}   {ago}", GREY, INK
    elif freshness == "live":
        age = "" if shown.age_s is None else f"   {1e3 * shown.age_s:.0f} ms old"
        head, colour, ink = f"● LIVE{age}", RED, WHITE
    elif freshness == "waiting":
        head, colour, ink = "○ WAITING for the first frame", GREY, INK
    else:
        head = "■ FEED LOST, last frame" if freshness == "failed" else "■ FEED ENDED, last frame"
        colour, ink = GREY, INK
        alarm = received.error or alarm
    if shown.frozen_s is not None:
        ago = f"{shown.frozen_at_s:.1f} s before the press"
        head = f"❚❚ FROZEN   {ago}, loop of {shown.frozen_s:.1f} s"
        colour, ink = BLUE, INK
    return Banner(head=head, line=line, colour=colour, ink=ink, alarm=alarm)


def _stale() -> str:
    return f"STALE > {1e3 * STALE_S:.0f} ms"


def _figures(freshness: Freshness, received: Received, shown: Shown) -> str:
    parts = []
    if shown.time_s is not None:
        parts.append(f"t = {shown.time_s:.2f} s")
    if shown.frozen_s is None and freshness == "live":
        parts.append(f"{shown.rate_hz:.1f} shown/s")
    if received.rate_hz is not None and freshness == "live":
        parts.append(f"{received.rate_hz:.1f} received/s")
    if received.ended:
        parts.append(f"{received.recorded} frames recorded")
    elif received.recorded and not received.recording_error:
        parts.append(f"● REC {received.recorded}")
    return " · ".join(parts)


def _alarm(received: Received) -> str:
    """What a person must know at once."""
    if received.recording_error:
        return f"NOT RECORDING: {received.recording_error}"
    told = []
    if received.unrecorded:
        told.append(f"{received.unrecorded} frames are not in the recording.")
    if received.refused:
        told.append(f"{received.refused} frames were no pictures: {received.refusal}.")
    return " ".join(told)
