"""The overviews of a batch as small pictures: a page for every 200 loops of a procedure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from napari_fluoroinject.batch.cohort import NO_PROCEDURE, rows
from napari_fluoroinject.batch.judged import WARNINGS
from napari_fluoroinject.batch.markup import page
from napari_fluoroinject.batch.thumbnails import keep_thumbnail
from napari_fluoroinject.spool.disk import write_whole
from napari_fluoroinject.spool.folder import replaced_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ON_A_PAGE = 200
FIRST = 5
"""So many of each procedure are on the cohort's own page."""
FOLDER = "cohort"
_COLUMNS = (
    *("loop", "state", "failure_reason", "procedure", "results_folder", "level", "side"),
    *("frames", "assessable_frames", "warnings_raised"),
    *(f"warning_{name}_state" for name in WARNINGS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """A loop of the gallery as the table tells it; `picture` is relative to the batch's folder."""

    row: dict[str, Any]
    picture: str | None


def write_gallery(out: Path, analysed: Mapping[str, int]) -> dict[str, list[Pictured]]:
    """Write the pages below `cohort`, in place of those of an earlier run; the first of each.

    Parameters
    ----------
    out
        Folder of the batch, whose `results.parquet` is there.
    analysed
        Loops with results, by procedure.

    Raises
    ------
    StorageError
        The pages cannot be written.
    """
    waiting: dict[str, list[Pictured]] = defaultdict(list)
    first: dict[str, list[Pictured]] = defaultdict(list)
    done: Counter[str] = Counter()
    with replaced_folder(out / FOLDER, ours=lambda name: name.endswith(".html")) as fresh:
        for row in rows(out, _COLUMNS):
            if row["state"] != "done" or row["failure_reason"] is not None:
                continue
            key = row["procedure"] or NO_PROCEDURE
            one = Pictured(row=row, picture=keep_thumbnail(out, row["results_folder"]))
            if len(first[key]) < FIRST:
                first[key].append(one)
            waiting[key].append(one)
            done[key] += 1
            if len(waiting[key]) == ON_A_PAGE or done[key] == analysed[key]:
                number = -(-done[key] // ON_A_PAGE)
                content = _page(key, number, pages(analysed[key]), waiting.pop(key))
                write_whole(fresh / page_name(key, number), content)
    return first


def pages(loops: int) -> int:
    """How many pages so many loops take."""
    return -(-loops // ON_A_PAGE)


def page_name(key: str, number: int) -> str:
    """Name of a page of a procedure's gallery; pages count from 1."""
    plain = re.sub(r"[^a-z0-9_]+", "-", key.lower())
    told = "" if plain == key else f"-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return f"{plain}{told}-{number}.html"


def shown(loops: list[Pictured], *, up: str) -> str:
    """Return loops as a list of pictures.

    Parameters
    ----------
    loops
        In their order.
    up
        The way from the page to the folder of the batch.
    """
    return f'<ul class="gallery">{"".join(_item(one, up) for one in loops)}</ul>'


def _item(one: Pictured, up: str) -> str:
    row = one.row
    folder = up + quote(row["results_folder"])
    where = " ".join(part for part in (row["level"], row["side"]) if part)
    words = f"Overview of loop {row['loop']}"
    picture = (
        escape("no picture")
        if one.picture is None
        else f'<img src="{up}{quote(one.picture)}" loading="lazy" width="320" height="200" '
        f'alt="{escape(words)}">'
    )
    raised = [
        name.replace("_", " ") for name in WARNINGS if row[f"warning_{name}_state"] == "raised"
    ]
    unjudged = sum(row[f"warning_{name}_state"] in ("not_judged", "in_part") for name in WARNINGS)
    said = escape(f"warnings raised: {', '.join(raised)}") if raised else ""
    return (
        f'<li><a href="{folder}/overview.png">{picture}</a>'
        f'<p class="said">{said}</p>'
        f"<p>{escape(where + ' · ' if where else '')}{row['assessable_frames']} of "
        f"{row['frames']} frames could be judged; not judged in full: {unjudged} "
        f"{'warning' if unjudged == 1 else 'warnings'}</p>"
        f'<p class="soft">{escape(row["loop"])} · <a href="{folder}/summary.json">summary.json'
        "</a></p></li>"
    )


def _page(key: str, number: int, last: int, loops: list[Pictured]) -> bytes:
    begin = (number - 1) * ON_A_PAGE + 1
    links = ['<li><a href="../cohort.html">the cohort</a></li>']
    around = ((1, "first page"), (number - 1, "page before"), (number + 1, "next page"))
    for target, words in (*around, (last, "last page")):
        if 1 <= target <= last and target != number:
            link = quote(page_name(key, target))
            links.append(f'<li><a href="{link}">{words}</a></li>')
    top = (
        f"<p>Loops {begin} to {begin + len(loops) - 1} of this procedure, page {number} of {last}."
        f'</p><nav aria-label="Pages"><ul>{"".join(links)}</ul></nav>'
    )
    return page(f"{key}: overviews", body=shown(loops, up="../"), top=top)
