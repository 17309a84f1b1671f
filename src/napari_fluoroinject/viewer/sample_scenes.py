"""Synthetic loops to try the viewer with: one scene for each group of procedures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import make_phantom_files

if TYPE_CHECKING:
    from pathlib import Path


SIZE_PX, FRAMES, RATE_HZ = 384, 48, 8.0
"""Six seconds of an injection, made in less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScene:
    """A scene of the phantom, and what a person is told that it is."""

    key: str
    words: str
    view: str | None = None


SCENES = (
    SampleScene(
        key="esi_tf_lumbar_subpedicular", words="Transforaminal epidural, lumbar", view="AP"
    ),
    SampleScene(key="esi_il_lumbar", words="Interlaminar epidural, lumbar", view="LAT"),
    SampleScene(key="esi_caudal", words="Caudal epidural", view="LAT"),
    SampleScene(key="mbb_lumbar", words="Medial branch block, lumbar", view="AP"),
    SampleScene(key="facet_ia_lumbar", words="Facet joint, lumbar", view="OBL"),
    SampleScene(key="si_joint_ia", words="Sacroiliac joint", view="AP"),
    SampleScene(key="slbb", words="Sacral lateral branch block", view="AP"),
    SampleScene(key="stellate", words="Stellate ganglion"),
    SampleScene(key="lsb", words="Lumbar sympathetic block", view="AP"),
    SampleScene(key="rfa_lumbar", words="Radiofrequency ablation, lumbar", view="AP"),
    SampleScene(key="scs_lead", words="Spinal cord stimulation lead", view="AP"),
)
"""One for each group, the commonest first."""


def write_scene(scene: SampleScene, folder: Path) -> tuple[Path, ...]:
    """Write the loop of a scene as DICOM, once; returns the files of its frames.

    Parameters
    ----------
    scene
        Which.
    folder
        Where it goes, in a folder of its own.
    """
    room = folder / scene.key
    there = tuple(sorted(room.glob("*.dcm")))
    if there:
        return there
    settings = PhantomSettings(view=scene.view, size=SIZE_PX, frames=FRAMES, frame_rate_hz=RATE_HZ)
    make_phantom_files(scene.key, settings, out=room)
    return tuple(sorted(room.glob("*.dcm")))
