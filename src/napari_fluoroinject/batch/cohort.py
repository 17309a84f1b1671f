"""A cohort in figures: what the table of results comes to, procedure by procedure."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.batch.judged import WARNINGS
from napari_fluoroinject.batch.table import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_PROCEDURE = "not decided"
"""Loops that ended before a procedure was decided."""
SPREADS = ("area_mm2", "along_mm", "cranial_mm", "caudal_mm")
DOSES = ("dose_kap_gycm2", "dose_fluoroscopy_s", "dose_kerma_mgy")
MOST_FAILURES_LISTED = 200
_BOUND = {name: f"{name.split('_')[0]}_is_lower_bound" for name in SPREADS}
_SITE = {name: name.replace("dose_", "dose_site_p75_") for name in DOSES}
_COLUMNS = (
    *("loop", "state", "failure_reason", "study_instance_uid", "procedure", "results_folder"),
    *("frames", "assessable_frames", "mm_per_px", "needle_found", "contrast_onset_frame"),
    *("warnings_raised", "dose_basis", "program_version"),
    *(*SPREADS, *_BOUND.values(), *DOSES, *_SITE.values()),
    *(f"warning_{name}_state" for name in WARNINGS),
)


@dataclass(slots=True)
class Figures:
    """What the loops of one procedure come to.

    Attributes
    ----------
    states
        Loops by how they ended.
    with_needle, with_onset, with_mm, with_warning
        Analysed loops with a needle, in which contrast was seen to arrive, with a calibration,
        with at least one warning.
    frames, assessable_frames
        Of the analysed loops together.
    spread, bounds
        Values of each of `SPREADS`; how many of them are "at least".
    warnings
        Of each warning: loops by what became of it.
    doses
        Of each of `DOSES`, the value of each study; a loop whose study is not known counts as
        one. `least` are the studies whose dose stands in headers only.
    references
        The site's own 75th percentiles, where it has set any; the last one seen.
    """

    states: Counter[str] = field(default_factory=Counter)
    with_needle: int = 0
    with_onset: int = 0
    with_mm: int = 0
    with_warning: int = 0
    frames: int = 0
    assessable_frames: int = 0
    spread: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("d") for name in SPREADS}
    )
    bounds: Counter[str] = field(default_factory=Counter)
    warnings: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in WARNINGS}
    )
    doses: dict[str, dict[str, float]] = field(
        default_factory=lambda: {name: {} for name in DOSES}
    )
    studies: set[str] = field(default_factory=set)
    least: set[str] = field(default_factory=set)
    references: dict[str, float] = field(default_factory=dict)

    @property
    def loops(self) -> int:
        """All loops."""
        return self.states.total()

    @property
    def analysed(self) -> int:
        """Loops with results."""
        return self.states["done"]


@dataclass(slots=True)
class Cohort:
    """All loops of a batch: figures by procedure, failures by reason, and the first of them."""

    procedures: dict[str, Figures] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str, str, str]] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)

    def total(self, state: str) -> int:
        """Count loops that ended so."""
        return sum(one.states[state] for one in self.procedures.values())


def read_cohort(out: Path) -> Cohort:
    """Go through the table of results once.

    Parameters
    ----------
    out
        Folder of a batch, whose `results.parquet` is there.

    Raises
    ------
    FluoroinjectError
        pyarrow is not installed.
    OSError
        There is no such table.
    """
    cohort = Cohort()
    for row in rows(out, _COLUMNS):
        _take(cohort, row)
    cohort.procedures = dict(sorted(cohort.procedures.items()))
    return cohort


def rows(out: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Give the rows of the table of results in its order, with these columns only.

    Parameters
    ----------
    out, columns
        Folder of the batch; names.
    """
    with arrow().parquet.ParquetFile(out / "results.parquet") as file:
        for block in file.iter_batches(columns=list(columns), batch_size=1024):
            yield from block.to_pylist()


def _take(cohort: Cohort, row: dict[str, Any]) -> None:
    key = row["procedure"] or NO_PROCEDURE
    figures = cohort.procedures.setdefault(key, Figures())
    # results that are gone are no analysed loop
    state = row["state"] if row["failure_reason"] is None or row["state"] != "done" else "lost"
    figures.states[state] += 1
    if state != "done":
        reason = row["failure_reason"] or "no reason was told"
        cohort.reasons[reason] += 1
        if len(cohort.failed) < MOST_FAILURES_LISTED:
            cohort.failed.append((row["loop"], state, key, reason))
        return
    if row["program_version"]:
        cohort.versions.add(row["program_version"])
    _count(figures, row)
    _measure(figures, row)


def _count(figures: Figures, row: dict[str, Any]) -> None:
    figures.with_needle += bool(row["needle_found"])
    figures.with_onset += row["contrast_onset_frame"] is not None
    figures.with_mm += row["mm_per_px"] is not None
    figures.with_warning += bool(row["warnings_raised"])
    figures.frames += row["frames"] or 0
    figures.assessable_frames += row["assessable_frames"] or 0
    for name in WARNINGS:
        figures.warnings[name][row[f"warning_{name}_state"] or "not_judged"] += 1


def _measure(figures: Figures, row: dict[str, Any]) -> None:
    for name in SPREADS:
        if row[name] is not None:
            figures.spread[name].append(row[name])
            figures.bounds[name] += bool(row[_BOUND[name]])
    study = row["study_instance_uid"] or row["loop"]
    figures.studies.add(study)
    for name in DOSES:
        if row[name] is not None:  # that of the study is in each of its loops
            figures.doses[name][study] = row[name]
            if row["dose_basis"] == "headers":
                figures.least.add(study)
        if row[_SITE[name]] is not None:
            figures.references[name] = row[_SITE[name]]
