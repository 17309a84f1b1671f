"""The one frame that stands for a loop, with what was found drawn over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.key_frame import key_frame
from napari_fluoroinject.rendering import panels, scene
from napari_fluoroinject.rendering.captioned import draw_captioned, in_gray
from napari_fluoroinject.rendering.statement import moment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.rendering.captioned import Pixels


def draw_key_image(report: Report) -> Pixels:
    """Draw the frame that matters with needle, target, contrast, run-off and a scale bar.

    The frame is that of the overview. It keeps its resolution and lies in the top left corner;
    all words but the length of the scale and the name of a run-off stand in a strip below it.

    Parameters
    ----------
    report
        The analysed loop.

    Returns
    -------
    Pixels
        (rows, columns, 3) uint8; the same report gives the same pixels.
    """
    frame, why = key_frame(report)

    def overlay(axes: Axes) -> None:
        panels.draw_overlays(axes, report, frame)
        panels.draw_scale(axes, report)

    return draw_captioned(
        in_gray(scene.gray(report, frame)),
        report,
        words=(f"{moment(report, frame)}: {why}",),
        keys=panels.keys(report, frame),
        overlay=overlay,
    )
