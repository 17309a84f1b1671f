"""What FFmpeg's errors mean to a person: why a video cannot be had, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.video_address import found_devices
from napari_fluoroinject.errors import (
    EndpointError,
    RefusedError,
    UnreachableError,
    UnreadableObjectError,
)

if TYPE_CHECKING:
    from napari_fluoroinject.endpoints.video_address import VideoAddress
    from napari_fluoroinject.errors import FluoroinjectError

_LIVE = 'pip install "napari-fluoroinject[live]"'
_NO_VIDEO = "a video file: MP4, MOV, Matroska, AVI, MPEG or NUT with one video stream"


def missing_extra(error: ModuleNotFoundError) -> EndpointError:
    """Say what to install, where PyAV is not there."""
    return EndpointError(
        f"video needs the Python package {error.name}, which is not installed; "
        f"expected it: {_LIVE}"
    )


def no_video(address: VideoAddress) -> FluoroinjectError:
    """Say that something was opened that shows no pictures."""
    if address.kind == "file":
        return UnreadableObjectError(
            address.name, seen="no video stream in it", expected=_NO_VIDEO
        )
    return EndpointError(f"{address.name}: it sends no video; expected a video stream")


def opening_error(error: Exception, address: VideoAddress) -> FluoroinjectError:
    """The error to raise where a video could not be opened, or not be decoded.

    Nothing of FFmpeg's own text is kept, which names the whole address.
    """
    import av

    if address.kind == "device":
        return _device_error(error, address)
    if isinstance(error, av.error.DecoderNotFoundError | av.error.LookupError):
        return UnreadableObjectError(
            address.name, seen="a codec that is not known here", expected="H.264, FFV1 or MJPEG"
        )
    if address.kind == "file":
        return _file_error(error, address)
    return _stream_error(error, address)


def passes(error: FluoroinjectError) -> bool:
    """Whether a stream may be otherwise a little later, without anybody changing its address."""
    return not isinstance(error, RefusedError | UnreadableObjectError)


def _device_error(error: Exception, address: VideoAddress) -> EndpointError:
    if isinstance(error, PermissionError):
        return RefusedError(
            f"{address.name}: this user may not read it; expected membership of the group that "
            "owns it, on Linux mostly `video`"
        )
    why = _why(error)
    if isinstance(error, OSError) and error.errno == 16:
        why = "another program has it"
    found = ", ".join(found_devices()) or "none"
    return UnreachableError(
        f"{address.name}: {why}; expected a frame grabber that gives what was asked; "
        f"there are: {found}"
    )


def _stream_error(error: Exception, address: VideoAddress) -> EndpointError:
    import av

    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        shown = address.name.replace("://", "://USER:PASSWORD@")
        return RefusedError(
            f"{address.name} asks for another user or password; expected {shown}/PATH"
        )
    if isinstance(error, av.error.HTTPNotFoundError):
        return RefusedError(f"{address.name} knows no stream of this path; expected one it has")
    if isinstance(error, av.error.InvalidDataError):
        return EndpointError(
            f"{address.name}: what it sends is no video that can be read; expected MPEG-TS, NUT, "
            "Matroska or MJPEG, or an RTSP server"
        )
    why = "nothing came in time" if isinstance(error, av.error.ExitError) else _why(error)
    return UnreachableError(
        f"{address.name}: {why}; expected a stream: check that it is on, and its address"
    )


def _file_error(error: Exception, address: VideoAddress) -> UnreadableObjectError:
    seen = _why(error)
    if not isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError):
        seen = "no video that can be read"
    return UnreadableObjectError(address.name, seen=seen, expected=_NO_VIDEO)


def _why(error: Exception) -> str:
    told = getattr(error, "strerror", None)
    return str(told).lower() if told else type(error).__name__
