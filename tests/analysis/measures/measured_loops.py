"""A loop with a needle as a person marked it, to be changed by each test."""

from __future__ import annotations

import numpy as np

from napari_fluoroinject.analysis.measures.seen import Seen
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration
from napari_fluoroinject.model.motion import Motion
from napari_fluoroinject.model.needle import Needle

FRAMES = 4
HALF_MM = Calibration(mm_per_px=0.5, basis="iso_ermf")


def seen(
    *,
    hub=(50.0, 60.0),
    tip=(100.0, 100.0),
    sigma=0.5,
    source="given",
    annotation=None,
    needle=None,
    calibration=HALF_MM,
    shift_px=(0.0, 0.0),
) -> Seen:
    """A picture of 200 x 300 pixels at 0.5 mm, its anatomy displaced by `shift_px`."""
    annotation = annotation or Annotation()
    followed = np.tile(np.array(tip), (FRAMES, 1))
    found = Needle(
        tip_px=tip,
        hub_px=hub,
        frame=1,
        tip_uncertainty_px=sigma,
        hub_uncertainty_px=sigma,
        tip_by_frame_px=followed,
        hub_by_frame_px=np.tile(np.array(hub), (FRAMES, 1)),
        source=source,
        tip_end_by="given",
    )
    return Seen(
        loop=CineLoop(
            frames=ArrayFrames(np.zeros((FRAMES, 200, 300), np.uint16)),
            times_s=np.arange(FRAMES) / 15,
            intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(4, np.float32)),
            reference=LoopReference(
                study_instance_uid="1.2",
                series_instance_uid="1.3",
                sop_instance_uid="1.4",
                sop_class_uid="1.5",
            ),
            sha256="0" * 64,
            calibration=calibration,
        ),
        annotation=annotation,
        motion=Motion(
            shift_px=np.tile(np.array(shift_px), (FRAMES, 1)),
            residual=np.ones(FRAMES),
            locked=np.ones(FRAMES, bool),
            bone_weight=np.ones((200, 300), np.float32),
            uncertainty_px=0.05,
        ),
        needle=needle or found,
        view=annotation.view,
    )
