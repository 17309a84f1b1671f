"""When the frames of a loop were taken, as far as the file tells (PS3.3 C.7.6.5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from pydicom.valuerep import DA, DT, TM

from napari_fluoroinject.dicom.attributes import macro_items, number, numbers, text
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.model.arrays import DoubleArray

Times = tuple["DoubleArray | None", tuple[str, ...]]
"""Seconds from the first frame, or None; and what is to be said about them."""

_FRAME_TIME, _FRAME_TIME_VECTOR = 0x00181063, 0x00181065
_MS = 1e-3
_CONFLICT = 0.05
"""Frame Time and Cine Rate that differ by more contradict each other."""
_SHORTEST_STEP_S, _LONGEST_STEP_S = 5e-4, 60.0
"""Between frames at an even pace: a run that is faster or slower is in another unit."""
_LONGEST_PAUSE_S = 3600.0
"""Between frames that tell their own times: the pedal may be released in between."""
_RATE_ROUNDING_HZ = 0.6
"""Cine Rate is an integer: 7.5 frames per second are written as 7 or 8."""

_MOMENTS = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
)

_UNKNOWN = "The file does not tell when the frames were taken: frames only, no seconds."
_SINGLE = "A single frame has no time axis."


def frame_times(header: Dataset, frames: int, *, source: str) -> Times:
    """Times of the frames of one multi-frame object.

    Frame Increment Pointer decides between Frame Time and Frame Time Vector, whose element k is
    the step from frame k - 1 to frame k. Without a usable pointer: whichever exists, then Cine
    Rate, then Recommended Display Frame Rate. Enhanced objects tell each frame's own moment.

    Returns
    -------
    Seconds from the first frame, (frames,) float64, rising; None when unknown, and for a single
    frame, which has no time axis. Notes.

    Raises
    ------
    UnreadableObjectError
        A Frame Time Vector of another length than the loop.
    ValueError
        An attribute holds something that is no number or moment.
    """
    if frames == 1:
        return None, (_SINGLE,)
    moments = _frame_moments(header)
    if moments:
        return _from_moments(moments, frames)
    if _decided(header) == "vector":
        return _from_vector(header, frames, source)
    return _from_steps(header, frames)


def joined_times(headers: Sequence[Dataset]) -> Times:
    """Times of a loop whose frames are objects of their own, in the order of the loop.

    Returns
    -------
    As `frame_times`: from the acquisition's or the content's clock, else from Frame Time.

    Raises
    ------
    ValueError
        An attribute holds something that is no number or moment.
    """
    moments = [moment_of(header) for header in headers]
    known = [moment for moment in moments if moment is not None]
    if len(known) == len(headers):
        times = _seconds(known)
        if _plausible(np.diff(times)):
            return times, ()
    steps = {number(header, "FrameTime") for header in headers}
    step = steps.pop() if len(steps) == 1 else None
    if step is not None and _even_pace(step * _MS):
        said = "No clock tells the frames' own moments; their times come from Frame Time."
        return _even(len(headers), step * _MS), (said,)
    return None, (_UNKNOWN,)


def moment_of(header: Dataset) -> datetime | None:
    """When a single frame was taken; None when it does not say.

    Raises
    ------
    ValueError
        An attribute holds something that is no moment.
    """
    whole = text(header, "AcquisitionDateTime")
    if whole:
        return _moment(whole)
    for date_keyword, time_keyword in _MOMENTS:
        date, time = text(header, date_keyword), text(header, time_keyword)
        if date and time:
            return datetime.combine(DA(date), TM(time))
    return None


def _decided(header: Dataset) -> str:
    """Whether Frame Time Vector or anything else tells the times."""
    pointer = header.get("FrameIncrementPointer")
    tags = set() if pointer is None else {int(tag) for tag in np.atleast_1d(pointer)}
    vector = bool(numbers(header, "FrameTimeVector"))
    if _FRAME_TIME_VECTOR in tags and vector:
        return "vector"
    steady = number(header, "FrameTime") is not None
    if _FRAME_TIME in tags and steady:
        return "step"
    return "vector" if vector and not steady else "step"


def _from_vector(header: Dataset, frames: int, source: str) -> Times:
    vector = np.array(numbers(header, "FrameTimeVector"))
    if len(vector) != frames:
        raise UnreadableObjectError(
            source,
            seen=f"a Frame Time Vector of {len(vector)} elements",
            expected=f"{frames} elements, one per frame",
        )
    notes = []
    if vector[0] != 0:
        notes.append(
            "Frame Time Vector does not begin with 0; its times were moved to begin there."
        )
    steps_s = vector[1:] * _MS
    if not _plausible(steps_s):
        return None, (*notes, "Frame Time Vector holds steps that are not plausible.", _UNKNOWN)
    return np.concatenate([[0.0], np.cumsum(steps_s)]), tuple(notes)


def _from_steps(header: Dataset, frames: int) -> Times:
    step = number(header, "FrameTime")
    rate = number(header, "CineRate")
    notes: tuple[str, ...] = ()
    if step is not None and step > 0 and not _even_pace(step * _MS):
        notes = (f"A Frame Time of {step:g} ms is not plausible and is not used.",)
    elif step is not None and step > 0:
        if rate is not None and rate > 0 and _contradict(step, rate):
            said = f"Frame Time {step:g} ms and Cine Rate {rate:g} Hz contradict each other."
            return None, (said, _UNKNOWN)
        return _even(frames, step * _MS), ()
    for keyword, name in (
        ("CineRate", "Cine Rate"),
        ("RecommendedDisplayFrameRate", "Recommended Display Frame Rate"),
    ):
        rate = number(header, keyword)
        if rate is not None and rate > 0 and _even_pace(1 / rate):
            said = f"The times of the frames come from {name}."
            return _even(frames, 1 / rate), (*notes, said)
    return None, (*notes, _UNKNOWN)


def _contradict(step_ms: float, rate_hz: float) -> bool:
    difference = abs(1 / (step_ms * _MS) - rate_hz)
    return difference > max(_RATE_ROUNDING_HZ, _CONFLICT * rate_hz)


def _frame_moments(header: Dataset) -> tuple[str, ...]:
    """Moment of each frame of an enhanced object (PS3.3 C.7.6.16.2.2)."""
    items = macro_items(header, "FrameContentSequence")
    for keyword in ("FrameReferenceDateTime", "FrameAcquisitionDateTime"):
        found = tuple(moment for moment in (text(item, keyword) for item in items) if moment)
        if found:
            return found
    return ()


def _from_moments(texts: tuple[str, ...], frames: int) -> Times:
    if len(texts) != frames:
        said = f"{len(texts)} of {frames} frames tell when they were taken."
        return None, (said, _UNKNOWN)
    times = _seconds([_moment(text_) for text_ in texts])
    steps_s = np.diff(times)
    if np.any(steps_s <= 0):
        return None, ("The frames are not in the order in which they were taken.", _UNKNOWN)
    if not _plausible(steps_s):
        return None, ("The times between the frames are not plausible.", _UNKNOWN)
    return times, ()


def _moment(value: str) -> datetime:
    moment = DT(value)
    if moment is None:
        raise ValueError("an empty moment")
    return moment


def _seconds(moments: Sequence[datetime]) -> DoubleArray:
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


def _even(frames: int, step_s: float) -> DoubleArray:
    return np.arange(frames, dtype=np.float64) * step_s


def _even_pace(step_s: float) -> bool:
    return _SHORTEST_STEP_S <= step_s <= _LONGEST_STEP_S


def _plausible(steps_s: DoubleArray) -> bool:
    """Whether every step is one that a fluoroscopy run can have; none that is no number is."""
    return bool(np.all((steps_s >= _SHORTEST_STEP_S) & (steps_s <= _LONGEST_PAUSE_S)))
