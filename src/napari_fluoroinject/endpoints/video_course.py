"""The course of a video over its openings: its pictures numbered and timed, its faults told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.video_times import RisingTimes

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from napari_fluoroinject.endpoints.video_address import VideoAddress

Item = Frame | FeedNote

_WALL_S = 5.0
"""A grabber's clock is the time of day when it is no farther from it."""
_TELL_S = 1.0


class VideoCourse:
    """What goes on over the openings of one video: numbers, times, and what was told.

    Parameters
    ----------
    address
        Of the video.
    clock
        Seconds that go on.

    Attributes
    ----------
    pictures
        How many were given.
    lossy
        Whether what came was compressed with loss; None = not known (yet).
    """

    def __init__(self, address: VideoAddress, clock: Callable[[], float]) -> None:
        self.pictures = 0
        self.lossy: bool | None = None
        self._address, self._clock = address, clock
        self._times = RisingTimes(live=address.kind != "file")
        self._index = self._bad = 0
        self._bad_told_s: float | None = None
        self._kind: tuple[tuple[int, ...], str] | None = None
        self._fault = ""

    def over(self, container: InputContainer, closed: threading.Event) -> Iterator[Item]:
        """All of one opening, until it ends."""
        stream = container.streams.video[0]
        self._times.restart()
        first = True
        for packet in container.demux(stream):
            for frame in self._decoded(packet):
                if closed.is_set():
                    return
                if first:
                    self._learn_loss(stream)
                    yield FeedNote(
                        event="connected", text=_described(self._address, stream, frame)
                    )
                first = False
                yield from self._taken(frame)
            yield from self._bad_ones()

    def _learn_loss(self, stream: VideoStream) -> None:
        from napari_fluoroinject.endpoints.video_pictures import compressed_with_loss

        now = compressed_with_loss(stream.codec_context)
        if self.pictures and self.lossy is not now:
            now = True if True in (self.lossy, now) else None
        self.lossy = now

    def _decoded(self, packet: Packet[VideoStream]) -> Iterator[VideoFrame]:
        import av

        try:
            for frame in packet.decode():
                if getattr(frame, "is_corrupt", False):
                    self._bad += 1
                elif isinstance(frame, av.VideoFrame):
                    yield frame
        except av.error.InvalidDataError:
            self._bad += 1

    def _bad_ones(self) -> Iterator[FeedNote]:
        """Tell of pictures that could not be decoded, at most once a second."""
        now_s = self._clock()
        recently = self._bad_told_s is not None and now_s - self._bad_told_s < _TELL_S
        if self._bad and not recently:
            self._index += self._bad
            yield FeedNote(
                event="garbage",
                text=f"{self._bad} came that could not be decoded, left out; those that follow "
                "may be damaged until the next that is coded by itself",
            )
            self._bad, self._bad_told_s = 0, now_s

    def _taken(self, frame: VideoFrame) -> Iterator[Item]:
        from napari_fluoroinject.endpoints.video_pictures import described, grey

        pixels = grey(frame)
        kind = (pixels.shape, pixels.dtype.str)
        if self._kind is not None and kind != self._kind:
            yield FeedNote(event="changed", text=f"pictures are {described(frame)} from here on")
        self._kind = kind
        own_s = None
        if frame.pts is not None and frame.time_base:
            own_s = float(frame.pts * frame.time_base)
        timed = self._times.of(own_s, self._clock())
        if timed.fault and timed.fault != self._fault:
            yield FeedNote(event="changed", text=f"{timed.fault}; those of arrival are taken")
            self._fault = timed.fault
        yield Frame(
            index=self._index, time_s=timed.time_s, pixels=pixels, wall_s=self._wall(own_s)
        )
        self._index += 1
        self.pictures += 1

    def _wall(self, own_s: float | None) -> float | None:
        """The time of day, where the grabber's own clock is that."""
        known = self._address.kind == "device" and own_s is not None
        return own_s if known and abs((own_s or 0.0) - time.time()) < _WALL_S else None


def _described(address: VideoAddress, stream: VideoStream, frame: VideoFrame) -> str:
    from napari_fluoroinject.endpoints.video_pictures import described

    rate = stream.guessed_rate or stream.average_rate
    per_s = f", {float(rate):.4g} a second" if rate else ""
    return f"{address.name}: {stream.codec_context.name}, {described(frame)}{per_s}"
