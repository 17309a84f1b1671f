"""Frames of a loop that were decoded ahead of its analysis, as one native file beside it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.ahead import frames_ahead
from napari_fluoroinject.model.cine import ArrayFrames

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.model.cine import CineLoop


def write_decoded(loop: CineLoop, folder: Path, *, most_bytes: int) -> Path | None:
    """Decode the frames of a loop into a file that is named by the loop's hash.

    Parameters
    ----------
    loop
        As it was read.
    folder
        Where the file is written; it exists.
    most_bytes
        Of the frames.

    Returns
    -------
    Path or None
        The file, whole; None where nothing is gained because the frames are not coded, or where
        they have more bytes.

    Raises
    ------
    UnreadableObjectError
        A frame cannot be decoded.
    OSError
        The folder cannot be written to.
    """
    if loop.decoder is None:
        return None
    first = loop.frames.frame(0)
    if first.nbytes * loop.shape[0] > most_bytes:
        return None
    path = folder / f"{loop.sha256}.npy"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            header = {"descr": first.dtype.str, "fortran_order": False, "shape": loop.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for frame in frames_ahead(loop.frames):
                file.write(np.ascontiguousarray(frame, first.dtype).tobytes())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def with_decoded(loop: CineLoop, folder: Path) -> CineLoop:
    """Return a loop with the frames that were decoded ahead, mapped; itself where there are none.

    Its hash, its references and its notes are those of its source files: only where the frames
    are read from is another.

    Parameters
    ----------
    loop
        As it was read.
    folder
        Where `write_decoded` wrote.
    """
    with suppress(OSError, ValueError):
        stored = np.load(folder / f"{loop.sha256}.npy", mmap_mode="r", allow_pickle=False)
        if stored.shape == loop.shape and stored.dtype == loop.frames.frame(0).dtype:
            return replace(loop, frames=ArrayFrames(stored))
    return loop
