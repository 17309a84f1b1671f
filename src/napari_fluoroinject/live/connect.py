"""A live feed by what a person types: an address, a device, a file to replay, or a scene."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from napari_fluoroinject.endpoints.base import Feed, loss_told
from napari_fluoroinject.endpoints.filling import FillingFolder
from napari_fluoroinject.endpoints.received_runs import ReceivedRuns
from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.endpoints.video import VideoFeed
from napari_fluoroinject.errors import EndpointError, UnreadableObjectError
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.recording import Recording
from napari_fluoroinject.recording.segment import SUFFIX
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.sources import only_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.model.cine import CineLoop

EXPECTED = (
    "expected igtl://HOST:PORT[/DEVICE], video:0 for a frame grabber, rtsp://, tcp:// or udp:// "
    "for a stream, receiver:[SPOOL] or folder:FOLDER for runs that arrive, a DICOM file or a "
    "folder that holds one run, a video file, a recording of a feed, or phantom:PROCEDURE or "
    "screen:PROCEDURE for a synthetic one"
)

_FILES = "a DICOM file with one run, or a video file with one video stream"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_PREAMBLE_BYTES, _PREFIX = 128, b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connected:
    """A feed, and what is known of its pictures.

    `kind` says what it is, free of patient data; `intensity` None = nothing is known, and then 8
    bits are taken for a display's grey levels and more for values of an unknown scale: neither is
    quantitative. `lossy` is whether pixels were compressed with loss on their way, None = unknown,
    or the feed itself learns it (`loss`). `patient`: nothing is missed when its first frame is
    asked for later, as of a file.
    """

    feed: Feed
    kind: str
    intensity: IntensityScale | None = None
    synthetic: bool = False
    lossy: bool | None = None
    patient: bool = False

    @property
    def loss(self) -> bool | None:
        """Whether they were, as far as that is known by now."""
        return loss_told(self.feed) if self.lossy is None else self.lossy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a person typed after the scheme, and how a replay goes."""

    text: str
    rest: str
    again: bool
    speed: float
    settings: Settings


def connect_feed(
    text: str, *, again: bool = False, speed: float = 1.0, settings: Settings | None = None
) -> Connected:
    """Return the feed that a person named; frames come once it is iterated.

    Parameters
    ----------
    text
        `igtl://HOST:PORT[/DEVICE]`; `video:0`, `video:/dev/video0?width=1920&height=1080&fps=60`;
        `rtsp://`, `tcp://`, `udp://`; `receiver:` (the settings' spool) or `receiver:SPOOL`;
        `folder:FOLDER` (`?existing` = also what is there already); path of a file or folder with
        one run, of a video, or of a recording; `phantom:PROCEDURE`, or `screen:PROCEDURE` for the
        same on a C-arm's monitor.
    again, speed
        Whether a replay or a video file begins anew at its end, and how many times faster it goes.
    settings
        Where the receiver's spool is; None = as nothing is set up.

    Raises
    ------
    EndpointError
        Nothing was named, nothing of that name exists, or what it needs is not installed.
    FluoroinjectError
        The file or the folder holds no run that can be replayed, or the spool is none.
    """
    text = text.strip()
    if not text:
        raise EndpointError(f"no source was named; {EXPECTED}")
    path = Path(text).expanduser()
    if path.exists():
        return _there(path, again, speed)
    scheme = _SCHEME.match(text)
    kind = "" if scheme is None else scheme[1].lower()
    connect = _BY_SCHEME.get(kind)
    if connect is None or scheme is None:
        raise EndpointError(f"{_shown(text, kind)}; {EXPECTED}")
    return connect(
        _Asked(
            text=text,
            rest=text[scheme.end() :],
            again=again,
            speed=speed,
            settings=settings or Settings(),
        )
    )


def _shown(text: str, kind: str) -> str:
    """What was typed, but for a user and a password, and why it is none."""
    if "://" in text:
        return f"{kind}://{text.partition('://')[2].rpartition('@')[2]}: no such feed"
    return f"{text}: nothing of that name exists"


