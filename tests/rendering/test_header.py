"""The head of the picture: nothing in it covers anything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from drawn_reports import bare, finding
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.rendering import statement
from napari_fluoroinject.rendering.header import draw_header
from napari_fluoroinject.rendering.text_block import Box

if TYPE_CHECKING:
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    from napari_fluoroinject.model.report import Report

BOX = Box(left=20, top=14, width=1560, height=66)
LONG = "Lumbar transforaminal epidural injection, subpedicular"
UTTER = "vascular_uptake_seen_in_a_thin_vessel_far_from_the_needle_and_contrast_at_the_edge"


def _head(report: Report) -> list[Text]:
    figure = Figure(figsize=(16, 10), dpi=100)
    canvas = FigureCanvasAgg(figure)
    draw_header(figure, report, BOX)
    # Only drawing places the frame about the verdict.
    canvas.draw()
    return list(figure.texts)


def _extent(text: Text) -> Bbox:
    # A text in a frame takes the room of its frame.
    frame = text.get_bbox_patch()
    return text.get_window_extent() if frame is None else frame.get_window_extent()


@pytest.mark.parametrize("side", ["left", "bilateral"])
@pytest.mark.parametrize("warning", [None, "vascular_uptake", UTTER])
@pytest.mark.parametrize("name", [LONG, f"{LONG}, {LONG}"])
def test_level_and_side_stay_in_sight_however_long_the_title_is(
    report: Report, name: str, warning: str | None, side: str
) -> None:
    found = () if warning is None else (finding(warning, "critical", "x", frames=(3, 9)),) * 4
    asked = replace(
        report,
        procedure=replace(report.procedure, name=name),
        annotation=Annotation(level="L5-S1", side=side),  # type: ignore[arg-type]  # from a list
        findings=found,
    )
    texts = _head(asked)
    assert f"{name} · L5-S1 · side {side}" in [text.get_text() for text in texts]
    for one, other in combinations(texts, 2):
        assert not _extent(one).overlaps(_extent(other)), (one, other)
    for text in texts:
        assert _extent(text).x0 >= BOX.left - 1
        assert _extent(text).x1 <= BOX.left + BOX.width + 1
        # The titles of the pictures begin below the head.
        assert _extent(text).y0 >= 1000 - (BOX.top + BOX.height + 4)


def test_a_long_verdict_is_wrapped_not_cut(report: Report) -> None:
    asked = replace(report, findings=(finding(UTTER, "critical", "x", frames=(3, 9)),))
    verdict = statement.verdict(asked)[1]
    assert verdict in [text.get_text().replace("\n", " ") for text in _head(asked)]


def test_the_research_statement_stands_in_every_head(report: Report) -> None:
    for drawn in (report, bare(report)):
        assert any(statement.RESEARCH_ONLY in text.get_text() for text in _head(drawn))
