"""cohort.html: what a batch comes to, on one page that a person reads without any program."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_fluoroinject.batch.cohort import DOSES, Cohort, Figures, read_cohort
from napari_fluoroinject.batch.gallery import FOLDER, page_name, pages, shown, write_gallery
from napari_fluoroinject.batch.judged import WARNINGS
from napari_fluoroinject.batch.markup import RESEARCH, counts, page, table
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.rendering.cohort import Group, draw_groups, draw_shares, five_numbers
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_fluoroinject.batch.gallery import Pictured

NAME = "cohort.html"
MOST_REASONS = 50
_ENDS = (("failed", "failed"), ("set_aside", "set aside"), ("lost", "results lost"))
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


def write_page(out: Path) -> Path:
    """Write the cohort's page, its gallery and thumbnails from the table of results; its path.

    The same table and the same overviews give the same bytes.

    Parameters
    ----------
    out
        Folder of the batch, in which `write_tables` has been.

    Raises
    ------
    FluoroinjectError
        pyarrow is not installed.
    StorageError
        There is no table, or a page cannot be written.
    """
    try:
        cohort = read_cohort(out)
        analysed = {key: one.analysed for key, one in cohort.procedures.items()}
        first = write_gallery(out, analysed)
        write_whole(out / NAME, _page(cohort, first))
    except OSError as error:
        raise StorageError(
            f"{error.filename or out}: the cohort's page cannot be written "
            f"({error.strerror or error}); expected the tables of a batch, and room on the disk"
        ) from error
    return out / NAME


def _page(cohort: Cohort, first: Mapping[str, Sequence[Pictured]]) -> bytes:
    parts = (
        ("totals", "Totals", _totals(cohort)),
        ("procedures", "By procedure", _procedures(cohort)),
        ("spread", "Spread", _spread(cohort)),
        ("warnings", "Warnings", _warnings(cohort)),
        ("dose", "Dose", _dose(cohort)),
        ("failures", "Failures", _failures(cohort)),
        ("gallery", "Gallery", _gallery(cohort, first)),
        ("tables", "Tables", _TABLES),
    )
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in parts)
    body = "".join(
        f'<section id="{name}"><h2>{title}</h2>{content}</section>'
        for name, title, content in parts
    )
    versions = ", ".join(sorted(cohort.versions)) or "unknown"
    top = (
        f'<p class="note">{escape(RESEARCH)}</p>'
        f'<p class="soft">Analysed by napari-fluoroinject {escape(versions)}. This page holds no '
        "names, dates or identifiers of a patient beside UIDs, which lead back to one where the "
        f'archive can be asked.</p><nav aria-label="Sections"><ul>{links}</ul></nav>'
    )
    return page("Cohort of a batch", body=body, top=top)


def _totals(cohort: Cohort) -> str:
    every = cohort.procedures.values()
    analysed, loops = cohort.total("done"), sum(one.loops for one in every)
    warned = sum(one.with_warning for one in every)
    studies = len(set().union(*(one.studies for one in every)))
    frames, judged = sum(one.frames for one in every), sum(one.assessable_frames for one in every)
    ends = [(words, f"{cohort.total(state):,}", _of(loops)) for state, words in _ENDS]
    return counts(
        [
            ("loops", f"{loops:,}", f"of {studies:,} studies with results"),
            ("analysed", f"{analysed:,}", _of(loops)),
            *(one for one in ends if one[1] != "0" or one[0] != "results lost"),
            ("frames judged", _share(judged, frames), f"of {frames:,} in analysed loops"),
            ("a warning raised", f"{warned:,}", f"of {analysed:,} analysed; see what was judged"),
        ]
    )


def _procedures(cohort: Cohort) -> str:
    head = ["procedure", "#loops", "#analysed", "#failed", "#set aside", "#needle found"]
    head += ["#contrast seen to arrive", "#calibrated", "#frames judged"]
    head += ["#median area, mm²", "#median cranio-caudal, mm"]
    lines = []
    for key, one in cohort.procedures.items():
        done = one.analysed
        failed = one.states["failed"] + one.states["lost"]
        lines.append(
            [
                escape(key),
                *(f"{count:,}" for count in (one.loops, done, failed, one.states["set_aside"])),
                *(f"{n:,} of {done:,}" for n in (one.with_needle, one.with_onset, one.with_mm)),
                _share(one.assessable_frames, one.frames),
                *(_median(one, name) for name in ("area_mm2", "along_mm")),
            ]
        )
    return table("Loops by procedure; medians with the number of loops (n)", head, lines)


def _spread(cohort: Cohort) -> str:
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
        parts.append(f"<h3>{escape(title)}, {unit}</h3>")
        if not values:
            parts.append("<p>No loop has a value.</p>")
            continue
        parts.append(draw_groups(groups, title=f"{title} by procedure, {unit}", unit=unit))
        if least:
            parts.append(
                f'<p class="soft">{least:,} of these {values:,} values are "at least": contrast '
                "reaches the edge of what can be judged.</p>"
            )
    return "".join(parts)


def _warnings(cohort: Cohort) -> str:
    together = {
        name: sum((one.warnings[name] for one in cohort.procedures.values()), _none())
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


def _dose(cohort: Cohort) -> str:
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
        parts.append(f"<h3>{escape(title)}, {unit}</h3>")
        if any(group.values for group in groups):
            parts.append(draw_groups(groups, title=f"{title} by procedure, {unit}", unit=unit))
        else:
            parts.append("<p>No study has a recorded value.</p>")
    least = sum(len(one.least) for one in cohort.procedures.values())
    if least:
        parts.append(
            f'<p class="soft">{least:,} studies have no dose report: their headers record at '
            "least so much.</p>"
        )
    return "".join(parts)


def _failures(cohort: Cohort) -> str:
    failed = cohort.reasons.total()
    if not failed:
        return "<p>No loop failed or was set aside.</p>"
    # the most frequent first; of equals in the order of their words, whatever came first
    ranked = sorted(cohort.reasons.items(), key=lambda one: (-one[1], one[0]))
    reasons = [[escape(reason), f"{count:,}"] for reason, count in ranked[:MOST_REASONS]]
    if len(ranked) > MOST_REASONS:
        rest = sum(count for _, count in ranked[MOST_REASONS:])
        reasons.append([f"{len(ranked) - MOST_REASONS:,} other reasons", f"{rest:,}"])
    listed = [
        [escape(loop), state.replace("_", " "), escape(key), escape(reason)]
        for loop, state, key, reason in cohort.failed
    ]
    more = failed - len(listed)
    told = f"<p>{more:,} more in the table of results.</p>" if more else ""
    return (
        f"{table('Reasons, the most frequent first', ['reason', '#loops'], reasons)}"
        f"<details><summary>Which loops ({len(listed):,} of {failed:,})</summary>"
        f"{table('Loops without results', ['loop', 'state', 'procedure', 'reason'], listed)}"
        f"{told}</details>"
    )


def _gallery(cohort: Cohort, first: Mapping[str, Sequence[Pictured]]) -> str:
    parts = ["<p>A picture opens the loop's overview.</p>"]
    for key, loops in sorted(first.items()):
        count = cohort.procedures[key].analysed
        links = " ".join(
            f'<a href="{FOLDER}/{quote(page_name(key, number))}">{number}</a>'
            for number in range(1, pages(count) + 1)
        )
        parts.append(
            f"<h3>{escape(key)}</h3><p>The first {len(loops)} of {count:,} loops; all of them on "
            f"page {links}</p>{shown(list(loops), up='')}"
        )
    return "".join(parts) if first else "<p>No loop was analysed.</p>"


_TABLES = (
    '<p><a href="results.csv">results.csv</a>, <code>results.parquet</code>: one row for each '
    'loop. <a href="measures.csv">measures.csv</a>, <code>measures.parquet</code>: one row for '
    'each measure of each loop. <a href="data_dictionary.csv">data_dictionary.csv</a>: what every '
    "column means.</p>"
)


def _none() -> Counter[str]:
    from collections import Counter

    return Counter()


def _of(whole: int) -> str:
    return f"of {whole:,}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _median(figures: Figures, name: str) -> str:
    values = figures.spread[name]
    numbers = five_numbers(values)
    return "-" if numbers is None else f"{numbers.middle:.3g} (n = {len(values):,})"