def _there(path: Path, again: bool, speed: float) -> Connected:
    """A file or folder that is there."""
    if path.is_dir():
        if any(path.glob(f"*{SUFFIX}")):
            return _recorded(path, again, speed)
        return _replayed(only_loop(str(path)), "replay", again, speed)
    if path.is_char_device():
        return Connected(feed=VideoFeed(f"video:{path}"), kind="video")
    try:
        return _replayed(only_loop(str(path)), "replay", again, speed)
    except UnreadableObjectError:
        if _is_dicom(path):
            raise
    feed = VideoFeed(path, speed=speed, again=again)
    try:
        feed.check()
    except UnreadableObjectError as error:
        raise UnreadableObjectError(
            path.name, seen="neither DICOM nor a video that can be read", expected=_FILES
        ) from error
    return Connected(feed=feed, kind="video", patient=True)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_PREAMBLE_BYTES + len(_PREFIX))[_PREAMBLE_BYTES:] == _PREFIX


def _igtl(asked: _Asked) -> Connected:
    from napari_fluoroinject.endpoints.igtl import PORT, IgtlFeed  # its kernels take a moment

    parts = urlsplit(asked.text)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not asked.rest.startswith("//"):
        raise EndpointError(f"{asked.text}: no server; expected igtl://HOST:PORT[/DEVICE]")
    feed = IgtlFeed(host, port or PORT, device=parts.path.strip("/") or None)
    return Connected(feed=feed, kind="igtl")


def _video(asked: _Asked) -> Connected:
    feed = VideoFeed(asked.text, speed=asked.speed, again=asked.again)
    return Connected(feed=feed, kind="stream" if feed.address.kind == "stream" else "video")


def _receiver(asked: _Asked) -> Connected:
    listen = asked.settings.listen
    spool = Path(asked.rest).expanduser() if asked.rest else listen.spool
    return Connected(feed=ReceivedRuns(spool, speed=asked.speed), kind="receiver")


def _folder(asked: _Asked) -> Connected:
    name, _, query = asked.rest.partition("?")
    keys = dict(parse_qsl(query, keep_blank_values=True))
    if not name or keys.keys() - {"existing"}:
        raise EndpointError(f"{asked.text}: expected folder:FOLDER or folder:FOLDER?existing")
    feed = FillingFolder(
        Path(name).expanduser(),
        existing=keys.get("existing", "0") in ("", "1", "true", "yes"),
        speed=asked.speed,
    )
    return Connected(feed=feed, kind="folder")


def _phantom(asked: _Asked) -> Connected:
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom

    loop = make_phantom(asked.rest, settings=PhantomSettings()).loop
    return _replayed(loop, "phantom", asked.again, asked.speed)


def _screen(asked: _Asked) -> Connected:
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom
    from napari_fluoroinject.phantom.screen import ScreenSettings, make_screen

    phantom = make_phantom(asked.rest, settings=PhantomSettings(shutter="none"))
    screen = make_screen(phantom, ScreenSettings(grab_noise=1, jitter_s=0.001, hold_s=3.0))
    return _replayed(screen.loop(), "screen", asked.again, asked.speed)


_BY_SCHEME: dict[str, Callable[[_Asked], Connected]] = {
    "igtl": _igtl,
    "video": _video,
    "rtsp": _video,
    "rtsps": _video,
    "tcp": _video,
    "udp": _video,
    "receiver": _receiver,
    "folder": _folder,
    "phantom": _phantom,
    "screen": _screen,
}


def _replayed(loop: CineLoop, kind: str, again: bool, speed: float) -> Connected:
    return Connected(
        feed=Replay(loop, speed=speed, again=again),
        kind=kind,
        intensity=loop.intensity,
        synthetic=loop.synthetic or kind == "phantom",
        lossy=True if loop.lossy else None,
        patient=True,
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
        patient=True,
    )
