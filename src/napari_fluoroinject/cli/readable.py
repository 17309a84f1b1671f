"""A summary in words that a physician can read: what was seen, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

WIDTH = 96
_LABEL = 26
_SEVERITIES = ("critical", "high", "moderate", "info")
_BASES = {
    "iso_ermf": "isocentre plane, header factor",
    "iso_sid_sod": "isocentre plane, from distances",
    "pixel_spacing_fiducial": "fiducial in the picture",
    "needle_gauge": "estimated from the needle's gauge",
}
_TIP_ENDS = {
    "moved": "it moved",
    "contrast": "contrast left it",
    "centre": "it lies nearer the centre, the weakest sign",
    "given": "given by a person",
}

Summary = Mapping[str, Any]


def statement(summary: Summary, *, title: str) -> str:
    """The whole summary as text; the unknown is said, and no silence reads as a clearance."""
    parts = [_heading(summary, title), _warnings(summary), _measured(summary), _unknown(summary)]
    return "\n\n".join(part for part in parts if part)


def line(label: str, value: str) -> str:
    """One labelled line, its value folded under itself."""
    return fill(
        value,
        width=WIDTH,
        initial_indent=f"  {label:<{_LABEL}}" if len(label) < _LABEL else f"  {label}  ",
        subsequent_indent=" " * (_LABEL + 2),
        # paths and identifiers are copied from the terminal: they stay whole
        break_long_words=False,
        break_on_hyphens=False,
    )


def section(title: str, lines: list[str]) -> str:
    """A titled block; empty where there are no lines."""
    return "\n".join([title, *lines]) if lines else ""


def _heading(summary: Summary, title: str) -> str:
    source = summary["source"]
    rate = _frame_rate(source["times_s"])
    parts = [
        f"{source['frames']} frames of {source['columns']} x {source['rows']} pixels",
        "frame times unknown" if rate is None else f"{rate:.3g} frames/s",
        f"view {source['view']['name']}" if source["view"]["name"] else "view unknown",
        _scale(source),
    ]
    asked = [str(part) for part in (summary["level"], summary["side"]) if part]
    kind = fill(" - ".join(parts), WIDTH, initial_indent="  ", subsequent_indent="  ")
    return section(", ".join([title, *asked]), [kind])


def _scale(source: Summary) -> str:
    if source["mm_per_px"] is None:
        return "uncalibrated"
    sigma = source["mm_per_px_relative_uncertainty"]
    sure = "uncertainty unknown" if sigma is None else f"1 sigma {100 * sigma:.0f} %"
    return f"{source['mm_per_px']:.3f} mm per pixel ({_BASES[source['mm_per_px_basis']]}; {sure})"


def _warnings(summary: Summary) -> str:
    warnings = sorted(
        summary["warnings"], key=lambda warning: _SEVERITIES.index(warning["severity"])
    )
    judged = summary["assessable"]
    seen = f"{judged['frames']} of {judged['of']} frames could be judged"
    if not warnings:
        return section(
            "Warnings",
            [line("none raised", f"{seen}. This is not a clearance: see what is not known.")],
        )
    lines = [
        line(
            f"{warning['severity'].upper()}",
            f"{warning['id'].replace('_', ' ')}{_when(summary, warning['frames'])}: "
            f"{warning['text']}",
        )
        for warning in warnings
    ]
    return section("Warnings", [*lines, line("", f"{seen}.")])


def _measured(summary: Summary) -> str:
    lines = [*_needle_lines(summary), *_spread_lines(summary)]
    lines += _run_off_lines(summary)
    return section("Measured", lines)


def _needle_lines(summary: Summary) -> Iterator[str]:
    needle = summary["needle"]
    if needle is None:
        yield line("needle", f"not found: {summary['needle_reason']}")
        return
    row, column = needle["tip_px"]
    sure = needle["tip_uncertainty_px"]
    yield line(
        "needle tip",
        f"row {row:.1f}, column {column:.1f}"
        f"{'' if sure is None else f' (1 sigma {sure:.1f} px along the needle)'} in frame "
        f"{needle['frame'] + 1}; told from the hub because {_TIP_ENDS[needle['tip_end_by']]}",
    )
    target = summary["target"]
    if target is not None:
        yield line("tip to target", _length(target, "tip_distance") or "not known")


def _spread_lines(summary: Summary) -> Iterator[str]:
    spread, opacity = summary["spread"], _opacity_unit(summary)
    area = _quantity(spread["area_mm2"], "mm2") or _quantity(spread["area_px"], "pixels")
    for label, value in (
        ("contrast area at the end", area),
        ("along the spine", _length(spread, "along")),
        ("across the spine", _length(spread, "across")),
        ("cranial of the tip", _length(spread, "cranial")),
        ("caudal of the tip", _length(spread, "caudal")),
        ("contrast first seen", _quantity(spread["first_arrival_s"], "s", 2)),
        ("speed of the front", _length(spread, "front_speed", per="/s")),
        ("peak opacity", _quantity(spread["peak_od"], opacity, 2)),
        ("faintest spread to show", _quantity(spread["detection_limit_od"], opacity, 3)),
    ):
        if value is not None:
            yield line(label, value)


def _run_off_lines(summary: Summary) -> Iterator[str]:
    found = summary["run_off"]
    if found["score"] is not None and found["reason"] is None:
        yield line(
            "strongest run-off",
            f"{found['score']:.2f} of what raises a warning{_when(summary, found['frames'])}",
        )
    faintest = _quantity(found["smallest_seen_od"], _opacity_unit(summary), 3)
    if faintest is not None:
        yield line("faintest run-off to show", faintest)


def _opacity_unit(summary: Summary) -> str:
    return "(natural log)" if summary["source"]["quantitative"] else "(relative only)"


def _unknown(summary: Summary) -> str:
    source, spread = summary["source"], summary["spread"]
    lines = []
    if source["mm_per_px"] is None:
        lines.append("Millimetres: the loop has no calibration; lengths are in pixels.")
    if not source["quantitative"]:
        lines.append(
            f"Opacity: pixel values are {source['intensity']}, not a known function of the beam."
        )
    if summary["contrast_onset_frame"] is None:
        lines.append("Contrast: no arrival was seen.")
    if summary["side"] is None and source["laterality"] is None:
        lines.append("Side: nobody said which, and the picture does not tell left from right.")
    if summary["run_off"]["reason"]:
        lines.append(f"Run-off into vessels: {summary['run_off']['reason']}")
    lines += [*summary["assessable"]["reasons"], *spread["reasons"], *summary["notes"]]
    folded = [
        fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
        for text in dict.fromkeys(lines)
    ]
    return section("Not known", folded)


def _when(summary: Summary, frames: list[int] | None) -> str:
    """` in frames 31 to 44 (2.0 to 2.9 s)`; people count frames from 1."""
    if frames is None:
        return ""
    first, last = frames
    times = summary["source"]["times_s"]
    seconds = "" if times is None else f" ({times[first]:.1f} to {times[last]:.1f} s)"
    return f" in frames {first + 1} to {last + 1}{seconds}"


def _frame_rate(times_s: list[float] | None) -> float | None:
    if times_s is None or len(times_s) < 2 or times_s[-1] <= times_s[0]:
        return None
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])


def _length(values: Summary, name: str, *, per: str = "") -> str | None:
    """Millimetres where they are known, else pixels, else None."""
    # area_mm2 / along_mm and front_speed_mm_s differ in where the unit stands
    suffix = "_s" if per else ""
    return _quantity(values[f"{name}_mm{suffix}"], f"mm{per}", 1) or _quantity(
        values[f"{name}_px{suffix}"], f"pixels{per}", 1
    )


def _quantity(value: float | None, unit: str, digits: int = 0) -> str | None:
    return None if value is None else f"{value:.{digits}f} {unit}"
