"""cohort.html: what a batch comes to, on one page that a person reads without any program."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_fluoroinject.batch.cohort import Cohort, Figures, read_cohort
from napari_fluoroinject.batch.gallery import FOLDER, page_name, pages, shown, write_gallery
from napari_fluoroinject.batch.markup import RESEARCH, counts, page, table
from napari_fluoroinject.batch.page_figures import dose, spread, warnings
from napari_fluoroinject.batch.unplanned import NAME as UNPLANNED
from napari_fluoroinject.batch.unplanned import Counted, count_unplanned
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.rendering.cohort import five_numbers
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_fluoroinject.batch.gallery import Pictured

NAME = "cohort.html"
MOST_REASONS = 50
_ENDS = (("failed", "failed"), ("set_aside", "set aside"), ("lost", "results lost"))


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
        write_whole(out / NAME, _page(cohort, first, count_unplanned(out)))
    except OSError as error:
        raise StorageError(
            f"{error.filename or out}: the cohort's page cannot be written "
            f"({error.strerror or error}); expected the tables of a batch, and room on the disk"
        ) from error
    return out / NAME


def _page(cohort: Cohort, first: Mapping[str, Sequence[Pictured]], unplanned: Counted) -> bytes:
    parts = (
        ("totals", "Totals", _totals(cohort, unplanned.sources)),
        ("procedures", "By procedure", _procedures(cohort)),
        ("spread", "Spread", spread(cohort)),
        ("warnings", "Warnings", warnings(cohort)),
        ("dose", "Dose", dose(cohort)),
        ("failures", "Failures", _sources(unplanned) + _failures(cohort)),
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


def _totals(cohort: Cohort, unplanned: int) -> str:
    every = cohort.procedures.values()
    analysed, loops = cohort.total("done"), sum(one.loops for one in every)
    warned = sum(one.with_warning for one in every)
    studies = len(set().union(*(one.studies for one in every)))
    frames, judged = sum(one.frames for one in every), sum(one.assessable_frames for one in every)
    ends = [(words, f"{cohort.total(state):,}", _of(loops)) for state, words in _ENDS]
    lost = [("not planned", f"{unplanned:,}", "sources without a row; see failures")]
    return counts(
        [
            ("loops", f"{loops:,}", f"of {studies:,} studies with results"),
            ("analysed", f"{analysed:,}", _of(loops)),
            *(one for one in ends if one[1] != "0" or one[0] != "results lost"),
            *(lost if unplanned else []),
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


def _sources(unplanned: Counted) -> str:
    stopped = "<p>The last run was stopped: not all of its sources were looked at.</p>"
    stopped = "" if unplanned.whole else stopped
    if not unplanned.sources:
        return stopped
    return stopped + (
        f"<p><strong>Sources that the last run could not plan: {unplanned.sources:,}</strong> "
        "(files that cannot be read, objects of one UID with different content, lines of a list, "
        "studies that were not fetched). They have no row in the tables and count in no figure "
        "here. "
        f'<a href="{UNPLANNED}">{UNPLANNED}</a> names each with its reason; it names files, too, '
        "so that it stays here when the tables go elsewhere.</p>"
    )


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


def _of(whole: int) -> str:
    return f"of {whole:,}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _median(figures: Figures, name: str) -> str:
    values = figures.spread[name]
    numbers = five_numbers(values)
    return "-" if numbers is None else f"{numbers.middle:.3g} (n = {len(values):,})"
