"""The measures of the procedure: numbers with view and uncertainty, or why there is none."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.sr_marks import landmark_name, landmark_notes
from napari_fluoroinject.dicom.sr_writer import Number, noted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.sr_writer import Group, GroupWriter
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.report import Report


def measure_groups(write: GroupWriter) -> Iterator[Group | None]:
    """One group for each measure that has a value: of one landmark, in one view."""
    seen: Counter[str] = Counter()
    for one in write.report.measured:
        if not _has_value(one):
            continue
        label = _label(one)
        seen[label] += 1
        again = "" if seen[label] == 1 else f" {seen[label]}"
        yield noted(_group(write, one, f"{label}{again}"), _notes(write.report, one))


def not_measured(report: Report) -> list[str]:
    """What has no value, and why: one sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in report.measured:
        if not _has_value(one):
            reason = one.reason or "the result is not a finite number"
            by_reason.setdefault(reason, []).append(_words(report, one))
    return [f"{'; '.join(dict.fromkeys(what))}: {why}." for why, what in by_reason.items()]


def _has_value(one: Measurement) -> bool:
    return one.value is not None and isfinite(one.value)


def _group(write: GroupWriter, one: Measurement, label: str) -> Group | None:
    unit, name = codes.unit(one.unit), codes.measure(one.id)
    view = None if one.view is None else codes.view(one.view)
    return write.group(
        label,
        codes.private("measure") if one.of is None else codes.landmark(one.of),
        (
            Number(name=name, value=one.value, unit=unit),
            Number(name=codes.private("measure-sigma"), value=one.sigma, unit=unit),
        ),
        answers=() if view is None else ((codes.private("measure-view"), view),),
    )


def _label(one: Measurement) -> str:
    of = "" if one.of is None else f" of {one.of}"
    return f"{one.id}{of}{'' if one.view is None else f' in {one.view}'}"


def _notes(report: Report, one: Measurement) -> list[tuple[Code, str]]:
    """What has no code of its own: landmarks and views of the site."""
    notes = landmark_notes(report.procedure, one.of)
    if one.view is not None and codes.view(one.view) is None:
        notes.append((codes.private("measure-view"), one.view))
    return notes


def _words(report: Report, one: Measurement) -> str:
    of = "" if one.of is None else f" ({landmark_name(report.procedure, one.of)})"
    view = "" if one.view is None else f" in view {one.view}"
    return f"{one.id.replace('_', ' ')}{of}{view}"
