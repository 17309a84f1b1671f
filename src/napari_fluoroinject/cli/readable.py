"""A summary in words that a physician can read: what was seen, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from napari_fluoroinject.cli.console import printable

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
    "moved": "told from the hub because it moved",
    "edge": "told from the hub because the other end leaves the open field",
    "hub": "told from the hub, which is seen at the other end",
    "contrast": "told from the hub because contrast left it",
    "centre": "told from the hub because it lies nearer the centre, the weakest sign",
    "given": "given by a person",
}

_TOLD_ELSEWHERE = (
    "tip_to_target",
    "cranio_caudal_extent",
    "lateral_extent",
    "front_speed",
    "tubularity",
)
"""Measures of a procedure that the loop's own numbers say in other words."""

_SPOKEN_UNITS = {
    "{pixels}": " pixels",
    "{levels}": " levels",
    "{levels}/mL": " levels/mL",
    "1": "",
}
"""Units (UCUM) as people write them."""

_SHOWN = {"shown": "features shown", "not shown": "not all shown", "not judged": "not judged"}
"""How much of an expected pattern a view shows; none of them clears anything."""

Summary = Mapping[str, Any]


def statement(summary: Summary, *, title: str, source: str | None = None) -> str:
    """The whole summary as text; the unknown is said, and no silence reads as a clearance."""
    parts = [
        _heading(summary, title if source is None else f"{source}: {title}"),
        _warnings(summary),
        section("Reminders", [line("checklist", text) for text in summary["reminders"]]),
        _measured(summary),
        _expected(summary),
        _dose(summary),
        _unknown(summary),
    ]
    text = "\n\n".join(part for part in parts if part)
    return "\n".join(printable(told) for told in text.split("\n"))


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
        f"{_frames(source['frames'])} of {source['columns']} x {source['rows']} pixels",
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
    seen = f"{judged['frames']} of {_frames(judged['of'])} could be judged."
    lines = [
        line(
            f"{warning['severity'].upper()}",
            f"{warning['id'].replace('_', ' ')}{_when(summary, warning['frames'])}: "
            f"{warning['text']}",
        )
        for warning in warnings
    ]
    unassessed = vascular_unassessed(summary)
    if unassessed is not None:
        lines.append(line("vascular uptake", f"{unassessed}: {summary['run_off']['reason']}"))
    if warnings:
        return section("Warnings", [*lines, line("", seen)])
    looked = summary["mask_frames"] and judged["frames"]
    if summary["contrast_onset_frame"] is None and looked:
        lines.append(line("contrast", "none was seen: where any went is not known"))
    quiet = line("none raised", f"{seen} This is not a clearance: see what is not known.")
    return section("Warnings", [*lines, quiet])


def vascular_unassessed(summary: Summary) -> str | None:
    """Say that the search for vascular uptake could not be made, or not in full; None = it was.

    Parameters
    ----------
    summary
        As in `summary.json`.
    """
    run_off = summary["run_off"]
    if run_off["reason"] is None or _alarmed(summary):
        return None
    return "not assessed" if run_off["score"] is None else "assessed in part only"


def _alarmed(summary: Summary) -> bool:
    return any(warning["id"] == "vascular_uptake" for warning in summary["warnings"])


def _measured(summary: Summary) -> str:
    lines = [*_needle_lines(summary), *_procedure_lines(summary), *_spread_lines(summary)]
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
        f"{needle['frame'] + 1} of {summary['source']['frames']} (counted from 1); "
        f"{_TIP_ENDS[needle['tip_end_by']]}",
    )
    target = summary["target"]
    if target is not None:
        yield line("tip to target", _to_target(summary) or "not known")


def _to_target(summary: Summary) -> str | None:
    value = _length(summary["target"], "tip_distance")
    found = (one for one in summary["measured"] if one["id"] == "tip_to_target")
    one = next(found, None)
    if value is None or one is None or one["sigma"] is None:
        return value
    return f"{value} (1 sigma {_in_unit(one['sigma'], one['unit'])})"


