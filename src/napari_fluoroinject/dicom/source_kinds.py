"""A synthetic loop as every kind of source that results are written for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.cine_object import (
    encode_cine,
    encode_series,
    phantom_identity,
    write_cine,
)
from napari_fluoroinject.dicom.header import referenced
from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.dicom.items import coded
from napari_fluoroinject.model.cine import ArrayFrames, IntensityScale

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.cine_object import CineIdentity
    from napari_fluoroinject.model.cine import CineLoop

SourceForm = Literal["multi-frame", "one of one", "one", "series", "pair"]
"""Many frames in an object; one, with and without Number of Frames; an object for each frame; two
planes that name each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """A kind of source: `kind` as `encode_cine` names it."""

    key: str
    title: str
    kind: str
    form: SourceForm = "multi-frame"


_EIGHT_BITS = ("sc_byte", "sc_color")
_SHOWN = (0.005, 0.995)
"""Part of the grey values that a screen shows."""

SOURCE_KINDS = (
    SourceKind(key="xa", title="XA", kind="xa"),
    SourceKind(key="xa_one", title="XA, one frame", kind="xa", form="one of one"),
    SourceKind(key="xa_bare", title="XA, no Number of Frames", kind="xa", form="one"),
    SourceKind(key="xa_series", title="XA, series of single frames", kind="xa", form="series"),
    SourceKind(key="biplane", title="XA, biplane pair", kind="xa", form="pair"),
    SourceKind(key="rf", title="RF", kind="rf"),
    SourceKind(key="rf_series", title="RF, series of single frames", kind="rf", form="series"),
    SourceKind(key="enhanced_xa", title="Enhanced XA", kind="enhanced_xa"),
    SourceKind(key="enhanced_xrf", title="Enhanced XRF", kind="enhanced_xrf"),
    SourceKind(key="sc_byte", title="SC, grayscale byte", kind="sc_byte"),
    SourceKind(key="sc_word", title="SC, grayscale word", kind="sc_word"),
    SourceKind(key="sc_color", title="SC, true colour", kind="sc_color"),
    SourceKind(key="sc", title="SC, one frame", kind="sc", form="one"),
)
"""Every kind, in the order of the matrix."""


def write_as(
    loop: CineLoop, source: SourceKind, *, seed: int, folder: Path
) -> tuple[tuple[Path, ...], ...]:
    """Write a loop as one kind of source.

    Parameters
    ----------
    loop
        As a phantom gives it. Where the source holds one frame it is the last one.
    source
        The kind.
    seed
        Of the phantom: it names patient and study.
    folder
        Where the files are put.

    Returns
    -------
    The files of each loop: of two for a pair, else of one.
    """
    identity = phantom_identity(source.key, seed)
    if source.kind in _EIGHT_BITS:
        loop = _captured(loop)
    made: list[tuple[Dataset, ...]]
    if source.form == "series":
        made = [encode_series(loop, kind=source.kind, identity=identity)]
    elif source.form == "pair":
        made = [(plane,) for plane in _planes(loop, source.kind, identity)]
    elif source.form == "multi-frame":
        made = [(encode_cine(loop, kind=source.kind, identity=identity),)]
    else:
        single = encode_cine(_last_frame(loop), kind=source.kind, identity=identity)
        if source.form == "one of one":
            single.NumberOfFrames = 1
        made = [(single,)]
    return tuple(
        tuple(
            _written(dataset, folder / f"{source.key}_{plane}_{k:03d}.dcm")
            for k, dataset in enumerate(datasets)
        )
        for plane, datasets in enumerate(made)
    )


def _written(dataset: Dataset, path: Path) -> Path:
    write_cine(dataset, path)
    return path


def _planes(loop: CineLoop, kind: str, identity: CineIdentity) -> tuple[Dataset, Dataset]:
    """Two loops that name each other as the other plane (PS3.3 C.8.7.1.1.1)."""
    other = replace(
        loop,
        reference=replace(
            loop.reference, sop_instance_uid=derived_uid(loop.reference.sop_instance_uid, "plane")
        ),
    )
    first, second = (encode_cine(one, kind=kind, identity=identity) for one in (loop, other))
    for plane, dataset, twin in (("A", first, second), ("B", second, first)):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", f"BIPLANE {plane}"]
        named = referenced(twin)
        named.PurposeOfReferenceCodeSequence = [coded(codes.OTHER_PLANE)]
        dataset.ReferencedImageSequence = [named]
    second.InstanceNumber = 2
    return first, second


def _captured(loop: CineLoop) -> CineLoop:
    """The loop as a frame grabber sees it: 8 bits, brighter where more beam comes through."""
    stored = loop.frames.every()
    ln = loop.intensity.ln(stored)
    low, high = np.quantile(ln[0], _SHOWN)
    shown = np.clip((ln - low) / (high - low), 0.0, 1.0) * 255
    grey = IntensityScale(
        relationship="display", ln_beam=np.linspace(low, high, 256, dtype=np.float32)
    )
    return replace(loop, frames=ArrayFrames(np.round(shown).astype(np.uint8)), intensity=grey)


def _last_frame(loop: CineLoop) -> CineLoop:
    return replace(loop, frames=ArrayFrames(loop.frames.every()[-1:]), times_s=None)
