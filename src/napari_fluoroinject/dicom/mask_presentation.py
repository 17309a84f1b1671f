"""Mask frames and per-range shifts as an XA/XRF grayscale softcopy presentation state."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.luts import table_item
from napari_fluoroinject.dicom.mask_frames import only_for, runs
from napari_fluoroinject.dicom.softcopy import (
    XA_XRF_STORAGE,
    is_capture,
    presentation_shape,
    presentation_state,
    referenced_frames,
    say_region,
    source_shutter,
    voi_items,
)
from napari_fluoroinject.dicom.sr_statements import Omission
from napari_fluoroinject.model.masks import HeaderMask, item_of_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.motion import Motion
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop

KIND = "mask presentation"
EQUAL_PX = 0.01
"""Measured shifts of neighbouring frames that differ by no more are one range."""

_LABEL = "MASKSHIFT"
_USUAL_WINDOW_LN = 0.5
"""Half the window of the differences where nothing is known of them: most of what is injected."""
_SMALLEST_WINDOW_LN = 0.1
_WINDOW_SHARE = 0.995
"""Share of the picture whose opacity the window holds."""
_LUT_TOP = 0xFFFF


def encode_masks(report: Report, identity: Identity) -> Dataset | None:
    """Encode the mask frames of a report and the motion that was measured.

    Frames that stand still on their mask once they are moved are subtracted; mask frames, and
    those that the registration lost, are shown as they are.

    Returns
    -------
    None where the source or the loop has none; `mask_omissions` says why.
    """
    if mask_omissions(report):
        return None
    dataset = _encoded(report_masks(report), report.loop, identity, window_ln=_window_ln(report))
    say_region(dataset, identity, report.procedure.anatomic_region)
    return dataset


def encode_subtraction_masks(made: SubtractedLoop, identity: Identity) -> Dataset | None:
    """Encode what was subtracted from a loop, and how masks were moved.

    Returns
    -------
    None where the source cannot be referred to; `why_no_masks` says why.
    """
    if why_no_masks(made.loop) is not None:
        return None
    dataset = _encoded(
        subtraction_masks(made), made.loop, identity, window_ln=max(made.window_ln, EQUAL_PX)
    )
    say_region(dataset, identity)
    return dataset


def mask_omissions(report: Report) -> tuple[Omission, ...]:
    """Why there is no mask presentation of a report; none where there is one."""
    reason = why_no_masks(report.loop)
    if reason is None and not report_masks(report):
        reason = "there are no usable frames before contrast, or none to subtract them from"
    return () if reason is None else (Omission(name="Mask and shifts", reason=reason),)


def why_no_masks(loop: CineLoop) -> str | None:
    """Say why no XA/XRF presentation state may speak of a loop; None where one may.

    It presents multi-frame XA, XRF, Enhanced XA and Enhanced XRF images (PS3.3 A.33.6, PS3.4
    N.2.5.1); frame numbers reach into one instance.
    """
    if is_capture(loop.reference.sop_class_uid):
        return "XA/XRF presentation states are for X-ray images, and this is a secondary capture"
    if loop.reference.frame_instance_uids:
        return "the frames are instances of their own, which frame numbers cannot name"
    if loop.shape[0] < 2:
        return "a single frame has no mask"
    return None


def report_masks(report: Report) -> tuple[HeaderMask, ...]:
    """The mask of a report as a header would name it; none without frames on either side."""
    frames, motion = report.injection.mask_frames, report.motion
    shown = motion.locked.copy()
    shown[list(frames)] = False
    if not frames or not shown.any():
        return ()
    mask = HeaderMask(operation="AVG_SUB", mask_frames=frames, frame_ranges=runs(shown))
    return (_moved(mask, shown, motion),)


def subtraction_masks(made: SubtractedLoop) -> tuple[HeaderMask, ...]:
    """The masks that were subtracted, each with the frames and shifts for which it was."""
    items = item_of_frames(made.masks, made.loop.shape[0])
    masks = []
    for index, mask in enumerate(made.masks):
        shown = (items == index) & made.subtracted
        if not shown.any():
            continue
        settled = only_for(mask, shown)
        if made.motion is None:
            masks.append(settled)
        else:
            masks.append(_moved(settled, shown & made.motion.locked, made.motion))
    return tuple(masks)


def _moved(mask: HeaderMask, shown: BoolArray, motion: Motion) -> HeaderMask:
    """The mask with the shift of each frame against it, as measured.

    A header cannot turn a mask: it is moved as the middle of the picture is.
    """
    frames = np.flatnonzero(shown)
    shifts = np.array(
        [
            motion.shift_px[frame] - motion.shift_px[list(mask.mask_for(int(frame)))].mean(axis=0)
            for frame in frames
        ]
    ).reshape(-1, 2)
    return replace(mask, frame_shifts_px=_evened(frames, shifts))


def _evened(frames: npt.NDArray[np.int64], shifts: DoubleArray) -> tuple[tuple[int, Point], ...]:
    """Give neighbouring frames whose shifts hardly differ the same shift."""
    evened: list[tuple[int, Point]] = []
    for frame, (row, column) in zip(frames.tolist(), shifts.tolist(), strict=True):
        before = evened[-1] if evened and evened[-1][0] == frame - 1 else None
        near = (
            before is not None
            and max(abs(before[1][0] - row), abs(before[1][1] - column)) <= EQUAL_PX
        )
        evened.append((frame, before[1] if before is not None and near else (row, column)))
    return tuple(evened)


def _window_ln(report: Report) -> float:
    """Half the window in which contrast shows, from the opacity of the spread before scaling."""
    if report.maps is None:
        return _USUAL_WINDOW_LN
    peak = report.maps.peak_od[np.isfinite(report.maps.peak_od)]
    if not peak.size:
        return _USUAL_WINDOW_LN
    largest = float(np.quantile(peak, _WINDOW_SHARE)) / (report.opacity.scale or 1.0)
    return max(largest, _SMALLEST_WINDOW_LN) if isfinite(largest) else _USUAL_WINDOW_LN


def _encoded(
    masks: Sequence[HeaderMask], loop: CineLoop, identity: Identity, *, window_ln: float
) -> Dataset:
    """PS3.3 A.33.6: mask, shutter and presentation of one multi-frame image."""
    dataset = presentation_state(
        identity,
        KIND,
        XA_XRF_STORAGE,
        label=_LABEL,
        description="Mask frames and shifts; turns of the anatomy left out",
    )
    dataset.SeriesDescription = "Research: mask and shifts"
    frames = loop.shape[0]
    subtracted = item_of_frames(masks, frames) >= 0
    shape = presentation_shape(identity)
    lut, step_ln = _to_log(loop, falling=shape == "INVERSE")
    dataset.MaskSubtractionSequence = [_mask(mask, lut, frames) for mask in masks]
    dataset.MultiFramePresentationSequence = [_multi_frame(loop, subtracted)]
    shutter = source_shutter(identity)
    if shutter is not None:
        shutter.ShutterPresentationValue = dataset.ShutterPresentationValue = 0
        dataset.FrameDisplayShutterSequence = [shutter]
    native = np.flatnonzero(~subtracted).tolist()
    dataset.SoftcopyVOILUTSequence = [
        *(voi_items(identity, native) if native else ()),
        *_difference_window(2 * window_ln / step_ln, np.flatnonzero(subtracted), identity),
    ]
    dataset.PresentationLUTShape = shape
    return dataset


def _mask(mask: HeaderMask, lut: Dataset | None, frames: int) -> Dataset:
    """PS3.3 C.11.19; every frame belongs to one item, and to one range of shifts."""
    made = item(
        MaskOperation=mask.operation,
        ApplicableFrameRange=[end + 1 for pair in mask.frame_ranges for end in pair],
        ContrastFrameAveraging=mask.contrast_frames,
        PixelShiftSequence=[
            item(
                PixelShiftFrameRange=[first + 1, last + 1],
                # Rows count down, columns to the LEFT (PS3.3 C.7.6.10.1.2).
                RegionPixelShiftSequence=[item(MaskSubPixelShift=[row, 0.0 - column])],
            )
            for first, last, (row, column) in _shift_ranges(mask)
        ],
    )
    if mask.operation == "AVG_SUB":
        made.MaskFrameNumbers = [frame + 1 for frame in mask.mask_frames]
    else:
        made.TIDOffset = mask.tid_offset
    if lut is not None:
        whole = item(LUTFunction="TO_LOG", LUTFrameRange=[1, frames])
        whole.update(lut)
        made.PixelIntensityRelationshipLUTSequence = [whole]
    return made


def _shift_ranges(mask: HeaderMask) -> list[tuple[int, int, Point]]:
    """First and last frame of each run of frames with the same shift, within the mask's ranges."""
    ranges: list[tuple[int, int, Point]] = []
    for first, last in mask.frame_ranges:
        for frame in range(first, last + 1):
            shift = mask.shift_of(frame)
            if ranges and frame > first and ranges[-1][2] == shift:
                ranges[-1] = (ranges[-1][0], frame, shift)
            else:
                ranges.append((frame, frame, shift))
    return ranges