def _procedure_lines(summary: Summary) -> Iterator[str]:
    """What was measured against marked landmarks, and else for the procedure."""
    known = {one["id"] for one in summary["measured"] if one["value"] is not None}
    elsewhere = (*_TOLD_ELSEWHERE, *(["levels_seen"] if "levels" in known else []))
    leads = _lead_names(summary)
    for one in summary["measured"]:
        name = next(leads[one["id"]], "") if one["id"] in leads else ""
        if one["value"] is None or one["id"] in elsewhere:
            continue
        if one["id"] == "contact_positions":
            yield line(name or "lead", f"{one['value']:.0f} contacts{_in_view(one)}")
            continue
        of = f": {_words(one['of'])}" if one["of"] else ""
        sigma = "" if one["sigma"] is None else f" (1 sigma {_in_unit(one['sigma'], one['unit'])})"
        yield line(
            f"{_words(one['id'])}{f', {name}' if name else ''}{of}",
            f"{_in_unit(one['value'], one['unit'])}{sigma}{_in_view(one)}",
        )


def _in_view(one: Summary) -> str:
    return f" in {one['view']}" if one["view"] else ""


def _lead_names(summary: Summary) -> dict[str, Iterator[str]]:
    """Which lead, and contact, each value of a measure of leads is of, in their order."""
    leads = [
        (i, len(one["contacts_px"])) for i, one in enumerate(summary.get("leads", ()), start=1)
    ]
    contacts = (f"lead {i}, contact {n}" for i, count in leads for n in range(1, count + 1))
    return {
        "contact_positions": (f"lead {i}" for i, _ in leads),
        "lead_level": (f"lead {i}" for i, _ in leads),
        "lead_midline_offset": contacts,
    }


def _in_unit(value: float, unit: str) -> str:
    """A measured number with its UCUM unit as people write it."""
    if unit == "%":
        return f"{value:.0f} %"
    spoken = _SPOKEN_UNITS.get(unit, f" {unit}")
    fine = not spoken or 0 < abs(value) < 0.05
    return f"{value:.2f}{spoken}" if fine else f"{value:.1f}{spoken}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _spread_lines(summary: Summary) -> Iterator[str]:
    spread, opacity = summary["spread"], _opacity_unit(summary)
    area = _quantity(spread["area_mm2"], "mm2") or _quantity(spread["area_px"], "pixels")
    if area is None:
        yield line("contrast spread", "not measured")
    for label, name, value in (
        ("contrast area at the end", "area", area),
        ("along the spine", "along", _length(spread, "along")),
        ("across the spine", "across", _length(spread, "across")),
        ("cranial of the tip", "cranial", _length(spread, "cranial")),
        ("caudal of the tip", "caudal", _length(spread, "caudal")),
    ):
        if value is not None:
            yield line(label, _bounded(value, spread, name))
    for label, value in (
        ("onset of contrast", _onset(summary)),
        ("first arrival", _first_arrival(spread)),
        ("speed of the front", _length(spread, "front_speed", per="/s")),
        ("peak opacity", _quantity(spread["peak_od"], opacity, 2)),
        ("iodine in the region", _iodine(spread)),
        ("faintest spread to show", _quantity(spread["detection_limit_od"], opacity, 3)),
    ):
        if value is not None:
            yield line(label, value)


def _iodine(spread: Summary) -> str | None:
    """Mass and areal density, with what they are uncertain by."""
    peak, sigma = spread["peak_iodine_mg_cm2"], spread["iodine_relative_uncertainty"]
    if peak is None or sigma is None:
        return None
    least = "at least " if "area" in spread["lower_bounds"] else ""
    mass = spread["iodine_mg"]
    parts = [] if mass is None else [f"{least}{mass:.0f} mg"]
    parts.append(f"{peak:.0f} mg/cm2 at its densest")
    return f"{', '.join(parts)} (1 sigma {100 * sigma:.0f} %)"


def _bounded(value: str, spread: Summary, name: str) -> str:
    """The value, or "at least" it; with the area, which comes first, why."""
    if name not in spread["lower_bounds"]:
        return value
    why = " (contrast reaches the edge of the open field)" if name == "area" else ""
    return f"at least {value}{why}"


def _onset(summary: Summary) -> str | None:
    """The first frame with contrast, told from many pixels together."""
    onset = summary["contrast_onset_frame"]
    return None if onset is None else f"{_frame(summary, onset)}, told from many pixels together"


def _first_arrival(spread: Summary) -> str | None:
    """Another time than the onset: here a single pixel has to rise above a threshold."""
    arrival = _quantity(spread["first_arrival_s"], "s", 2)
    threshold = spread["arrival_threshold_od"]
    if arrival is None or threshold is None:
        return arrival
    return f"{arrival}, the first pixels' fitted opacity rises above {threshold:.2f}"


