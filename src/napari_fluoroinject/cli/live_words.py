"""How a live feed stands, in a few lines for a terminal and as JSON: free of patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fluoroinject.live.session import SessionTold
    from napari_fluoroinject.live.station import Told

_HEADS = {
    "waiting": "WAITING for the first frame",
    "live": "LIVE",
    "stale": "STALE",
    "ended": "ENDED",
    "failed": "FEED LOST",
}
_UNJUDGED = "no warning raised (not a clearance)"


def lines(session: SessionTold) -> tuple[str, ...]:
    """A few lines of status; frames count from 1. A line that begins with WARNING is one."""
    told = session.station
    last = f"last: {told.said[-1]}" if told.said else ""
    found = (_first(told), _second(told), *_warned(told), _third(session), last)
    return tuple(line for line in found if line)


def as_json(session: SessionTold) -> dict[str, Any]:
    """The same for another program, frames counted from 0; None = unknown."""
    told, handed = session.station, session.handed
    received, maps = told.received, told.maps
    return {
        "state": told.freshness,
        "age_s": None if told.age_s is None else round(told.age_s, 3),
        "rate_hz": None if received.rate_hz is None else round(received.rate_hz, 2),
        "frames": received.frames,
        "recorded": received.recorded,
        "unrecorded": received.unrecorded,
        "refused": received.refused,
        "recording_error": received.recording_error or None,
        "feed_error": received.error or None,
        "room_bytes": told.room_bytes,
        "run_going": told.running,
        "runs_ended": told.runs,
        "maps": {
            "state": maps.state,
            "message": maps.message or None,
            "frames": maps.frames,
            "lost": maps.lost,
            "missed": told.missed,
            "device": maps.device or None,
            "onset_frame": maps.onset_frame,
            "warnings": [
                {"id": one.id, "text": one.text, "raised_frame": one.raised_frame}
                for one in maps.warnings
            ],
        },
        "runs_written": session.written,
        "runs_waiting": None if handed is None else handed.waiting,
        "runs_handed_over": None if handed is None else handed.handed,
        "faults": list(session.faults),
        "clients": session.clients,
        "said": list(told.said),
    }


def _first(told: Told) -> str:
    received = told.received
    head = _HEADS[told.freshness]
    if told.freshness == "stale" and told.age_s is None:
        head += ": no frame yet"
    if told.age_s is not None and told.freshness in ("live", "stale"):
        head += f" {1e3 * told.age_s:.0f} ms" if told.age_s < 1 else f" {told.age_s:.1f} s"
    parts = [head]
    if received.rate_hz is not None and told.freshness == "live":
        parts.append(f"{received.rate_hz:.1f}/s")
    parts.append(_recorded(told))
    if told.room_bytes is not None:
        parts.append(_room(told))
    return " · ".join(parts)


def _recorded(told: Told) -> str:
    received = told.received
    if received.recording_error:
        return f"NOT RECORDING: {received.recording_error}"
    if told.room_bytes is None and not received.recorded:
        return f"{received.frames} frames, not recorded"
    lost = received.unrecorded + received.refused
    return f"{received.recorded} recorded, {lost} lost"


def _room(told: Told) -> str:
    received, room = told.received, told.room_bytes or 0
    words = f"{room / 1e9:.1f} GB left"
    if received.rate_hz and received.frame_bytes and told.freshness == "live":
        words += f", {room / (received.rate_hz * received.frame_bytes) / 60:.0f} min"
    return words


def _second(told: Told) -> str:
    maps = told.maps
    parts = [
        f"run {told.runs + 1} goes on" if told.running else _count(told.runs, "run") + " ended"
    ]
    parts.append(f"maps: {maps.state}")
    if maps.message:
        parts.append(maps.message)
    if maps.onset_frame is not None:
        parts.append(f"contrast from frame {maps.onset_frame + 1} on")
        parts += [] if maps.warnings else [_UNJUDGED]
    if told.missed:
        parts.append(f"{_count(told.missed, 'frame')} in no map")
    if told.area:
        parts.append(told.area)
    return " · ".join(parts)


def _warned(told: Told) -> list[str]:
    return [f"WARNING, frame {w.raised_frame + 1}: {w.text}" for w in told.maps.warnings]


def _third(session: SessionTold) -> str:
    error, handed = session.station.received.error, session.handed
    parts = [error] if error else []
    if session.written is not None:
        parts.append(f"{_count(session.written, 'run')} written")
    if handed is not None:
        parts.append(f"{handed.handed} handed over, {handed.waiting} wait")
        if handed.error:
            parts.append(handed.error)
    if session.clients is not None:
        parts.append(_count(session.clients, "viewer"))
    return " · ".join((*parts, *session.faults[-1:]))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
