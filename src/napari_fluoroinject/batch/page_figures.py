"""What is drawn on a cohort's page: extents, warnings and dose, procedure by procedure."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.cohort import DOSES, Cohort
from napari_fluoroinject.batch.judged import WARNINGS
from napari_fluoroinject.batch.markup import table
from napari_fluoroinject.rendering.cohort import Group, draw_groups, draw_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SPREADS = (
    ("area_mm2", "Area of the contrast", "mm²"),
    ("along_mm", "Cranio-caudal extent (along the spine)", "mm"),
    ("cranial_mm", "Extent from the tip towards the head", "mm"),
    ("caudal_mm", "Extent from the tip towards the feet", "mm"),
)
_DOSES = dict(
    zip(
        DOSES,
        (
            ("Kerma-area product", "Gy·cm²"),
            ("Fluoroscopy time", "s"),
            ("Air kerma at the reference point", "mGy"),
        ),
        strict=True,
    )
)
_PARTS = (
    ("raised", "raised"),
    ("not_raised", "judged in full, not raised"),
    ("in_part", "judged in part only, not raised"),
    ("not_judged", "not judged"),
)


def spread(cohort: Cohort) -> str:
    """Extents by procedure, drawn."""
    parts = [
        "<p>Each point is a loop, in its view; the box is the middle half of "
        "the loops, the bar their median, the line the middle 90 %. Millimetres need a "
        "calibration: n is how many of the analysed loops have a value.</p>"
    ]
    for name, title, unit in _SPREADS:
        groups = [
            Group(name=key, values=one.spread[name], of=one.analysed)
            for key, one in cohort.procedures.items()
        ]
        least = sum(one.bounds[name] for one in cohort.procedures.values())
        values = sum(len(group.values) for group in groups)
        parts.append(_drawn(groups, title, unit, none="No loop has a value."))
        if least:
            parts.append(
                f'<p class="soft">{least:,} of these {values:,} values are "at least": contrast '
                "reaches the edge of what can be judged.</p>"
            )
    return "".join(parts)


def warnings(cohort: Cohort) -> str:
    """Warnings, of all procedures and of each."""
    together = {
        name: sum((one.warnings[name] for one in cohort.procedures.values()), Counter[str]())
        for name in WARNINGS
    }
    key = "".join(
        f'<span><svg width="14" height="14"><rect class="{part}" width="14" height="14"/></svg> '
        f"{words}</span>"
        for part, words in _PARTS
    )
    each = "".join(
        f"<details><summary>{escape(name)} ({one.analysed:,} analysed)</summary>"
        f"{_warning_table(f'Warnings of {name}', one.warnings)}</details>"
        for name, one in cohort.procedures.items()
        if one.analysed
    )
    return (
        "<p>Counts of analysed loops whose procedure asks for the warning. <strong>Not raised is "
        "no clearance</strong>: a warning that could not be judged is never raised, and a search "
        "misses some. Why it could not be judged stands in <code>not_judged_reasons</code> of the "
        f'table and in each summary.</p><p class="key">{key}</p>'
        f"{_warning_table('Warnings of all procedures', together)}<h3>By procedure</h3>{each}"
    )


def _warning_table(caption: str, warnings: Mapping[str, Counter[str]]) -> str:
    head = ["warning", "#raised", "#judged in full (raised or not)", "#in part only"]
    head += ["#not judged", "#asked for", "share"]
    lines = []
    for name, states in warnings.items():
        asked = sum(states[part] for part, _ in _PARTS)
        if asked:
            full = states["raised"] + states["not_raised"]
            numbers = (states["raised"], full, states["in_part"], states["not_judged"], asked)
            shares = draw_shares([(part, states[part]) for part, _ in _PARTS])
            told = [f"{number:,}" for number in numbers]
            lines.append([escape(name.replace("_", " ")), *told, shares])
    return table(caption, head, lines) if lines else "<p>No loop was analysed.</p>"


def dose(cohort: Cohort) -> str:
    """Dose by procedure, drawn."""
    parts = [
        "<p>What the equipment recorded, each study once (n counts studies); no dose of a "
        "patient. Marks show the site's own 75th percentile where its settings give one.</p>"
    ]
    for name, (title, unit) in _DOSES.items():
        groups = [
            Group(
                name=key,
                values=list(one.doses[name].values()),
                of=len(one.studies),
                reference=one.references.get(name),
            )
            for key, one in cohort.procedures.items()
        ]
        parts.append(_drawn(groups, title, unit, none="No study has a recorded value."))
    least = sum(len(one.least) for one in cohort.procedures.values())
    if least:
        parts.append(
            f'<p class="soft">{least:,} studies have no dose report: their headers record at '
            "least so much.</p>"
        )
    return "".join(parts)


def _drawn(groups: Sequence[Group], title: str, unit: str, *, none: str) -> str:
    """Return a heading and what is drawn below it, or words where there is no value."""
    head = f"<h3>{escape(title)}, {unit}</h3>"
    if not any(group.values for group in groups):
        return f"{head}<p>{none}</p>"
    name = f"{title} by procedure, {unit}"
    drawn = draw_groups(groups, title=name, unit=unit)
    # on a narrow screen it scrolls: smaller, nobody reads it
    told = f'class="drawn" tabindex="0" role="region" aria-label="{escape(name)}"'
    return f"{head}<div {told}>{drawn}</div>"
