"""Where a video comes from: a file, a frame grabber of this machine, or a stream."""

from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from napari_fluoroinject.errors import EndpointError

VideoKind = Literal["file", "device", "stream"]

STREAMS = ("rtsp", "rtsps", "tcp", "udp")
FILE_FORMATS = "matroska,mov,avi,mpegts,nut,asf,mpeg,mxf,ogg,flv,yuv4mpegpipe,dv,h264,hevc"
"""Containers that are opened; not playlists, which name other files, nor single pictures."""
DEVICE = "video:"

_PLATFORM: str = sys.platform
_SYSTEM = {"linux": "v4l2", "win32": "dshow", "darwin": "avfoundation"}
_STREAM_FORMATS = "mpegts,nut,matroska,flv,h264,hevc,mjpeg,mpjpeg,rtsp,rtp,sdp,yuv4mpegpipe"
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,tcp,udp",
    "rtsps": "rtsp,rtp,tcp,udp,tls,crypto",
    "tcp": "tcp",
    "udp": "udp",
}
_SIZE = re.compile(r"[1-9]\d{0,4}")
_OPEN_US = "5000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoAddress:
    """How a video is opened: what FFmpeg is given, and what a person is told.

    Attributes
    ----------
    kind
        A file ends, the others are had again.
    name
        For messages and logs; no user, no password, no path of a stream.
    place, format, options
        What FFmpeg opens, its format where that is known, and its options.
    called
        Whether it waits to be called, in place of calling.
    """

    kind: VideoKind
    name: str
    place: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    called: bool = False


def video_address(text: str) -> VideoAddress:
    """Read what a person typed: a path, `video:DEVICE`, `rtsp://`, `tcp://` or `udp://`.

    Raises
    ------
    EndpointError
        It is none of these, or asks for what does not exist.
    """
    if text.lower().startswith(DEVICE):
        return _device(text[len(DEVICE) :])
    scheme = text.partition("://")[0].lower()
    if "://" in text and scheme in STREAMS:
        return _stream(text, scheme)
    if "://" in text:
        raise EndpointError(
            f"{scheme}://: no kind of video stream; expected one of "
            f"{', '.join(f'{one}://' for one in STREAMS)}, video:DEVICE or a file"
        )
    return _file(Path(text).expanduser())


def found_devices() -> tuple[str, ...]:
    """Names of the frame grabbers of this machine, as the system tells them."""
    if _PLATFORM == "linux":
        return tuple(f"{path} ({_label(path)})" for path in sorted(Path("/dev").glob("video*")))
    import av

    try:
        found = av.enumerate_input_devices(_SYSTEM.get(_PLATFORM, ""))
    except (OSError, ValueError):
        return ()
    return tuple(one.name for one in found)


def _label(path: Path) -> str:
    try:
        return Path("/sys/class/video4linux", path.name, "name").read_text("utf-8").strip()
    except OSError:
        return "without a name"


def _file(path: Path) -> VideoAddress:
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    return VideoAddress(
        kind="file", name=path.name, place=f"file:{path.absolute()}", options=options
    )


def _device(text: str) -> VideoAddress:
    which, _, query = text.partition("?")
    if which and Path(which).is_file():
        return _file(Path(which))
    system = _SYSTEM.get(_PLATFORM)
    if system is None or not which:
        raise EndpointError(
            f"video:{which}: no frame grabber; expected video:0, or the name of one of this "
            "machine, on Linux, Windows or macOS"
        )
    options = _asked(dict(parse_qsl(query, keep_blank_values=True)))
    if system == "v4l2":
        options |= {"timestamps": "abs"}
        place = f"/dev/video{which}" if which.isdigit() else which
    elif system == "dshow":
        place = f"video={_numbered(which)}"
    else:
        place = which
    return VideoAddress(
        kind="device", name=f"video:{which}", place=place, format=system, options=options
    )


def _numbered(which: str) -> str:
    """The name of a device of Windows that was asked for by its number."""
    found = found_devices()
    return found[int(which)] if which.isdigit() and int(which) < len(found) else which


def _asked(keys: dict[str, str]) -> dict[str, str]:
    """Options of a device for `width`, `height`, `fps` and `format`."""
    options = {}
    known = ("width", "height", "fps", "format")
    for key, value in keys.items():
        whole = key in ("width", "height")
        if key not in known or not value or (whole and not _SIZE.fullmatch(value)):
            raise EndpointError(
                f"{key}={value}: cannot be asked of a frame grabber; expected "
                "width, height, fps and format, for example ?width=1920&height=1080&fps=60"
            )
    if ("width" in keys) != ("height" in keys):
        raise EndpointError("width and height go together; expected both, or neither")
    if "width" in keys:
        options["video_size"] = f"{keys['width']}x{keys['height']}"
    if "fps" in keys:
        options["framerate"] = keys["fps"]
    if "format" in keys:
        compressed = keys["format"] in ("mjpeg", "h264", "hevc")
        options["input_format" if compressed or _PLATFORM == "linux" else "pixel_format"] = keys[
            "format"
        ]
    return options


def _stream(text: str, scheme: str) -> VideoAddress:
    parts = urlsplit(text)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise EndpointError(f"{scheme}://: no port; expected a number of at most 65535") from error
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    options = {
        "protocol_whitelist": _PROTOCOLS[scheme],
        "format_whitelist": _STREAM_FORMATS,
        "analyzeduration": "1000000",
        "fpsprobesize": "0",  # what is looked at first comes late
    }
    if scheme in ("tcp", "udp"):
        if port is None:
            raise EndpointError(f"{scheme}://{host}: no port; expected {scheme}://HOST:PORT")
        if not host:
            host = "127.0.0.1"  # nothing listens to other machines unasked
        if scheme == "udp" and not _is_multicast(host):
            query.setdefault("localaddr", host)
        text = urlunsplit((scheme, f"{_bracketed(host)}:{port}", parts.path, _joined(query), ""))
    else:
        options |= {"rtsp_transport": "tcp", "timeout": _OPEN_US, "allowed_media_types": "video"}
        if not host:
            raise EndpointError(f"{scheme}://: no host; expected {scheme}://HOST/PATH")
    shown = f"{scheme}://{_bracketed(host)}" + ("" if port is None else f":{port}")
    called = scheme == "tcp" and query.get("listen", "0") != "0"
    return VideoAddress(kind="stream", name=shown, place=text, options=options, called=called)


def _joined(query: dict[str, str]) -> str:
    return urlencode({key: value or "1" for key, value in query.items()}, quote_via=quote)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False
