"""A live feed by what a person types: a file to replay, a scene, or an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.base import Feed
from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.errors import EndpointError
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.recording import Recording
from napari_fluoroinject.recording.segment import SUFFIX
from napari_fluoroinject.sources import only_loop

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop

EXPECTED = (
    "expected a DICOM file or a folder that holds one run, a recording of a feed, or "
    "phantom:PROCEDURE for a synthetic one"
)

_PHANTOM = "phantom:"
_LATER = {
    "igtl:": "OpenIGTLink",
    "video:": "frame grabbers",
    "rtsp:": "video streams",
    "rtsps:": "video streams",
    "receiver:": "the receiver's own runs as a feed",
}
"""Feeds that the contract names and nobody answers to yet."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connected:
    """A feed, and what is known of its pictures.

    `kind` says what it is, free of patient data; `intensity` None = nothing is known. `lossy` is
    whether pixels were compressed with loss on their way, None = unknown.
    """

    feed: Feed
    kind: str
    intensity: IntensityScale | None = None
    synthetic: bool = False
    lossy: bool | None = None


def connect_feed(text: str, *, again: bool = False, speed: float = 1.0) -> Connected:
    """Return the feed that a person named; frames come once it is iterated.

    Parameters
    ----------
    text
        Path of a file or folder with one run, or of a recording; or `phantom:PROCEDURE`.
    again, speed
        Whether a replay begins anew at its end, and how many times faster it goes.

    Raises
    ------
    EndpointError
        Nothing was named, nothing of that name exists, or nobody answers to such an address yet.
    FluoroinjectError
        The file or the folder holds no run that can be replayed.
    """
    text = text.strip()
    if not text:
        raise EndpointError(f"no source was named; {EXPECTED}")
    if text.startswith(_PHANTOM):
        return _replayed(_phantom(text.removeprefix(_PHANTOM)), "phantom", again, speed)
    path = Path(text).expanduser()
    if path.exists():
        if path.is_dir() and any(path.glob(f"*{SUFFIX}")):
            return _recorded(path, again, speed)
        return _replayed(only_loop(str(path)), "replay", again, speed)
    scheme = _SCHEME.match(text)
    later = None if scheme is None else _LATER.get(scheme[0].lower())
    if later is not None:
        raise EndpointError(f"{text}: this version does not connect to {later} yet; {EXPECTED}")
    seen = "nothing of that name exists" if scheme is None or "/" not in text else "no such feed"
    raise EndpointError(f"{text}: {seen}; {EXPECTED}")


def _replayed(loop: CineLoop, kind: str, again: bool, speed: float) -> Connected:
    return Connected(
        feed=Replay(loop, speed=speed, again=again),
        kind=kind,
        intensity=loop.intensity,
        synthetic=loop.synthetic or kind == "phantom",
        lossy=True if loop.lossy else None,
    )


def _recorded(folder: Path, again: bool, speed: float) -> Connected:
    recording = Recording.open(folder)
    loop = recording.loop()
    return Connected(
        feed=Replay(loop, speed=speed, again=again),
        kind="recording",
        intensity=loop.intensity,
        synthetic=recording.segments[-1].head.synthetic,
        lossy=recording.segments[-1].head.lossy,
    )


def _phantom(key: str) -> CineLoop:
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom

    return make_phantom(key, settings=PhantomSettings()).loop
