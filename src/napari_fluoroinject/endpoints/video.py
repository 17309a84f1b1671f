"""Video as a feed: a file played at its rate, a frame grabber, or a stream, through PyAV."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.reading_ahead import ReadingAhead
from napari_fluoroinject.endpoints.video_address import video_address
from napari_fluoroinject.endpoints.video_course import Item, VideoCourse
from napari_fluoroinject.endpoints.video_errors import (
    missing_extra,
    no_video,
    opening_error,
    passes,
)
from napari_fluoroinject.errors import EndpointError, FluoroinjectError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av.container import InputContainer

    from napari_fluoroinject.endpoints.video_address import VideoAddress

log = logging.getLogger(__name__)

_AHEAD = 8
"""Decoded frames that wait for the taker; then decoding waits, and so does whoever sends."""
_THREADS = 2
_OPEN_S, _STALL_S = 5.0, 2.0
"""A stream that answers no sooner, or sends nothing for so long, is lost and asked again."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_ENDED = "it ended"


class VideoFeed(Closing):
    """The pictures of a video, as grey values at the depth and range at which they are coded.

    A file is played at its rate and ends; every frame comes once, however late the taker is. A
    frame grabber or a stream that ends or stalls is told as `lost` and tried again until the feed
    is closed, and its times go on. What cannot be decoded is told as `garbage`, and its numbers
    are given to no frame; another size or type is told as `changed`. Frames without times, or with
    times that go back, get the time of their arrival, in a file a step like the one before; that
    is told, too.

    Parameters
    ----------
    source
        Path of a file, `video:0` or `video:/dev/video0?width=1920&height=1080&fps=60&format=...`,
        `rtsp://`, `tcp://` or `udp://`. A stream without a host comes to this machine alone.
    speed, again
        Of a file: how many times faster than its rate, and whether it begins anew at its end.
    clock
        Seconds that go on.

    Raises
    ------
    EndpointError
        The address is none, the speed not above 0, or PyAV is not installed.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        speed: float = 1.0,
        again: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not speed > 0:
            raise EndpointError(f"a speed of {speed}; expected one above 0")
        self.address = video_address(str(source))
        try:
            import av  # noqa: F401 - whether it is there
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        self._speed, self._again, self._clock = speed, again, clock
        self._closed = threading.Event()
        self._ahead: ReadingAhead[Item] | None = None
        self._course = VideoCourse(self.address, clock)

    @property
    def lossy(self) -> bool | None:
        """Whether what came was compressed with loss on its way here; None = not known (yet).

        Once it was, it stays so: a stream may come back in another code.
        """
        return self._course.lossy

    def check(self) -> None:
        """Open a file once, and see whether it is a video.

        Raises
        ------
        UnreadableObjectError
            It is none that can be read.
        """
        from av.error import FFmpegError

        try:
            with _opened(self.address):
                pass
        except (FFmpegError, OSError, ValueError) as error:
            raise opening_error(error, self.address) from None

    def __iter__(self) -> Iterator[Item]:
        """The pictures and notes; the end comes at once when it is closed.

        Raises
        ------
        FluoroinjectError
            The first opening failed and trying again would not help, or a file is no video.
        """
        live = self.address.kind != "file"
        with ReadingAhead(self._read, depth=_AHEAD, name="fluoroinject-video") as ahead:
            self._ahead = ahead
            began, stalled = None, False
            while not self._closed.is_set():
                item = ahead.take(_STALL_S if self.address.kind == "device" else None)
                if item is None:
                    if ahead.ended:
                        return
                    if not stalled:
                        yield FeedNote(event="lost", text=f"{self.address.name} gives no pictures")
                    stalled = True
                    continue
                stalled = False
                if isinstance(item, Frame) and not live:
                    began = self._clock() if began is None else began
                    if self._wait(began + item.time_s / self._speed):
                        return
                yield item

    def close(self) -> None:
        """End it, also where somebody waits for its next frame."""
        self._closed.set()
        if self._ahead is not None:
            self._ahead.close()

    def _wait(self, until: float) -> bool:
        """Wait for a moment; whether it was closed meanwhile."""
        return self._closed.wait(max(0.0, until - self._clock()))

    def _read(self) -> Iterator[Item]:
        """Open, decode, and begin again as often as it takes; runs in the reader's thread."""
        from av.error import FFmpegError

        course = self._course = VideoCourse(self.address, self._clock)
        pause_s, told = _FIRST_PAUSE_S, ""
        while not self._closed.is_set():
            before, why = course.pictures, _ENDED
            try:
                with _opened(self.address) as container:
                    yield from course.over(container, self._closed)
            except (FFmpegError, OSError, ValueError, FluoroinjectError) as error:
                why = self._why(error, course)
            if course.pictures > before:
                pause_s, told = _FIRST_PAUSE_S, ""
            if self.address.kind == "file":
                yield from _rest_of_file(why)
                if not self._again or course.pictures == before:
                    return
                continue
            if why != told:
                yield FeedNote(event="lost", text=f"{self.address.name}: {why}; it is tried again")
            told = why
            self._closed.wait(0 if self.address.called else pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _why(self, error: Exception, course: VideoCourse) -> str:
        """Why it was lost; raises where it was never had and waiting does not help."""
        told = (
            error if isinstance(error, FluoroinjectError) else opening_error(error, self.address)
        )
        log.debug("%s: %s", self.address.name, type(error).__name__)
        waits = self.address.kind == "stream" and passes(told)
        if not course.pictures and not waits:
            raise told from None
        return str(told).removeprefix(f"{self.address.name}: ").partition("; expected")[0]


def _rest_of_file(why: str) -> Iterator[FeedNote]:
    if why != _ENDED:
        yield FeedNote(event="garbage", text=f"the rest cannot be read: {why}")


def _opened(address: VideoAddress) -> InputContainer:
    """Open a video and set up its decoder; few threads, none that holds frames back."""
    import av

    container = av.open(
        address.place,
        format=address.format,
        options=dict(address.options),
        timeout=(_OPEN_S, _STALL_S) if address.kind == "stream" else None,
    )
    if not container.streams.video:
        container.close()
        raise no_video(address)
    stream = container.streams.video[0]
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = _THREADS
    # a picture that was patched up from others is not what the sender saw
    stream.codec_context.options = {"err_detect": "crccheck+bitstream+explode"}
    return container
