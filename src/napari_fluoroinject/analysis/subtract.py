"""A whole loop subtracted: anatomy followed, masks chosen, frames less their masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from napari_fluoroinject.analysis.exposure import exposure_blocks, offsets_of_blocks
from napari_fluoroinject.analysis.field import find_open_field
from napari_fluoroinject.analysis.header_mask import check_mask
from napari_fluoroinject.analysis.legible import check_size
from napari_fluoroinject.analysis.motion import re_reference
from napari_fluoroinject.analysis.pipeline import SOFTWARE, register
from napari_fluoroinject.analysis.pose import mask_in_reference_pose, open_throughout, poses
from napari_fluoroinject.analysis.subtraction import differences
from napari_fluoroinject.analysis.working import binned_loop, full_motion, full_picture
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray
from napari_fluoroinject.model.geometry import binning
from napari_fluoroinject.model.masks import HeaderMask, item_of_frames
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.on_loop import check_mask_frames
from napari_fluoroinject.model.report import Provenance
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, UNDEFINED, SubtractedLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.annotation import MaskSource
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.cine import CineLoop

WINDOW_SHARE = 0.995
"""Share of all differences that the display's window holds: contrast fills little of a loop."""
SMALLEST_WINDOW_LN = 0.1
"""The window is at least this wide on either side, so that noise alone does not fill the greys."""

_KEPT_FRAMES = 16
"""Frames held for the sake of intervals and averages; others are decoded again."""
_LARGEST_STORED = 65535

StoredDifferences = npt.NDArray[np.uint16]
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def subtract_loop(
    loop: CineLoop,
    *,
    on: Backend,
    mask: MaskSource = "found",
    mask_frames: tuple[int, ...] = (),
    as_stored: bool = False,
    progress: Progress = lambda _step, _fraction: None,
) -> SubtractedLoop:
    """Subtract the masks of a loop from its frames, in the natural log of the beam.

    Parameters
    ----------
    loop
        The cine loop, of two frames or more.
    on
        The compute backend.
    mask
        `found`: the mean of the frames before contrast. `header`: what the header defines
        (AVG_SUB, TID, REV_TID, several items); frames of no item are undefined.
    mask_frames
        Rising, counted from 0: the mean of these frames in place of all that.
    as_stored
        Leave frames where they stand and move masks by the header's shifts alone. Else the motion
        of the anatomy is measured and undone, and those shifts, which stand for it, are left out;
        and differences in exposure are evened out, so that what stays the same is mid-grey.
    progress
        Told before each step.

    Raises
    ------
    UnreadableObjectError
        A frame cannot be decoded.
    AnalysisError
        There is nothing to subtract: one frame, a tiny picture, no masks.
    AnnotationError
        Mask frames that the loop does not have.
    """
    source: MaskSource | Literal["given"] = "given" if mask_frames else mask
    _check(loop, source, mask_frames)
    followed = motion = exposure_ln = None
    if source == "found" or not as_stored:
        progress("following the anatomy", 0.05)
        followed = _followed(loop, on)
    masks = _masks(loop, mask, mask_frames, followed)
    if followed is not None and not as_stored:
        masks = tuple(_usable(one, followed.motion) for one in masks)
        motion, exposure_ln = _placed(followed, masks), followed.exposure_ln
    progress("subtracting", 0.4)
    field = _seen_field(loop) if followed is None else followed.field
    pictures = _pictures(loop, motion, exposure_ln, on)
    made = differences(pictures, masks, loop.shape[0], on=on, with_shifts=as_stored)
    stored = _stored(made, loop.shape, loop.open_field if as_stored else field, motion)
    progress("done", 1.0)
    return SubtractedLoop(
        loop=loop,
        stored=stored,
        subtracted=item_of_frames(masks, loop.shape[0]) >= 0,
        masks=masks,
        mask_source=source,
        motion=motion,
        onset_frame=None if followed is None else followed.injection.onset_frame,
        window_ln=_window_ln(stored, field),
        provenance=_provenance(loop, source, as_stored=as_stored, on=on),
    )


def _check(loop: CineLoop, source: str, mask_frames: tuple[int, ...]) -> None:
    """Refuse what cannot be subtracted, before anything is decoded."""
    check_size(loop)
    if loop.shape[0] < 2:
        raise AnalysisError(
            "nothing can be subtracted from a single frame; expected a loop of two or more"
        )
    check_mask_frames(mask_frames, loop.shape[0])
    if source == "header":
        check_mask(loop, "header")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Followed:
    """What the picture tells, in the pixels of the loop itself.

    `exposure_ln` is what each frame lacks in exposure against the frames before contrast.
    """

    motion: Motion
    injection: Injection
    field: BoolArray
    exposure_ln: DoubleArray


def _followed(loop: CineLoop, on: Backend) -> _Followed:
    """Motion, mask frames and field, measured at the size at which loops are analysed."""
    # More threads add up in another order, so that results would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        registered = register(binned_loop(loop, on=on), on=on)
    factor, shape = binning(loop.shape[1:]), loop.shape[1:]
    motion, field = registered.motion, registered.field
    return _Followed(
        motion=motion if factor == 1 else full_motion(motion, factor, shape),
        injection=registered.injection,
        field=field if factor == 1 else full_picture(field, factor, shape),
        exposure_ln=_exposure_ln(registered, on),
    )


