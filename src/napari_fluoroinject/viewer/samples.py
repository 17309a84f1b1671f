"""Sample data: one synthetic loop for each group of procedures, made when it is asked for."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.viewer.reader import read_layers
from napari_fluoroinject.viewer.sample_scenes import SCENES, write_scene

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.reader import LayerTuple

ORIGIN = "sample, synthetic"


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


def _sample(key: str) -> list[LayerTuple]:
    scene = next(one for one in SCENES if one.key == key)
    (file,) = write_scene(scene, Path(_folder().name))
    return read_layers(str(file), origin=ORIGIN)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept until the interpreter ends, and taken away then."""
    return tempfile.TemporaryDirectory(prefix="fluoroinject-samples-")
