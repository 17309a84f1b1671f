"""A C-arm's monitor as a frame grabber sees it: a synthetic loop, shown, held and grabbed."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.model.arrays import DoubleArray, FloatArray, read_only
from napari_fluoroinject.model.cine import CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.phantom.phantom import Phantom
from napari_fluoroinject.phantom.recorder import DISPLAY_OFFSET
from napari_fluoroinject.phantom.screen_layout import lay_out, time_of_day, write
from napari_fluoroinject.phantom.screen_settings import ScreenSettings
from napari_fluoroinject.phantom.screen_times import timetable
from napari_fluoroinject.phantom.screen_truth import ScreenTruth, Steps, screen_truth

__all__ = ["Screen", "ScreenSettings", "ScreenTruth", "make_screen"]

_BLANK = 4
"""Grey level of the field while nothing is shown in it."""
_TOP = 255
_LEFT_FRAMES = 4
"""What an injection leaves behind is the mean of so many last frames."""
_EDGE_PX = 1.5
_NOISE_MORE = 64


class Screen:
    """Grabs of a monitor, made when they are asked for; frames of a loop like any other.

    Attributes
    ----------
    times_s
        (grabs,), seconds from the first grab.
    truth
        What is known of them.
    """

    def __init__(
        self, source: CineLoop, settings: ScreenSettings, *, onset_frame: int | None = None
    ) -> None:
        if source.times_s is None:
            raise PhantomError("a loop without frame times; expected some, to show it on a screen")
        self._source, self._settings = source, settings
        self._layout, self._table = lay_out(settings), timetable(source.times_s, settings)
        self._steps = Steps(self._table, settings, scale=self._layout.side_px / source.shape[2])
        self.times_s = read_only(self._table.times_s, np.float64)
        self.truth = screen_truth(self._table, self._layout, self._steps, onset_frame)
        self._last: tuple[int, npt.NDArray[np.uint8]] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(grabs, rows, columns)."""
        rows, columns = self._settings.shape
        return len(self.times_s), rows, columns

    def frame(self, index: int, /) -> npt.NDArray[np.uint8]:
        """One grab, (rows, columns); the same index gives the same bytes."""
        picture = self._monitor(int(self._table.shown[index])).copy()
        for clock in self._layout.clocks:
            write(picture, clock, time_of_day(float(self.times_s[index])))
        levels = self._settings.grab_noise
        return picture if not levels else _noisy(picture, self._noise, levels, index)

    def every(self) -> npt.NDArray[np.uint8]:
        """All grabs at once, (grabs, rows, columns): as much memory as that."""
        return np.stack([self.frame(index) for index in range(len(self.times_s))])

    def loop(self) -> CineLoop:
        """The grabs as a loop of a display's grey levels."""
        uid = self._source.reference
        return CineLoop(
            frames=self,
            times_s=self.times_s,
            intensity=display_scale(),
            reference=LoopReference(
                study_instance_uid=uid.study_instance_uid,
                series_instance_uid=uid.series_instance_uid,
                sop_instance_uid=uid.sop_instance_uid,
                sop_class_uid=uid.sop_class_uid,
            ),
            sha256=self._source.sha256,
            synthetic=True,
            notes=("synthetic monitor of the project's phantom, no patient",),
        )

    def _monitor(self, exposure: int) -> npt.NDArray[np.uint8]:
        """The monitor with an exposure on it, clocks left out."""
        if self._last is None or self._last[0] != exposure:
            self._last = (exposure, self._drawn(exposure))
        return self._last[1]

    def _drawn(self, exposure: int) -> npt.NDArray[np.uint8]:
        layout = self._layout
        picture = layout.ground.copy()
        if exposure < 0:
            picture[layout.field] = _BLANK
        else:
            row, column = layout.first_px
            box = slice(row, row + layout.side_px), slice(column, column + layout.side_px)
            inside = layout.field[box]
            picture[box][inside] = self._grey(exposure)[inside]
        for text in layout.burned_in:
            if text not in layout.clocks:
                write(picture, text)
        return picture

    def _grey(self, exposure: int) -> npt.NDArray[np.uint8]:
        """An exposure as the square picture on the monitor."""
        table, settings = self._table, self._settings
        ln = self._source.intensity.ln(self._source.frames.frame(int(table.frame[exposure])))
        if table.again[exposure]:
            ln = ln + self._left_behind
        ln = _moved(ln, self._steps.shift_px[exposure])
        black, white = settings.window_ln
        gain = float(self._steps.gain_ln[exposure]) - self._level
        share = (_resized(ln, self._layout.side_px) + np.float32(gain - black)) / np.float32(
            white - black
        )
        grey = np.float32(_TOP) * np.clip(share, 0, 1) ** np.float32(settings.gamma)
        if settings.enhancement:
            soft = ndimage.gaussian_filter(grey, _EDGE_PX)
            grey += np.float32(settings.enhancement) * (grey - soft)
        levels: npt.NDArray[np.uint8] = np.clip(np.rint(grey), 0, _TOP).astype(np.uint8)
        return levels

    @cached_property
    def _level(self) -> float:
        """Natural log of the beam in the middle of the first settled picture."""
        rows, columns = self._source.shape[1:]
        middle = self._source.frames.frame(min(5, self._source.shape[0] - 1))
        part = middle[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
        return float(np.median(self._source.intensity.ln(part)))

    @cached_property
    def _left_behind(self) -> FloatArray:
        """What the loop's contrast adds to ln at its end, (rows, columns)."""
        count, ln = self._source.shape[0], self._source.intensity.ln
        frames = self._source.frames
        last = np.mean([ln(frames.frame(k)) for k in range(count - _LEFT_FRAMES, count)], axis=0)
        first = np.mean([ln(frames.frame(k)) for k in range(2, 2 + _LEFT_FRAMES)], axis=0)
        smooth = ndimage.gaussian_filter(np.minimum(last - first, 0), 1.0)
        return np.asarray(smooth, np.float32)

    @cached_property
    def _noise(self) -> npt.NDArray[np.int8]:
        levels = self._settings.grab_noise
        random = np.random.default_rng(np.random.SeedSequence((self._settings.seed, 2)))
        rows, columns = self._settings.shape
        return random.integers(
            -levels, levels + 1, (rows + _NOISE_MORE, columns + _NOISE_MORE), np.int8
        )


def make_screen(source: Phantom | CineLoop, settings: ScreenSettings) -> Screen:
    """Show a loop on a monitor and grab it: same loop and settings, same bytes.

    Raises
    ------
    PhantomError
        The loop has no frame times, or the picture does not fit onto the monitor.
    """
    if isinstance(source, Phantom):
        return Screen(source.loop, settings, onset_frame=source.truth.onset_frame)
    return Screen(source, settings)


def display_scale() -> IntensityScale:
    """What is assumed of a monitor's grey levels, which say nothing exact about the beam."""
    levels = np.arange(_TOP + 1, dtype=np.float64)
    return IntensityScale(
        relationship="display",
        ln_beam=read_only(np.log(levels + DISPLAY_OFFSET), np.float32),
        scale_known=False,
    )


def _moved(ln: FloatArray, shift_px: DoubleArray) -> FloatArray:
    if not shift_px.any():
        return ln
    whole = np.rint(shift_px)
    order = 0 if np.array_equal(whole, shift_px) else 1
    return np.asarray(ndimage.shift(ln, shift_px, order=order, mode="mirror"), np.float32)


def _resized(picture: FloatArray, side: int) -> FloatArray:
    """The picture as `side` x `side`, linear between the middles of its pixels."""
    if picture.shape == (side, side):
        return picture
    for axis in (0, 1):
        size = picture.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
        low = np.minimum(at.astype(np.intp), max(size - 2, 0))
        share = (at - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        below = np.take(picture, low, axis=axis)
        above = np.take(picture, np.minimum(low + 1, size - 1), axis=axis)
        picture = below + share * (above - below)
    return picture


def _noisy(
    picture: npt.NDArray[np.uint8], noise: npt.NDArray[np.int8], levels: int, index: int
) -> npt.NDArray[np.uint8]:
    """The picture with a part of the noise that depends on the index alone."""
    row, column = (index * 29 + 7) % _NOISE_MORE, (index * 53 + 11) % _NOISE_MORE
    rows, columns = picture.shape
    part = noise[row : row + rows, column : column + columns]
    clipped = np.clip(picture, levels, _TOP - levels)  # so that nothing wraps around
    return (clipped.view(np.int8) + part).view(np.uint8)