def _exposure_ln(registered: RegisteredLoop, on: Backend) -> DoubleArray:
    judged = open_throughout(registered.field, registered.motion)
    aligned = on.kernels.warp(registered.ln, poses(registered.motion))
    blocks = exposure_blocks(aligned, judged, on=on)
    before = registered.injection.mask_frames or range(len(blocks))
    return offsets_of_blocks(blocks[list(before)].mean(axis=0) - blocks, judged, on=on)


def _seen_field(loop: CineLoop) -> BoolArray:
    """Where beam is seen in a few frames: noise behind blades would open the window wide."""
    few = np.unique(np.linspace(0, loop.shape[0] - 1, _KEPT_FRAMES).astype(int))
    ln = np.stack([loop.intensity.ln(loop.frames.frame(int(frame))) for frame in few])
    return find_open_field(ln, loop.open_field)


def _masks(
    loop: CineLoop, mask: MaskSource, frames: tuple[int, ...], followed: _Followed | None
) -> tuple[HeaderMask, ...]:
    """What is taken off, before frames are left out that the registration lost."""
    if frames:
        return (HeaderMask(operation="AVG_SUB", mask_frames=frames),)
    return loop.masks if mask == "header" else _found(followed)


def _found(followed: _Followed | None) -> tuple[HeaderMask, ...]:
    frames = () if followed is None else followed.injection.mask_frames
    if not frames:
        raise AnalysisError(
            "no frames before contrast were found in the picture; expected a loop that begins "
            "before the injection, or --mask header where its file names masks"
        )
    return (HeaderMask(operation="AVG_SUB", mask_frames=frames),)


def _usable(mask: HeaderMask, motion: Motion) -> HeaderMask:
    """Without mask frames that the registration lost, as long as others are left."""
    locked = tuple(
        frame for frame in mask.mask_frames if frame >= len(motion.locked) or motion.locked[frame]
    )
    return replace(mask, mask_frames=locked or mask.mask_frames)


def _placed(followed: _Followed, masks: tuple[HeaderMask, ...]) -> Motion:
    """The motion relative to the first mask that is subtracted; intervals have no pose."""
    items = item_of_frames(masks, len(followed.motion.locked))
    first = next(
        (mask.mask_frames for k, mask in enumerate(masks) if mask.mask_frames and k in items),
        followed.injection.mask_frames,
    )
    return re_reference(followed.motion, first)


def _stored(
    made: Iterator[FloatArray | None],
    shape: tuple[int, int, int],
    field: BoolArray | None,
    motion: Motion | None,
) -> StoredDifferences:
    """All differences as they are stored, frame by frame; undefined outside the field."""
    stored = np.full(shape, UNDEFINED, dtype=np.uint16)
    for frame, difference in enumerate(made):
        if difference is None:
            continue
        value = np.rint(difference / np.float32(STEP_LN)) + np.float32(MIDDLE)
        stored[frame] = np.clip(value, UNDEFINED + 1, _LARGEST_STORED)
        inside = _inside(field, motion, frame)
        if inside is not None:
            stored[frame, ~inside] = UNDEFINED
    stored.flags.writeable = False  # so that it is handed over, not copied
    return stored


def _pictures(
    loop: CineLoop, motion: Motion | None, exposure_ln: DoubleArray | None, on: Backend
) -> Callable[[int], FloatArray]:
    """Gives single log frames; where these are known, in the reference pose, evenly exposed."""
    moves = None if motion is None else poses(motion)

    @lru_cache(maxsize=_KEPT_FRAMES)
    def picture(frame: int) -> FloatArray:
        ln = loop.intensity.ln(loop.frames.frame(frame))
        if moves is not None:
            ln = on.kernels.warp(ln[None], moves[frame : frame + 1])[0]
        return ln if exposure_ln is None else ln + np.float32(exposure_ln[frame])

    return picture


def _inside(field: BoolArray | None, motion: Motion | None, frame: int) -> BoolArray | None:
    """Pixels that show the field in the frame and in the mask; None = all."""
    if field is None or motion is None:
        return field
    return field & mask_in_reference_pose(field, motion, frame)


def _window_ln(stored: StoredDifferences, field: BoolArray) -> float:
    """What all differences in the field but few stay below, up or down."""
    values = np.zeros(_LARGEST_STORED + 1, dtype=np.int64)
    for frame in stored:
        values += np.bincount(frame[field], minlength=len(values))
    values[UNDEFINED] = 0
    share = np.cumsum(np.bincount(np.abs(np.arange(len(values)) - MIDDLE), weights=values))
    steps = int(np.searchsorted(share, WINDOW_SHARE * share[-1]))
    return max(steps * STEP_LN, SMALLEST_WINDOW_LN)


def _provenance(loop: CineLoop, mask: str, *, as_stored: bool, on: Backend) -> Provenance:
    decoder = () if loop.decoder is None else (("decoder", loop.decoder),)
    return Provenance(
        software=SOFTWARE,
        version=version(SOFTWARE),
        backend=on.name,
        device=on.device,
        backend_version=on.version,
        parameters=(
            ("mask", mask),
            ("motion", "as stored" if as_stored else "measured"),
            *decoder,
        ),
    )
