"""Read a fluoroscopy run: from DICOM files to a cine loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.acquisition import acquisition, over_frames
from napari_fluoroinject.dicom.attributes import number
from napari_fluoroinject.dicom.calibration import calibrate, over_all
from napari_fluoroinject.dicom.find import LoopFiles, fellowship, find_loops, reference_of
from napari_fluoroinject.dicom.frames import JoinedFrames
from napari_fluoroinject.dicom.identity import sha256_of
from napari_fluoroinject.dicom.intensity import intensity_scale
from napari_fluoroinject.dicom.masks import header_masks
from napari_fluoroinject.dicom.opened import OpenedObject, one_error, open_object
from napari_fluoroinject.dicom.order import in_order
from napari_fluoroinject.dicom.patient import patient
from napari_fluoroinject.dicom.result import is_synthetic
from napari_fluoroinject.dicom.setup import over_all as over_setups
from napari_fluoroinject.dicom.setup import setup
from napari_fluoroinject.dicom.shutter import open_field
from napari_fluoroinject.dicom.timing import frame_times, joined_times
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import CineLoop

if TYPE_CHECKING:
    from os import PathLike

    from napari_fluoroinject.dicom.decoder import DecoderWish
    from napari_fluoroinject.dicom.timing import Times
    from napari_fluoroinject.model.arrays import BoolArray
    from napari_fluoroinject.model.cine import Frames
    from napari_fluoroinject.model.masks import HeaderMask

__all__ = ["LoopFiles", "find_loops", "read_loop"]


def read_loop(*paths: str | PathLike[str], decoder: DecoderWish = "cpu") -> CineLoop:
    """Read one loop: a multi-frame file, a single frame, or the single frames of one series.

    XA, RF, Enhanced XA and XRF, and single- and multi-frame secondary captures are read. Frames
    are decoded when they are asked for. What the file does not tell stays unknown, and `notes` of
    the loop say so.

    Parameters
    ----------
    paths
        The file of the loop, or one file per frame in any order.
    decoder
        What decodes compressed frames; the loop says which it was.

    Raises
    ------
    BackendUnavailableError
        The decoder that was asked for is not there.
    UnreadableObjectError
        A file that is no whole DICOM object of these classes, or contradicts itself; or files that
        are not single frames of one loop.
    """
    if not paths:
        raise UnreadableObjectError("read_loop", seen="no file", expected="the files of a loop")
    objects = tuple(open_object(Path(path), decoder=decoder) for path in paths)
    with one_error(objects[0].path.name):
        _check_fellows(objects)
        return _loop(in_order(objects))


def _check_fellows(objects: tuple[OpenedObject, ...]) -> None:
    first = objects[0]
    for one in objects[1:]:
        if one.pixels.frames > 1 or first.pixels.frames > 1:
            raise UnreadableObjectError(
                (one if one.pixels.frames > 1 else first).path.name,
                seen="several frames beside other files",
                expected="one multi-frame file, or files of one frame each",
            )
        if fellowship(one) != fellowship(first):
            raise UnreadableObjectError(
                one.path.name,
                seen=f"another series, class, size or pixel format than that of {first.path.name}",
                expected="single frames of one series",
            )


def _loop(objects: tuple[OpenedObject, ...]) -> CineLoop:
    first = objects[0]
    header, pixels = first.header, first.pixels
    frames = first.frames if len(objects) == 1 else JoinedFrames([one.frames for one in objects])
    times_s, time_notes = _times(objects)
    scale, scale_notes = intensity_scale(header, pixels, captured=first.captured)
    spacing = over_all([calibrate(one.header, source=one.path.name) for one in objects])
    run = over_frames(
        [acquisition(one.header, one.structure.transfer_syntax_uid) for one in objects]
    )
    field, field_notes = _open_field(first, frames)
    masks, mask_notes = _masks(objects)
    decoders = tuple(dict.fromkeys(one.decoder for one in objects if one.decoder is not None))
    own_notes = tuple(dict.fromkeys(note for one in objects for note in one.notes))
    return CineLoop(
        frames=frames,
        times_s=times_s,
        intensity=scale,
        reference=reference_of(objects),
        patient=patient(first.header),
        sha256=sha256_of(objects),
        calibration=spacing.calibration,
        detector_mm_per_px=spacing.detector_mm_per_px,
        view=run.view,
        setup=over_setups([setup(one.header) for one in objects]),
        open_field=field,
        kvp=run.kvp,
        body_part=run.body_part,
        laterality=run.laterality,
        lossy=run.lossy,
        decoder=", ".join(decoders) or None,
        masks=masks,
        synthetic=is_synthetic(first.header),
        notes=(
            *own_notes,
            *time_notes,
            *scale_notes,
            *spacing.notes,
            *run.notes,
            *field_notes,
            *mask_notes,
        ),
    )


def _times(objects: tuple[OpenedObject, ...]) -> Times:
    first = objects[0]
    if len(objects) > 1:
        return joined_times([one.header for one in objects])
    return frame_times(first.header, first.pixels.frames, source=first.path.name)


def _masks(objects: tuple[OpenedObject, ...]) -> tuple[tuple[HeaderMask, ...], tuple[str, ...]]:
    """The header's masks; frames of other objects and captures have none (PS3.3 C.7.6.10)."""
    first = objects[0]
    if first.captured or first.pixels.frames == 1:
        return (), ()
    return header_masks(first.header, first.frames.shape)


def _open_field(first: OpenedObject, frames: Frames) -> tuple[BoolArray | None, tuple[str, ...]]:
    """The header's shutter, less pixels that are padding all the time (PS3.3 C.7.5.1.1.2)."""
    _, rows, columns = frames.shape
    field, notes = open_field(first.header, rows, columns)
    padding = number(first.header, "PixelPaddingValue")
    if padding is None:
        return field, notes
    limit = number(first.header, "PixelPaddingRangeLimit")
    low, high = sorted((padding, padding if limit is None else limit))
    padded = np.ones((rows, columns), np.bool_)
    for index in {0, frames.shape[0] // 2, frames.shape[0] - 1}:
        frame = frames.frame(index)
        padded &= (frame >= low) & (frame <= high)
    if not padded.any() or padded.all():
        return field, notes
    return (~padded if field is None else field & ~padded), notes