def _run_off_lines(summary: Summary) -> Iterator[str]:
    found = summary["run_off"]
    if found["score"] is None:
        yield line("strongest run-off", "not searched")
        return
    part = "" if found["reason"] is None else "; searched in part only"
    yield line(
        "strongest run-off",
        f"score {found['score']:.2f}, a warning is raised at 1"
        f"{_when(summary, found['frames'], begin='; clearest')}{part}",
    )
    faintest = _quantity(found["smallest_seen_od"], _opacity_unit(summary), 3)
    if faintest is not None:
        # The model needs NumPy, and every command, help too, loads this module.
        from napari_fluoroinject.model.spread import RUN_OFF_MISSED

        yield line("run-off missed below", f"about {faintest}; {RUN_OFF_MISSED}")


def _opacity_unit(summary: Summary) -> str:
    return "(natural log)" if summary["source"]["quantitative"] else "(relative only)"


def _expected(summary: Summary) -> str:
    """What this view shows of the patterns that the procedure expects."""
    lines = [line(_SHOWN[one["state"]], one["text"]) for one in summary["expected"]]
    return section("Expected spread", lines)


def _dose(summary: Summary) -> str:
    """What the equipment recorded of the study, beside the site's own and the literature's."""
    dose, own = summary["dose"], summary["dose"]["site_p75"]
    if dose["basis"] == "none":
        return ""
    least = "at least " if dose["basis"] == "headers" else ""
    lines = []
    for label, name, unit in (
        ("kerma-area product", "kap_gycm2", "Gy.cm2"),
        ("fluoroscopy time", "fluoroscopy_s", "s"),
        ("air kerma", "kerma_mgy", "mGy"),
    ):
        value = "not recorded" if dose[name] is None else f"{least}{dose[name]:.3g} {unit}"
        known = "" if own[name] is None else f"; the site's 75th percentile: {own[name]:g} {unit}"
        lines.append(line(label, f"{value}{known}"))
    lines += [line("literature, no limit", _figure(one)) for one in dose["literature"]]
    source = "dose report" if dose["basis"] == "report" else "headers of the loops that were given"
    return section(f"Radiation of the study, from the {source}", lines)


def _figure(one: Summary) -> str:
    low, high = one["low"], one["high"]
    number = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    note = "" if one["note"] is None else f" ({one['note']})"
    cited = f"{one['grade']}: {', '.join(one['sources'])}" if one["sources"] else one["grade"]
    return f"{_words(one['name'])} {number} {one['unit']}{note} [{cited}]"


def _unknown(summary: Summary) -> str:
    source, spread = summary["source"], summary["spread"]
    lines = []
    if source["mm_per_px"] is None:
        lines.append("Millimetres: the loop has no calibration; lengths are in pixels.")
    if not source["quantitative"]:
        lines.append(
            f"Opacity: pixel values are {source['intensity']}, not a known function of the beam."
        )
    if summary["side"] is None and source["laterality"] is None:
        lines.append("Side: nobody said which, and the picture does not tell left from right.")
    # What the warnings' section has said of the run-off search is not said again.
    vessels = vascular_unassessed(summary)
    judged = summary["assessable"]["reasons"]
    lines += [text for text in judged if not (vessels and text.startswith("vascular uptake:"))]
    lines += [*spread["reasons"], *summary["notes"]]
    folded = [
        fill(text[:1].upper() + text[1:], WIDTH, initial_indent="  - ", subsequent_indent="    ")
        for text in dict.fromkeys(lines)
    ]
    return section("Not known", folded)


def _when(summary: Summary, frames: list[int] | None, *, begin: str = "") -> str:
    """` in frames 31 to 44 (2.0 to 2.9 s)`; people count frames from 1."""
    if frames is None:
        return ""
    first, last = frames
    if first == last:
        return f"{begin} in {_frame(summary, first)}"
    times = summary["source"]["times_s"]
    seconds = "" if times is None else f" ({times[first]:.1f} to {times[last]:.1f} s)"
    return f"{begin} in frames {first + 1} to {last + 1}{seconds}"


def _frame(summary: Summary, frame: int) -> str:
    """`frame 31 (2.00 s)`; people count frames from 1."""
    times = summary["source"]["times_s"]
    return f"frame {frame + 1}" + ("" if times is None else f" ({times[frame]:.2f} s)")


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


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
