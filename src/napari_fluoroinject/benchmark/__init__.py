"""Figures that anyone can print again: accuracy against truth, every procedure's scenes."""

from napari_fluoroinject.benchmark.cases import DOSES_NGY, SCENES, TWINS, Case, cases
from napari_fluoroinject.benchmark.figures import table
from napari_fluoroinject.benchmark.run import run_benchmark, score_case
from napari_fluoroinject.benchmark.scores import Score, crossing_s, score_report

__all__ = [
    "DOSES_NGY",
    "SCENES",
    "TWINS",
    "Case",
    "Score",
    "cases",
    "crossing_s",
    "run_benchmark",
    "score_case",
    "score_report",
    "table",
]