def _to_log(loop: CineLoop, *, falling: bool) -> tuple[Dataset | None, float]:
    """The table to the log of the beam, and natural log units between two of its steps.

    A LOG image has none: it is subtracted as it is stored (PS3.4 N.2.5.1, table N.2.5.1-1). Where
    large values are shown dark the table falls, so that contrast is dark in either picture.
    """
    ln = loop.intensity.ln_beam.astype(np.float64)
    low, range_ln = float(ln.min()), float(ln.max() - ln.min()) or 1.0
    if loop.intensity.relationship == "log":
        return None, range_ln / max(len(ln) - 1, 1)
    steps = np.rint((ln - low) / range_ln * _LUT_TOP)
    steps = _LUT_TOP - steps if falling else steps
    table = table_item(steps, first=loop.intensity.first_stored, bits=16)
    return table, range_ln / _LUT_TOP


def _multi_frame(loop: CineLoop, subtracted: BoolArray) -> Dataset:
    """How the frames are played (PS3.3 C.11.21).

    Without times there is no sequence of ranges, which have to name a rate: then the masks alone
    say which frames are subtracted.
    """
    made = item(PreferredPlaybackSequencing=0)
    times = loop.times_s
    if times is None or times[-1] <= times[0]:
        return made
    rate = (len(times) - 1) / float(times[-1] - times[0])
    made.FrameDisplaySequence = [
        _display(first, last, rate, subtracted=bool(subtracted[first]))
        for first, last in sorted((*runs(subtracted), *runs(~subtracted)))
    ]
    return made


def _display(first: int, last: int, rate: float, *, subtracted: bool) -> Dataset:
    made = item(
        StartTrim=first + 1,
        StopTrim=last + 1,
        SkipFrameRangeFlag="DISPLAY",
        RecommendedDisplayFrameRateInFloat=rate,
        RecommendedViewingMode="SUB" if subtracted else "NAT",
        DisplayFilterPercentage=None,
    )
    if subtracted:
        made.MaskVisibilityPercentage = 0.0
    return made


def _difference_window(width: float, frames: Iterable[int], identity: Identity) -> list[Dataset]:
    """No difference is 0, shown mid-grey (PS3.4 N.2.1.2)."""
    return [
        item(
            WindowCenter="0",
            WindowWidth=str(max(round(width), 1)),
            ReferencedImageSequence=referenced_frames(identity, [int(k) for k in frames]),
        )
    ]
