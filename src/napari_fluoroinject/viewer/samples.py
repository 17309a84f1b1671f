"""Sample data: one synthetic loop for each group of procedures, made when it is asked for."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.viewer.reader import read_layers

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.reader import LayerTuple

ORIGIN = "sample, synthetic"
SIZE_PX, FRAMES, RATE_HZ = 384, 48, 8.0
"""Six seconds of injection, made in less."""


def interlaminar() -> list[LayerTuple]:
    """Contrast in the dorsal epidural space, lumbar."""
    return _sample("esi_il_lumbar")


def transforaminal() -> list[LayerTuple]:
    """Contrast below a lumbar pedicle."""
    return _sample("esi_tf_lumbar_subpedicular")


def caudal() -> list[LayerTuple]:
    """Contrast in the sacral canal."""
    return _sample("esi_caudal")


def facet() -> list[LayerTuple]:
    """Contrast in a lumbar facet joint."""
    return _sample("facet_ia_lumbar")


def medial_branch() -> list[LayerTuple]:
    """Contrast at a lumbar medial branch."""
    return _sample("mbb_lumbar")


def radiofrequency() -> list[LayerTuple]:
    """Electrode along a lumbar medial branch."""
    return _sample("rfa_lumbar")


def sacroiliac() -> list[LayerTuple]:
    """Contrast in a sacroiliac joint."""
    return _sample("si_joint_ia")


def lateral_branch() -> list[LayerTuple]:
    """Contrast at a dorsal sacral foramen."""
    return _sample("slbb")


def sympathetic() -> list[LayerTuple]:
    """Contrast in front of a lumbar vertebral body."""
    return _sample("lsb")


def stellate() -> list[LayerTuple]:
    """Contrast in front of the longus colli muscle."""
    return _sample("stellate")


def stimulator() -> list[LayerTuple]:
    """Lead of a spinal cord stimulator."""
    return _sample("scs_lead")


def sample_file(scene: str) -> Path:
    """Return the DICOM file of a synthetic loop; it lies there for as long as the program runs.

    Parameters
    ----------
    scene
        Key of its procedure.
    """
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    folder = Path(_folder().name) / scene
    made = sorted(folder.glob("*.dcm"))
    if made:
        return made[0]
    settings = PhantomSettings(size=SIZE_PX, frames=FRAMES, frame_rate_hz=RATE_HZ)
    return make_phantom_files(scene, settings, out=folder)[0]


def _sample(scene: str) -> list[LayerTuple]:
    return read_layers(str(sample_file(scene)), origin=ORIGIN)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept until the interpreter ends, and taken away then."""
    return tempfile.TemporaryDirectory(prefix="fluoroinject-samples-")
