"""The status page: how a service fares, read between two patients at a glance."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from napari_fluoroinject.service.health import Alarm, alarms, duration, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.service.numbers import Latest, Numbers

REFRESH_S = 10
NOT_A_DEVICE = "Research software, not a medical device."
NEVER = (
    "A run without a warning is one in which nothing was detected in the frames that could be "
    "assessed: never a clearance."
)
_WAYS = {
    "received": "○ received",
    "waiting": "○ waits for analysis",
    "working": "◐ is being analysed",
    "analysing": "◐ is being analysed",
    "analysed": "● analysed",
    "returning": "➜ results on their way",
    "returned": "➜ results sent",
    "kept": "■ results kept by the archive",
    "skipped": "◌ not analysed",
    "dismissed": "◌ dismissed by a person",
    "failed": "▲ analysis failed",
    "refused": "▲ results given up",
}

_RUNS = {True: "runs", False: "does not run", None: "starts"}


def page(numbers: Numbers, *, nonce: str) -> str:
    """Return the whole page; `nonce` is that of its Content-Security-Policy.

    It asks for nothing but itself, every ten seconds, with or without scripts.
    """
    found = alarms(numbers)
    title = f"({len(found)}) fluoroinject" if found else "fluoroinject"
    return (
        f'<!doctype html><html lang="en" data-refresh="{REFRESH_S}"><head><meta charset="utf-8">'
        f"<title>{title}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>'
        f'<link rel="icon" href="data:,"><style nonce="{nonce}">{_text("status_page.css")}</style>'
        "</head><body>"
        '<div id="lost" class="lost" role="alert" hidden>▲ The service does not answer: what '
        "stands below is out of date.</div>"
        f'<header><h1>fluoroinject</h1><p id="state" class="state">{_state(numbers, found)}</p>'
        f'<p class="device">{NOT_A_DEVICE}</p></header><main id="content" data-title="{title}">'
        f"{_alarms(found)}{_counts(numbers)}{_latest(numbers)}{_parts(numbers)}</main><footer>"
        f"<p>{NEVER}</p><p>fluoroinject "
        f"{escape(numbers.version)}</p></footer>"
        f'<script nonce="{nonce}">{_text("status_page.js")}</script></body></html>\n'
    )


@cache
def _text(name: str) -> str:
    return files("napari_fluoroinject.service").joinpath(name).read_text(encoding="utf-8")


def _state(numbers: Numbers, found: tuple[Alarm, ...]) -> str:
    stopped = sum(one.stops for one in found)
    if stopped:
        words = f'<span class="mark">▲ the service does not work as it should ({stopped})</span>'
    elif found:
        words = f'the service works; <span class="mark">▲ {len(found)} to look at</span>'
    elif any(runs is None for runs in numbers.parts.values()):
        words = "the service starts"
    else:
        words = "the service works"
    return f'{words} <span class="soft">at {_clock(numbers.now_s, numbers.now_s)}</span>'


def _alarms(found: tuple[Alarm, ...]) -> str:
    items = "".join(
        f'<li class="{"alarm" if one.stops else "notice"}"><strong>▲ {escape(one.text)}</strong>'
        f"<p>{escape(one.answer)}</p></li>"
        for one in found
    )
    heading = '<h2 id="needed">A person is needed</h2>' if found else ""
    return (
        f'<section aria-live="polite" aria-label="Alarms">{heading}'
        f'<ul class="alarms">{items}</ul></section>'
        if found
        else '<section aria-live="polite" aria-label="Alarms"></section>'
    )


def _counts(numbers: Numbers) -> str:
    jobs, queue = numbers.jobs, numbers.queue
    sent, kept = queue.get("sent", 0), queue.get("committed", 0)
    waiting = jobs.get("waiting", 0) + jobs.get("working", 0)
    failed, dead = jobs.get("failed", 0), queue.get("dead", 0) + queue.get("held", 0)
    oldest = numbers.oldest_unsent_s
    refused = sum(numbers.refused.values())
    cards = (
        ("Received", numbers.received, f"{refused} refused, {numbers.duplicates} again", False),
        ("Analysed", jobs.get("done", 0), f"{waiting} to be analysed", False),
        ("Results returned", sent + kept, f"{kept} kept by the archive", False),
        (
            "Queue",
            queue.get("new", 0) + queue.get("sending", 0),
            f"oldest {duration(oldest)}" if oldest is not None else "nothing waits",
            False,
        ),
        ("Failed", failed + dead, f"analyses {failed}, results {dead}", bool(failed + dead)),
    )
    return f'<dl class="counts">{"".join(_card(*one) for one in cards)}</dl>'


def _card(name: str, number: int, more: str, wrong: bool) -> str:
    kind, mark = (' class="wrong"', "▲ ") if wrong else ("", "")
    return (
        f'<div{kind}><dt>{name}</dt><dd class="big" id="count-{name.split()[-1].lower()}">'
        f'{mark}{number}</dd><dd class="soft">{escape(more)}</dd></div>'
    )


def _latest(numbers: Numbers) -> str:
    names = ("Object", "Received", "Procedure", "State", "Warnings")
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        f"<tr>{''.join(_cells(names, _row(one, numbers.now_s)))}</tr>" for one in numbers.latest
    )
    if not rows:
        return "<h2>Latest objects</h2><p>None came yet.</p>"
    return (
        '<h2 id="latest">Latest objects</h2><div class="table" tabindex="0" role="region" '
        'aria-labelledby="latest"><table><caption>The ends of their SOP Instance UIDs, newest '
        f"first.</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(names: Iterable[str], values: Iterable[str]) -> Iterable[str]:
    for name, value in zip(names, values, strict=True):
        kind = ' class="uid"' if name == "Object" else ""
        yield f'<td{kind} data-name="{name}"><div>{value}</div></td>'


def _row(one: Latest, now_s: float) -> tuple[str, str, str, str, str]:
    end = one.sop_instance_uid[-12:]
    way = _WAYS.get(one.state, one.state)
    kind = "mark" if way.startswith("▲") else "way"
    state = f'<span class="{kind}">{escape(way)}</span>'
    if one.results:
        state += f' <span class="soft">{one.returned} of {one.results}</span>'
    if one.reason:
        state += f'<br><span class="soft">{escape(one.reason)}</span>'
    procedure = escape(one.procedure or "not decided")
    if one.basis:
        procedure += f'<br><span class="soft">by {escape(one.basis)}</span>'
    age = f"{duration(now_s - one.received_s)} ago, {one.caller or 'unknown sender'}"
    came = f'{_clock(one.received_s, now_s)}<br><span class="soft">{escape(age)}</span>'
    return f"…{escape(end)}", came, procedure, state, _warnings(one.warnings)


def _warnings(count: int | None) -> str:
    if count is None:
        return '<span class="soft">not known</span>'
    if count:
        return f'<span class="mark">▲ {count}: see the report</span>'
    return 'none raised<br><span class="soft">not a clearance</span>'


def _parts(numbers: Numbers) -> str:
    told = [f"{name} {_RUNS[runs]}" for name, runs in numbers.parts.items()]
    if numbers.echoes is not None:
        told.append(f"receiver {'answers' if numbers.echoes else 'does not answer'} an echo")
    if numbers.associations is not None:
        told.append(f"associations open: {numbers.associations}")
    if numbers.free_bytes is not None:
        told.append(f"{megabytes(numbers.free_bytes)} free on the disk")
    if numbers.last_analysis_s is not None:
        told.append(f"last analysis took {duration(numbers.last_analysis_s)}")
    began = _clock(numbers.started_s, numbers.now_s)
    words = escape("; ".join(told))
    return f'<h2>Service</h2><p class="soft">{words}; started {began}.</p>'


def _clock(at_s: float, now_s: float) -> str:
    """The time of this machine; with the day where it is not today's."""
    at, now = (datetime.fromtimestamp(one).astimezone() for one in (at_s, now_s))
    shown = f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"
    shown += f" {at.isoformat()[-6:]}"
    return f'<time datetime="{at.isoformat(timespec="seconds")}">{shown}</time>'
