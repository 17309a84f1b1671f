"""Columns about the loop: which it is, how it ended, its picture."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.column import Cell, Column, LoopRecord, found, told

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = (
    ("done", "analysed; the results are there"),
    ("failed", "it could not be analysed; failure_reason says why"),
    ("set_aside", "tried too often; a later run leaves it alone; failure_reason says why"),
)
_FAULTS = (
    ("refused", "the loop: it cannot be read or analysed"),
    ("storage", "the disk: the results could not be written, or the files not be read"),
    ("broken", "the analysis: it went wrong, or past its limit of time or memory"),
    ("killed", "the process: something ended it"),
)
SIDES = (("left", "left"), ("right", "right"), ("bilateral", "both"))
_INTENSITIES = (
    ("linear", "proportional to the beam's intensity"),
    ("log", "proportional to its logarithm"),
    ("display", "processed for display: opacity is relative only"),
    ("unknown", "the file does not say"),
)
_BASES = (
    ("iso_ermf", "isocentre plane, magnification factor of the header"),
    ("iso_sid_sod", "isocentre plane, distances of the header"),
    ("pixel_spacing_fiducial", "an object of known size in the picture"),
    ("needle_gauge", "estimated from the needle's gauge"),
    ("none", "no millimetres"),
)


def _of_journal(name: str, meaning: str, take: Callable[[LoopRecord], Cell]) -> Column:
    return Column(name=name, kind="text", meaning=meaning, origin="journal", take=take)


def _uid(record: LoopRecord) -> Cell:
    return _in(record, "source.sop_instance_uid") or record.ended.loop_uid


def _procedure(record: LoopRecord) -> Cell:
    return _in(record, "procedure") or record.ended.procedure


def _in(record: LoopRecord, path: str) -> Cell:
    value: Cell = found(record.summary, path.split("."))
    return value


def times(record: LoopRecord) -> list[float]:
    """Return the times of the frames in seconds; empty where there are none.

    Parameters
    ----------
    record
        Of the loop.
    """
    return found(record.summary, ["source", "times_s"]) or []


def _duration_s(record: LoopRecord) -> Cell:
    seconds = times(record)
    return round(seconds[-1] - seconds[0], 6) if seconds else None


def _frame_rate_hz(record: LoopRecord) -> Cell:
    steps = [later - earlier for earlier, later in pairwise(times(record))]
    step = median(steps) if steps else 0.0
    return round(1.0 / step, 3) if step > 0 else None


IDENTITY = (
    _of_journal(
        "loop", "Name of the loop in this batch; rows are sorted by it", lambda r: r.ended.key
    ),
    Column(
        name="state",
        kind="category",
        meaning="How the loop ended",
        origin="journal",
        take=lambda r: r.ended.state,
        values=STATES,
    ),
    _of_journal(
        "failure_reason",
        "Why there are no results; empty where there are",
        lambda r: r.lost or r.ended.reason,
    ),
    Column(
        name="fault",
        kind="category",
        meaning="What failed",
        origin="journal",
        take=lambda r: r.ended.fault,
        values=_FAULTS,
    ),
    _of_journal(
        "study_instance_uid",
        "Study Instance UID, as far as it is known",
        lambda r: r.ended.study_uid,
    ),
    Column(
        name="sop_instance_uid",
        kind="text",
        meaning="SOP Instance UID of the loop, of its first frame where frames are single objects",
        origin="summary.json: source.sop_instance_uid, else journal",
        take=_uid,
    ),
    told("source_sha256", "text", "source.sha256", "SHA-256 of the loop's files"),
    _of_journal(
        "results_folder", "Folder of the results, below the batch's", lambda r: r.ended.folder
    ),
    Column(
        name="procedure",
        kind="category",
        meaning="Key of the procedure whose rules were applied; `generic` where none was said",
        origin="summary.json: procedure, else journal",
        take=_procedure,
    ),
    told("level", "text", "level", "Level as it was said, for example L4-L5; never guessed"),
    told("side", "category", "side", "Side as it was said; never guessed", values=SIDES),
)
"""Which loop it is, and how it ended."""

SOURCE = (
    told("rows", "integer", "source.rows", "Rows of a frame", unit="{pixels}"),
    told("columns", "integer", "source.columns", "Columns of a frame", unit="{pixels}"),
    told("frames", "integer", "source.frames", "Frames of the loop", unit="{frames}"),
    Column(
        name="duration_s",
        kind="number",
        unit="s",
        meaning="From the first frame to the last; empty where the file gives no frame times",
        origin="summary.json: source.times_s",
        take=_duration_s,
    ),
    Column(
        name="frame_rate_hz",
        kind="number",
        unit="Hz",
        meaning="One over the median step between frames; empty where there are no frame times",
        origin="summary.json: source.times_s",
        take=_frame_rate_hz,
    ),
    told(
        "intensity",
        "category",
        "source.intensity",
        "What stored pixel values say of the beam",
        values=_INTENSITIES,
    ),
    told(
        "quantitative", "boolean", "source.quantitative", "Whether opacity is more than relative"
    ),
    told("lossy", "boolean", "source.lossy", "Whether pixels were compressed with loss"),
    told(
        "mm_per_px",
        "number",
        "source.mm_per_px",
        "Millimetres per pixel; empty where the loop is not calibrated",
        unit="mm",
    ),
    told(
        "mm_per_px_basis",
        "category",
        "source.mm_per_px_basis",
        "What the millimetres rest on, and the plane they hold in",
        values=_BASES,
    ),
    told(
        "mm_per_px_relative_uncertainty",
        "number",
        "source.mm_per_px_relative_uncertainty",
        "1 sigma, as a share of mm_per_px; empty where unknown",
        unit="1",
    ),
    told("view", "category", "source.view.name", "Name of the view; empty where it is not known"),
    told(
        "primary_angle_deg",
        "number",
        "source.view.primary_angle_deg",
        "Positioner Primary Angle",
        unit="deg",
    ),
    told(
        "secondary_angle_deg",
        "number",
        "source.view.secondary_angle_deg",
        "Positioner Secondary Angle",
        unit="deg",
    ),
    told("laterality", "category", "source.laterality", "Side that the file records"),
    told("body_part", "text", "source.body_part", "Body part that the file records"),
)
"""The picture."""
