"""The words of the live panel: pure sentences of what was received, recorded and mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from napari_fluoroinject.live.pictures import LiveMap, MapPicture
    from napari_fluoroinject.live.receiver import Received
    from napari_fluoroinject.live.running import MapsTold

MAPS: Final[dict[LiveMap, str]] = {
    "none": "No map",
    "arrival": "Arrival time",
    "opacity": "Peak opacity",
    "time_to_peak": "Time to peak",
}
CAUTION: Final = (
    "All that darkens is mapped: needle and gas that move, too. Of run-off alone is warned, and "
    "that no warning comes says nothing."
)
SOURCES: Final = (
    "igtl://HOST:PORT, video:0 for a frame grabber, rtsp://, tcp:// or udp:// for a stream, "
    "receiver: or folder:FOLDER for runs that arrive, a DICOM file or folder with one run, a "
    "video file, a recording, or phantom:PROCEDURE or screen:PROCEDURE, for instance "
    "screen:mbb_lumbar; igtl://127.0.0.1:PORT of `fluoroinject live --serve` shows its maps, too"
)
_UNJUDGED = "No warning was raised: only run-off is looked for, nothing else is judged."
_MOST_SAID = 3
_FEW = 5
"""As many frames wait for the disk as a rule."""
_OPACITY_UNIT = "natural-log units of the picture, not corrected for scatter"
_SECONDS_UNIT = "s after the mask"


def received_words(received: Received, *, recording: bool = True) -> str:
    """Say what came, and what of it is on disk; not `recording` = none of it is written here."""
    if not received.frames:
        return "No frame yet."
    if not recording:
        return f"{received.frames} frames came; they are not recorded here."
    lost = received.unrecorded + received.refused
    kept = f"{received.recorded} frames recorded"
    waiting = received.frames - received.recorded - received.unrecorded
    if waiting > _FEW:
        kept += f", {waiting} wait for the disk"
    return f"{kept}; {lost} not." if lost else f"{kept}."


def maps_words(told: MapsTold, missed: int) -> str:
    """Say how the running maps stand."""
    parts = [f"Maps: {told.state}"]
    if told.frames or told.lost:
        parts.append(f"{told.frames} frames in the maps")
    if told.lost:
        parts.append(f"{told.lost} left out, the picture moved too far")
    if missed:
        parts.append(f"{missed} missed, the maps were late or not ready")
    if told.device:
        parts.append(told.device)
    return " · ".join(parts).rstrip(".") + "."


def warning_words(told: MapsTold) -> str:
    """Say what is warned of; empty where nothing is, which says nothing."""
    return "\n".join(f"WARNING, frame {w.raised_frame + 1}: {w.text}" for w in told.warnings)


def contrast_words(told: MapsTold) -> str:
    """Say since when contrast is seen; empty before it is seen. Warnings stand by themselves."""
    if told.onset_frame is None:
        return ""
    began = f"Contrast from frame {told.onset_frame + 1} on."
    return began if told.warnings else f"{began} {_UNJUDGED}"


def said_words(said: tuple[str, ...]) -> str:
    """The last things that happened, the newest last."""
    return "\n".join(said[-_MOST_SAID:])


def legend_words(picture: MapPicture | None) -> str:
    """Say what the colours of a map mean."""
    if picture is None:
        return ""
    unit = _SECONDS_UNIT if picture.unit == "s" else _OPACITY_UNIT
    high = f"{picture.high:.0f}" if picture.unit == "s" else f"{picture.high:.1f}"
    return f"0 to {high} or more {unit}. {CAUTION}"


def room_words(free_bytes: int, received: Received, *, reserve_bytes: int) -> str:
    """Say how much recording fits on the disk; how long is known once frames come."""
    left = max(0, free_bytes - reserve_bytes)
    words = f"Room for recording: {left / 1e9:.1f} GB"
    if not received.rate_hz or not received.frame_bytes or received.ended:
        return f"{words}."
    minutes = left / (received.rate_hz * received.frame_bytes) / 60
    return f"{words}, {minutes:.0f} min at this rate."
