"""What the pages of a cohort are made of: HTML that stands alone, and escapes all text."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESEARCH = (
    "Research software, not a medical device. That no warning was raised is no clearance: it says "
    "that nothing was detected in what could be judged."
)
"""Stands on every page."""


def page(title: str, *, body: str, top: str = "") -> bytes:
    """Return a whole page that needs nothing from elsewhere and runs no script.

    Parameters
    ----------
    title
        Plain text.
    body, top
        HTML of the main part, and of what stands above it.
    """
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src 'self' file:\">"
        f"<title>{escape(title)}</title><style>{_style()}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>'
        '<a class="skip" href="#main">To the content</a>'
        f"<header><h1>{escape(title)}</h1>{top}</header>\n"
        f'<main id="main">{body}</main>\n<footer><p>{escape(RESEARCH)}</p></footer>'
        "</body></html>\n"
    ).encode()


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first cell of a row names it.

    Parameters
    ----------
    caption, head
        Plain texts; a head that begins with `#` stands over numbers.
    rows
        Cells in HTML.
    """
    kinds = [' class="n"' if one.startswith("#") else "" for one in head]
    heads = "".join(
        f'<th scope="col"{kind}>{escape(one.removeprefix("#"))}</th>'
        for one, kind in zip(head, kinds, strict=True)
    )
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td{k}>{cell}</td>" for cell, k in zip(rest, kinds[1:], strict=True))
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    # a wide table scrolls by itself, by keys as well
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def counts(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Return large numbers: each a name, the number and what more there is to say, as texts."""
    boxes = (
        f'<div><dt>{escape(name)}</dt><dd><span class="big">{escape(number)}</span> '
        f'<span class="soft">{escape(more)}</span></dd></div>'
        for name, number, more in pairs
    )
    return f'<dl class="counts">{"".join(boxes)}</dl>'


@cache
def _style() -> str:
    return (files(__package__) / "cohort_page.css").read_text(encoding="utf-8")
