"""A report in the words of the screen: what every other output says, and in the same order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.looks import spoken_unit, words
from napari_fluoroinject.model.annotation import SignOff
from napari_fluoroinject.model.flags import flags_text
from napari_fluoroinject.model.measurement import MEASURES
from napari_fluoroinject.rendering import statement
from napari_fluoroinject.rendering.statement import RESEARCH_ONLY, Row
from napari_fluoroinject.viewer.seen import assessable_said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.model.annotation import Annotation, Confirmed
    from napari_fluoroinject.model.measurement import Measurement
    from napari_fluoroinject.model.report import Report

WATCH = "Not a substitute for watching the loop itself."
_BESIDE_VESSELS = ("Run-off score", "Faintest visible")
"""Rows of the statement that say how little the search for vessels tells."""
_ELSEWHERE = ("tip_to_target",)
"""Measures that stand among the numbers of the statement already."""


def vascular(report: Report) -> tuple[str, ...]:
    """What the search for vascular uptake came to, with its limit and what was not assessed.

    The frames that could not be judged and the limit always stand beside it.
    """
    unseen = statement.vascular_unassessed(report)
    lines = [f"{unseen[:1].upper()}{unseen[1:]}."] if unseen else []
    if report.run_off.reason:
        lines.append(f"Reason: {report.run_off.reason}.")
    rows = {row.label: row for row in statement.measured(report)}
    lines += [row_text(rows[label]) for label in _BESIDE_VESSELS if label in rows]
    return (*lines, assessable_said(report), WATCH)


def numbers(report: Report) -> tuple[Row, ...]:
    """The numbers of the statement, less those that stand beside the vascular search."""
    return tuple(row for row in statement.measured(report) if row.label not in _BESIDE_VESSELS)


def lengths(report: Report) -> str:
    """What the lengths among the numbers rest on."""
    if report.loop.calibration is None:
        return "Lengths are in pixels: the loop is uncalibrated."
    return f"Lengths: {statement.scale(report.loop)}."


def measures(report: Report) -> tuple[Row, ...]:
    """What the procedure asks to be measured: values with unit and view, or why there is none."""
    return tuple(_measure(one) for one in report.measured if one.id not in _ELSEWHERE)


def reviewed(report: Report) -> str:
    """Whether a clinician has looked over the procedure's rules."""
    signed = "have been" if report.procedure.clinician_signed_off else "have not been"
    return f"The rules of the procedure {signed} reviewed by a clinician."


def signed(sign_off: SignOff) -> str:
    """Who signed and when."""
    return f"Signed by {sign_off.operator}, {_moment(sign_off.at)}."


def sign_off_now(operator: str, confirmed: tuple[Confirmed, ...], now: datetime) -> SignOff:
    """A sign-off at a moment that knows its offset from UTC, as DICOM writes it (DT)."""
    if now.tzinfo is None:
        raise ValueError(f"seen {now} without an offset from UTC; expected a moment with one")
    return SignOff(operator=operator, at=now.strftime("%Y%m%d%H%M%S.%f%z"), confirmed=confirmed)


def row_text(row: Row) -> str:
    """A row as one sentence."""
    return f"{row.label}: {row.value}{f'; {row.note}' if row.note else ''}"


def report_text(report: Report, annotation: Annotation) -> str:
    """The whole report as plain text, to be copied, with flags and sign-off as they stand now."""
    sign_off = annotation.sign_off
    flagged = flags_text(annotation.flags, report.loop.times_s)
    measured = map(row_text, (*numbers(report), *measures(report)))
    parts = [
        _part("", [statement.title(report), statement.subtitle(report)]),
        _part("Warnings", _warnings(report)),
        _part("Search for vascular uptake", vascular(report)),
        _part("Flags", [flagged] if flagged else []),
        _part("Measured", (lengths(report), *measured)),
        _part("Of the expected spread", (one.text for one in report.expected)),
        _part("Not known, not judged", statement.unknowns(report)),
        _part("Reminders", report.reminders),
        _part("Sign-off", [signed(sign_off) if sign_off else "Not signed."]),
        _part("How it was made", [statement.made_by(report), reviewed(report), RESEARCH_ONLY]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warnings(report: Report) -> list[str]:
    lines = []
    for one in statement.notices(report):
        when = f" · {one.when}" if one.when else ""
        lines.append(f"{one.severity.upper()} · {one.name}{when}: {one.text}")
    return lines or [statement.all_quiet(report)]


def _part(name: str, lines: Iterable[str]) -> str:
    said = list(lines)
    return "\n".join([name, *said] if name and said else said)


def _measure(one: Measurement) -> Row:
    name = words(one.id)
    label = f"{name[:1].upper()}{name[1:]}" + (f": {words(one.of)}" if one.of else "")
    view = f"{one.view} view" if one.view else "view not known"
    if one.value is None:
        return Row(label=label, value="not measured", note=one.reason)
    unit = "" if one.unit == "1" else f" {spoken_unit(one)}"
    sigma = "" if one.sigma is None else f" \N{PLUS-MINUS SIGN} {_number(one.sigma, one.unit)}"
    value = f"{_number(one.value, one.unit)}{sigma}{unit}"
    return Row(label=label, value=value, note=f"{MEASURES[one.id]}; {view}")


def _number(value: float, unit: str) -> str:
    fine = unit == "1" or 0 < abs(value) < 0.05
    return f"{value:.2f}" if fine else f"{value:.1f}"


def _moment(at: str) -> str:
    try:
        moment = datetime.strptime(at, "%Y%m%d%H%M%S.%f%z")
    except ValueError:
        return at
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")
