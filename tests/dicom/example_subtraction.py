"""A subtracted loop of any source whose differences are chosen here."""

from __future__ import annotations

import numpy as np
import sources
from example_report import example_report

from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.subtracted import MIDDLE, UNDEFINED, SubtractedLoop

LOOPS = [kind for kind in sources.SOURCES if "single" not in kind and "one" not in kind]
MASK = HeaderMask(operation="AVG_SUB", mask_frames=(0, 1, 2))


def subtraction(paths, **changes):
    """A subtracted loop of this source whose differences are chosen here."""
    report = example_report(paths)
    stored = np.full(report.loop.shape, MIDDLE, np.uint16)
    stored[4:, 20:30, 20:40] = MIDDLE - 1250  # half a log unit
    stored[:, 0], stored[0, 1, :3] = UNDEFINED, (1, 65535, MIDDLE + 1)
    fields = {
        "loop": report.loop,
        "stored": stored,
        "subtracted": np.ones(len(stored), bool),
        "masks": (MASK,),
        "mask_source": "found",
        "motion": report.motion,
        "onset_frame": 4,
        "window_ln": 0.25,
        "provenance": report.provenance,
    }
    return SubtractedLoop(**(fields | changes))
