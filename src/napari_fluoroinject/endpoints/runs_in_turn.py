"""Runs that arrive as files, one after another, as one feed: each at its own rate."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_fluoroinject.dicom.read import find_loops, read_loop
from napari_fluoroinject.endpoints.base import FeedNote, Frame, loss_told
from napari_fluoroinject.endpoints.replay import Replay
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_fluoroinject.endpoints.base import Feed
    from napari_fluoroinject.model.cine import CineLoop, IntensityScale

    Item = Frame | FeedNote

LOOK_EVERY_S = 0.25
QUIET_S = 1.0
"""Single frames of one series may follow one another so slowly, and still be one run."""
_LONGEST_QUIET_S = 5.0
_LEAST_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look found: DICOM files, films, and how many files are none of these."""

    objects: tuple[Path, ...] = ()
    films: tuple[Path, ...] = ()
    strange: int = 0


class Looks(Protocol):
    """Whoever knows which files are new and whole."""

    def look(self) -> Found:
        """Return those that were not returned before, in the order in which they came."""
        ...


class RunsInTurn(Closing):
    """Runs as they arrive, until it is closed; nothing is changed where they lie.

    Each run is given at its own rate. Before it comes a note: `connected` before the first, then
    `gap`. Objects that arrive within a second of one another are looked at together, so that the
    single frames of a series are one run. A run without frame times cannot be given at its rate:
    it is left out and that is told, but for a single picture, which comes when it arrives. Values
    are as stored; a run whose values fall as the beam rises would be read the wrong way round in
    one feed with others, and is left out with a note.

    Attributes
    ----------
    lossy
        True once a run came that was compressed with loss; None before: unknown.

    Parameters
    ----------
    place
        Where runs arrive.
    waits
        Told at the beginning: for what it waits.
    play
        Makes a feed of a film.
    speed
        How many times faster than it was taken each run is given.
    clock
        Seconds that go on.
    """

    def __init__(
        self,
        place: Looks,
        *,
        waits: str,
        play: Callable[[Path], Feed] | None = None,
        speed: float = 1.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._place, self._waits, self._play = place, waits, play
        self._speed, self._clock = speed, clock
        self._closed = threading.Event()
        self._given: Closing | None = None
        self.lossy: bool | None = None
        self._index = self._runs = 0
        self._began_s = clock()
        self._last_s = -1.0
        self._kind: tuple[tuple[int, ...], str] | None = None

    def __iter__(self) -> Iterator[Item]:
        """Frames and notes; the end comes at once when it is closed."""
        yield FeedNote(event="connected", text=self._waits)
        self._began_s = self._clock()
        pending: list[Path] = []
        first_s = newest_s = 0.0
        while not self._closed.is_set():
            found = self._place.look()
            now_s = self._clock()
            if found.strange:
                yield FeedNote(
                    event="garbage", text=f"{found.strange} files came that are no run, left out"
                )
            for path in found.films:
                yield from self._film(path)
            if found.objects:
                first_s = first_s if pending else now_s
                newest_s = now_s
                pending += found.objects
            elif pending and (now_s - newest_s >= QUIET_S or now_s - first_s >= _LONGEST_QUIET_S):
                yield from self._loops(pending)
                pending = []
            self._closed.wait(LOOK_EVERY_S)

    def close(self) -> None:
        """End it, also where somebody waits for its next frame."""
        self._closed.set()
        if self._given is not None:
            self._given.close()

    def _loops(self, paths: Iterable[Path]) -> Iterator[Item]:
        for found in find_loops(paths):
            if self._closed.is_set():
                return
            try:
                if isinstance(found, UnreadableObjectError):
                    raise found
                yield from self._loop(read_loop(*found.paths))
            except FluoroinjectError:  # its text may name the file, and so a patient
                yield FeedNote(event="garbage", text="an object came that is no run, left out")

    def _loop(self, loop: CineLoop) -> Iterator[Item]:
        count, rows, columns = loop.shape
        what = f"{count} frames of {rows} x {columns}"
        if _falls(loop.intensity):
            yield FeedNote(
                event="garbage",
                text=f"a run of {what} is stored inverted (MONOCHROME1, or an inverse scale): it "
                "would be read the wrong way round here, and is left out; open the run itself",
            )
            return
        self.lossy = True if loop.lossy else self.lossy
        if count == 1:
            yield from self._run(
                [Frame(index=0, time_s=0.0, pixels=loop.frames.frame(0))], "one picture"
            )
        elif loop.times_s is None:
            yield FeedNote(
                event="garbage",
                text=f"a run of {what} tells no frame times, so that it has no rate: left out",
            )
        else:
            replay = Replay(loop, speed=self._speed, clock=self._clock)
            self._given = replay
            yield from self._run(replay, what)

    def _film(self, path: Path) -> Iterator[Item]:
        if self._play is None:
            return
        try:
            film = self._play(path)
            self._given = film if isinstance(film, Closing) else None
            yield from self._run(film, "a film")
        except FluoroinjectError:
            yield FeedNote(event="garbage", text="a file came that is no video, left out")

    def _run(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """One run's frames, numbered and timed on after those before."""
        self._runs += 1
        begun_s: float | None = None
        for item in items:
            if self._closed.is_set():
                return
            if isinstance(item, FeedNote):
                if item.event != "connected":
                    yield item
                continue
            if begun_s is None:
                self.lossy = True if loss_told(items) else self.lossy
                begun_s = max(self._clock() - self._began_s, self._last_s + _LEAST_S)
                begun_s -= item.time_s
                yield FeedNote(event="gap", text=f"run {self._runs} begins: {what}")
            yield from self._changed(item)
            self._last_s = max(begun_s + item.time_s, self._last_s + _LEAST_S)
            yield Frame(
                index=self._index, time_s=self._last_s, pixels=item.pixels, wall_s=item.wall_s
            )
            self._index += 1

    def _changed(self, frame: Frame) -> Iterator[FeedNote]:
        kind = (frame.pixels.shape, frame.pixels.dtype.str)
        if self._kind is not None and kind != self._kind:
            rows, columns = kind[0]
            bits = 8 * frame.pixels.dtype.itemsize
            yield FeedNote(
                event="changed",
                text=f"pictures are {rows} x {columns} of {bits} bits from here on",
            )
        self._kind = kind


def _falls(intensity: IntensityScale) -> bool:
    """Whether stored values fall as the beam rises."""
    return bool(intensity.ln_beam[-1] < intensity.ln_beam[0])
