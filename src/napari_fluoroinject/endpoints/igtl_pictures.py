"""Frames and notes out of the messages of an OpenIGTLink server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.endpoints.base import FeedNote, Frame
from napari_fluoroinject.endpoints.igtl_times import Numbers, Times, wall_time
from napari_fluoroinject.endpoints.igtl_wire import (
    NoPictureError,
    message_id,
    picture_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from napari_fluoroinject.endpoints.base import FeedEvent
    from napari_fluoroinject.endpoints.igtl_reading import Message
    from napari_fluoroinject.endpoints.igtl_wire import Head

_MOST_NAMES = 8
_MOST_SAID = 32
_MOST_ROWS = 64
_SMOOTHER = 8.0
"""A 12-bit picture of noise is 16 times rougher in the wrong order; in the right one, smoother."""
_MOST_TEXT_BYTES = 1 << 17


class Pictures:
    """Takes the pictures of one image device; other messages are passed over.

    Parameters
    ----------
    device
        Which one; None = the first that sends a picture.
    said
        Is given device name and text of each STRING message.
    """

    def __init__(self, device: str | None, said: Callable[[str, str], None] | None) -> None:
        self._named, self._chosen, self._said = device is not None, device, said
        self._names: list[str] = []
        self._told: set[str] = set()
        self._times, self._numbers = Times(), Numbers()
        self._kind: tuple[object, ...] | None = None
        self._index = 0
        self._here = False

    def begin_anew(self) -> None:
        """Say that it was connected again."""
        self._times.begin_anew()
        self._names, self._here = [], False
        self._told.clear()

    def wants(self, head: Head) -> bool:
        """Whether the body of a message is needed."""
        if head.kind == "STRING":
            return self._said is not None and head.body_bytes <= _MOST_TEXT_BYTES
        return head.kind == "IMAGE" and self._chosen in (None, head.device)

    def take(self, message: Message, now_s: float) -> Iterator[Frame | FeedNote]:
        """What there is to give by a message that came at `now_s`, in seconds that go on."""
        head, body = message.head, message.body
        if head.kind == "IMAGE":
            yield from self._several(head.device)
        if body is None:
            return
        if head.kind == "STRING":
            text = text_of(head, body)
            if self._said is not None and text is not None:
                self._said(head.device, text)
            return
        number = message_id(head, body)
        try:
            pixels = picture_of(head, body)
        except NoPictureError as error:
            self._numbers.missing(number)
            yield from self._once("garbage", f"{head.device or 'a device'} sends {error}")
            return
        self._chosen, self._here = head.device, True
        yield from self._frame(pixels, head, number, now_s)

    def absent(self) -> str:
        """Why no picture comes, as far as the messages tell; empty where they do not."""
        others = [name for name in self._names if name != self._chosen]
        if self._here or not others or self._chosen is None:
            return ""
        seen = f"; no picture of {self._chosen!r} comes, but of {', '.join(map(repr, others))}"
        if self._named:
            return seen
        self._chosen = None  # the server was started again, and names its device otherwise
        return f"{seen}: the first that comes is taken"

    def _frame(
        self, pixels: npt.NDArray[Any], head: Head, number: int | None, now_s: float
    ) -> Iterator[Frame | FeedNote]:
        time_s, trouble = self._times.of(head.stamp_s, now_s)
        if trouble:
            yield from self._once("told", trouble)
        lost = self._numbers.missing(number)
        if lost:
            yield FeedNote(event="gap", text=f"{lost} picture(s) are missing, by their numbers")
            self._index += lost
        kind = (*pixels.shape, pixels.dtype)
        if self._kind not in (None, kind):
            text = f"pictures are {_spelt(kind)} from here on, and were {_spelt(self._kind)}"
            yield FeedNote(event="changed", text=text)
        if self._kind != kind and _looks_swapped(pixels):
            text = "pixels look as if they came in the other byte order than their sender says"
            yield from self._once("told", f"{text}: it may have to be set there")
        self._kind = kind
        index, self._index = self._index, self._index + 1
        wall_s = wall_time(head.stamp_s)
        yield Frame(index=index, time_s=time_s, pixels=pixels, wall_s=wall_s)

    def _several(self, name: str) -> Iterator[FeedNote]:
        if name in self._names or len(self._names) >= _MOST_NAMES:
            return
        self._names.append(name)
        if not self._named and self._chosen is not None and len(self._names) > 1:
            text = (
                f"several devices send pictures: {', '.join(map(repr, self._names))}; those of "
                f"{self._chosen!r} are taken: name one to take others"
            )
            yield from self._once("told", text)

    def _once(self, event: FeedEvent, text: str) -> Iterator[FeedNote]:
        """A note that has not been given since it was connected."""
        if text not in self._told and len(self._told) < _MOST_SAID:
            self._told.add(text)
            yield FeedNote(event=event, text=text)


def _spelt(kind: Any) -> str:
    return f"{kind[0]} x {kind[1]} {kind[2]}"


def _looks_swapped(pixels: npt.NDArray[Any]) -> bool:
    """Whether neighbours would be far more alike with the bytes of each pixel swapped."""
    some = pixels[:: max(1, len(pixels) // _MOST_ROWS)]
    if pixels.dtype.itemsize == 1 or not (some & 0xFF).any():
        return False  # 8 bits, or 8 bits in the upper ones: there is nothing to tell by
    own, swapped = (
        float(np.abs(np.diff(one.astype(np.int32), axis=1)).sum())
        for one in (some, some.byteswap())
    )
    return own > _SMOOTHER * swapped
