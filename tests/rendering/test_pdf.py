"""The report on paper: A4, embedded fonts, the same bytes, and every statement of the overview."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn_reports import bare, drawn_report, finding, uncalibrated, with_expected, with_run_off
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_fluoroinject.rendering import statement
from napari_fluoroinject.rendering.pdf import HEIGHT_PX, NO_NAME, WIDTH_PX, _pages, draw_pdf

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


def page_figures(report: Report) -> list[Figure]:
    figures = []
    for compose in _pages(report):
        figure = Figure(figsize=(WIDTH_PX / 100, HEIGHT_PX / 100), dpi=100)
        FigureCanvasAgg(figure)
        compose(figure)
        figures.append(figure)
    return figures


def said(figures: list[Figure]) -> str:
    words = [text.get_text() for figure in figures for text in figure.texts]
    return " ".join(" ".join(words).split())


def objects(pdf: bytes) -> bytes:
    """The PDF with its streams unpacked where they are packed."""
    parts = [pdf]
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(packed))
        except zlib.error:
            continue
    return b"\n".join(parts)


def test_it_is_a_pdf_of_a4_pages(report: Report) -> None:
    pdf = draw_pdf(report)
    assert pdf.startswith(b"%PDF-1.")
    boxes = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert boxes
    for width, height in boxes:
        assert float(width) / 72 * 25.4 == pytest.approx(210, abs=0.5)
        assert float(height) / 72 * 25.4 == pytest.approx(297, abs=0.5)


def test_every_font_is_embedded(report: Report) -> None:
    pdf = objects(draw_pdf(report))
    assert b"/FontFile2" in pdf
    assert pdf.count(b"/Type /FontDescriptor") == pdf.count(b"/FontFile2")


def test_it_holds_no_date_and_no_name_of_a_program(report: Report) -> None:
    pdf = objects(draw_pdf(report))
    for word in (b"CreationDate", b"ModDate", b"Producer", b"/Creator", b"/Author", b"/Title"):
        assert word not in pdf


def test_another_process_with_another_hash_seed_draws_the_same_bytes(report: Report) -> None:
    code = (
        "import hashlib; from drawn_reports import drawn_report;"
        "from napari_fluoroinject.rendering.pdf import draw_pdf;"
        "print(hashlib.sha256(draw_pdf(drawn_report())).hexdigest())"
    )
    paths = os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert made == {hashlib.sha256(draw_pdf(report)).hexdigest()}


def test_a_report_takes_one_or_two_pages(report: Report) -> None:
    for changed in (report, with_expected(with_run_off(report)), uncalibrated(report)):
        assert len(page_figures(changed)) in (1, 2)
    assert len(page_figures(bare(report))) == 1


def test_every_statement_of_the_overview_stands_in_it(report: Report) -> None:
    told = with_expected(with_run_off(report))
    words = said(page_figures(told))
    assert statement.title(told) in words
    assert statement.subtitle(told) in words
    assert statement.verdict(told)[1] in words
    assert statement.RESEARCH_ONLY in words
    assert statement.made_by(told) in words
    assert NO_NAME in words
    assert told.loop.sha256[:16] in words
    for row in statement.measured(told):
        assert f"{row.label}: {row.value}" in words
        assert row.note in words
    for notice in statement.notices(told):
        assert notice.text in words
    for line in (*statement.unknowns(told), told.expected[0].text):
        assert line in words


def test_nothing_is_dropped_however_much_there_is_to_say(report: Report) -> None:
    many = tuple(
        finding("image_unfit", "moderate", f"Reason {k}: " + 12 * "a long reason ")
        for k in range(30)
    )
    figures = page_figures(replace(report, findings=many))
    words = said(figures)
    assert len(figures) > 2
    assert all(f"Reason {k}:" in words for k in range(30))
    assert "more in the report" not in words
    assert f"page {len(figures)} of {len(figures)}" in words


def test_no_words_run_over_the_foot_or_the_edge(report: Report) -> None:
    for figure in page_figures(with_expected(with_run_off(report))):
        renderer = figure.canvas.get_renderer()
        for text in figure.texts:
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0
            assert box.x1 <= WIDTH_PX
            assert box.y0 >= 0
            assert box.y1 <= HEIGHT_PX


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("size", [16, 130])
def test_loops_of_any_length_and_size_can_be_drawn(frames: int, size: int) -> None:
    report = drawn_report(frames=frames, size=size)
    for changed in (report, with_run_off(report), uncalibrated(report), bare(report)):
        assert page_figures(changed)
