"""The numbers of a service in Prometheus' text format 0.0.4: no patient, no UID."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from napari_fluoroinject.service.health import alarms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_fluoroinject.service.numbers import Numbers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "fluoroinject_"
_JOBS = ("waiting", "working", "done", "failed", "skipped", "dismissed")
_QUEUE = ("new", "sending", "sent", "committed", "dead", "held", "dismissed")
ALARMS = (
    "database",
    "disk",
    "receiver",
    "worker",
    "sender",
    "destination",
    "unsent",
    "delayed",
    "uncommitted",
    "dead",
    "held",
    "failed",
    "quarantine",
)
"""Ids of every alarm, told also while it is not raised."""

Value = float | int | None


def exposition(numbers: Numbers) -> str:
    """Return every number that is known, each with its help and type."""
    return "".join(f"{line}\n" for line in _lines(numbers))


def _lines(numbers: Numbers) -> Iterator[str]:
    for name, text, value in _counters(numbers):
        yield from _metric(f"{name}_total", "counter", text, value)
    for name, text, value in _gauges(numbers):
        yield from _metric(name, "gauge", text, value)
    build = {"version": numbers.version, "python": platform.python_version()}
    yield from _head("build_info", "gauge", "Version of the program.")
    yield _sample("build_info", build, 1)


Rows = list[tuple[str, str, "Value | Mapping[tuple[str, str], Value]"]]


def _counters(numbers: Numbers) -> Rows:
    return [
        ("objects_received", "Objects acknowledged.", numbers.received),
        ("bytes_received", "Size of the objects acknowledged.", numbers.received_bytes),
        ("objects_duplicate", "Objects that came again unchanged.", numbers.duplicates),
        ("objects_refused", "Objects refused, by status.", _by("status", numbers.refused)),
        ("associations_accepted", "Associations accepted.", numbers.associations_accepted),
        (
            "associations_refused",
            "Associations refused, by cause.",
            _by("cause", numbers.associations_refused),
        ),
    ]


def _gauges(numbers: Numbers) -> Rows:
    raised = {one.id for one in alarms(numbers)}
    every = dict.fromkeys((*ALARMS, *sorted(raised)))
    parts = {name: int(bool(runs)) for name, runs in numbers.parts.items()}
    return [
        ("associations_open", "Associations open now.", numbers.associations),
        ("jobs", "Analyses by state.", _by("state", _all(_JOBS, numbers.jobs))),
        ("queue", "Results by state.", _by("state", _all(_QUEUE, numbers.queue))),
        ("queue_oldest_unsent_seconds", "Age of the oldest unsent.", numbers.oldest_unsent_s or 0),
        (
            "queue_oldest_uncommitted_seconds",
            "Age of the oldest whose keeping is not confirmed.",
            numbers.oldest_uncommitted_s or 0,
        ),
        ("spool_free_bytes", "Free on the disk of the spool.", numbers.free_bytes),
        ("spool_reserve_bytes", "Below this nothing is received.", numbers.reserve_bytes),
        ("quarantine_objects", "Refused objects kept.", numbers.quarantined),
        ("quarantine_bytes", "Size of the refused objects kept.", numbers.quarantined_bytes),
        ("last_analysis_seconds", "How long the last analysis took.", numbers.last_analysis_s),
        ("alarm", "1 where a person is needed.", _by("id", {k: int(k in raised) for k in every})),
        ("part_up", "Whether a part of the service runs.", _by("part", parts)),
        ("receiver_echo_up", "Whether the receiver answers.", _truth(numbers.echoes)),
        ("database_up", "Whether the database can be read.", int(numbers.database_fault is None)),
        ("resident_memory_bytes", "Memory of this process.", numbers.resident_bytes),
        ("start_time_seconds", "Start of this process, since the epoch.", numbers.started_s),
    ]


def _truth(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _all(states: tuple[str, ...], counts: Mapping[str, int]) -> dict[str, int]:
    return dict.fromkeys(states, 0) | dict(counts)


def _by(label: str, counts: Mapping[str, int]) -> dict[tuple[str, str], Value]:
    return {(label, value): number for value, number in sorted(counts.items())}


def _metric(
    name: str, kind: str, text: str, value: Value | Mapping[tuple[str, str], Value]
) -> Iterator[str]:
    if value is None:
        return
    yield from _head(name, kind, text)
    if isinstance(value, float | int):
        yield _sample(name, {}, value)
        return
    for (label, of), number in value.items():
        yield _sample(name, {label: of}, number or 0)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {text}"
    yield f"# TYPE {_PREFIX}{name} {kind}"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    number = str(value) if isinstance(value, int) else repr(float(value))
    return f"{_PREFIX}{name}{{{inside}}} {number}" if inside else f"{_PREFIX}{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
