"""Libraries of other people's viewers restore what was measured, on the frame it was measured on.

dcmjs and the adapters of Cornerstone3D, which OHIF reads with, run in Node.js; what they restore
is compared here with the report itself, not with our file. In their plane of unit pixels (column,
row) are those of pixel centres, as ours: graphic data of DICOM lies half a pixel off.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
import pytest
import sources
from example_report import (
    example_report,
    marked,
    uncalibrated,
    vascular_finding,
    written_source,
)
from test_sr import groups, walk
from validators import VIEWERS, need_viewers

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.seg import encode_segmentation, segments_of
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_groups import last_outlines
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.report import Report

pytestmark = pytest.mark.validator

TOLERANCE_PX = 1e-3

ENCODINGS: dict[str, dict[str, Any]] = {"binary": {}}
if "encoding" in signature(encode_segmentation).parameters:
    ENCODINGS["labelmap"] = {"encoding": "labelmap"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A report, its encoded form, and what the viewers' libraries restored of it."""

    report: Report
    document: Any
    restored: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A shape as the report has it: `place` counts frames from 0; `stats` is value and unit."""

    tool: str
    place: int
    points_px: Any
    closed: bool | None = None
    stats: dict[str, Any] | None = None


def restore(jobs, folder):
    """Let the viewers' libraries read files and return what each job restored."""
    need_viewers()
    listed = folder / "jobs.json"
    listed.write_text(json.dumps(jobs))
    command = ["node", str(VIEWERS / "restore.mjs"), str(listed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(folder, name, dataset):
    path = folder / name
    path.write_bytes(encoded_bytes(dataset))
    return str(path)


def full(paths):
    """Everything that can be drawn: found, marked by a person, and the path of an alarm."""
    return replace(marked(example_report(paths)), findings=(vascular_finding(),))


CASES = {
    **{kind: (kind, lambda report: report, {}) for kind in sources.SOURCES},
    "without millimetres": ("xa", uncalibrated, {}),
    "comprehensive 3D": ("xa", lambda report: report, {"sr_class": "comprehensive3d"}),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Every case by name; one process reads them all."""
    need_viewers()
    made, jobs = {}, []
    for name, (kind, change, options) in CASES.items():
        folder = tmp_path_factory.mktemp("case")
        paths = written_source(kind, folder)
        report = change(full(paths))
        identity = identify(report, paths)
        document = encode_report(report, identity, **options)
        job = {"sources": [str(p) for p in paths], "report": write(folder, "sr.dcm", document)}
        for encoding, how in ENCODINGS.items():
            segmentation = encode_segmentation(report, identity, profile="viewer", **how)
            job["segmentation"] = write(folder, f"{encoding}.dcm", segmentation)
            made[name, encoding] = (report, document)
            jobs.append(dict(job))
    found = restore(jobs, tmp_path_factory.mktemp("jobs"))
    return {
        key: Case(report=report, document=document, restored=restored)
        for (key, (report, document)), restored in zip(made.items(), found, strict=True)
    }


def lengths(report, points_px):
    """The number that a viewer shows beside a line."""
    (one, other), mm = points_px, report.loop.mm_per_px
    px = np.hypot(*np.subtract(other, one))
    return {"length": px if mm is None else px * mm, "unit": "{pixels}" if mm is None else "mm"}


def areas(report, points_px):
    """The number that a viewer shows beside an outline; the adapters drop its unit."""
    row, column = np.transpose(points_px)
    px = abs(np.dot(row, np.roll(column, 1)) - np.dot(column, np.roll(row, 1))) / 2
    return {"area": px * (report.loop.mm_per_px or 1.0) ** 2}


def drawn_of(report):
    """Every shape that viewers have to show, from the report's own values."""
    needle, annotation = report.needle, report.annotation
    line = (needle.hub_px, needle.tip_px)
    yield Drawn(tool="Length", place=needle.frame, points_px=line, stats=lengths(report, line))
    yield Drawn(tool="Probe", place=needle.frame, points_px=[needle.tip_px])
    line = (annotation.needle.hub_px, annotation.needle.tip_px)
    yield Drawn(
        tool="Length",
        place=annotation.needle.frame,
        points_px=line,
        stats=lengths(report, line),
    )
    yield from marks_of(report)
    yield from spread_of(report)
    path = report.run_off
    yield Drawn(
        tool="PlanarFreehandROI",
        place=path.frames[1],
        points_px=report.motion.all_in_frame(path.path_px, path.frames[1]),
        closed=False,
    )


def marks_of(report):
    """Target and landmarks, on the last mask frame."""
    annotation, place = report.annotation, report.injection.mask_frames[-1]

    def there(points_px):
        return report.motion.all_in_frame(np.array(points_px), place)

    yield Drawn(tool="Probe", place=place, points_px=there([annotation.target_px]))
    kinds = {one.id: one.kind for one in report.procedure.landmarks}
    for mark in annotation.marks:
        points = there(mark.points_px)
        if mark.beyond_px is not None:
            yield Drawn(tool="Probe", place=place, points_px=there([mark.beyond_px]))
        if len(points) == 1:
            yield Drawn(tool="Probe", place=place, points_px=points)
        elif len(points) == 2:
            stats = lengths(report, points)
            yield Drawn(tool="Length", place=place, points_px=points, stats=stats)
        else:
            closed = kinds[mark.landmark] == "area"
            yield Drawn(
                tool="PlanarFreehandROI",
                place=place,
                points_px=points,
                closed=closed,
                stats=areas(report, points) if closed else None,
            )


def spread_of(report):
    """Outlines of the contrast; Cornerstone does not repeat the first point of a closed one."""
    found = last_outlines(report)
    if found is None:
        return
    place, parts = found
    for part in parts:
        yield Drawn(
            tool="PlanarFreehandROI",
            place=place,
            points_px=part.points_px[:-1],
            closed=True,
            stats={"area": part.area_px * (report.loop.mm_per_px or 1.0) ** 2},
        )


def is_restored(drawn, seen):
    """Whether a restored measurement is that shape, on that frame, with that number."""
    points = np.array(seen["points"])
    same = (seen["tool"], seen["place"], seen["closed"]) == (
        drawn.tool,
        drawn.place,
        drawn.closed,
    )
    if not same or points.shape != np.shape(drawn.points_px):
        return False
    if np.abs(points - drawn.points_px).max() > TOLERANCE_PX:
        return False
    wanted, stats = drawn.stats or {}, seen["stats"] or {}
    # Numbers stand in the report with four digits.
    return all(
        stats[key] == (value if isinstance(value, str) else pytest.approx(value, rel=5e-4))
        for key, value in wanted.items()
    )


def missed(report, restored):
    """Shapes of the report that were not restored, each by one measurement of its own."""
    left = list(restored["measurements"])
    lost = []
    for drawn in drawn_of(report):
        found = next((seen for seen in left if is_restored(drawn, seen)), None)
        if found is None:
            lost.append(drawn)
        else:
            left.remove(found)
    return lost, left


def masks_of(report, restored):
    """Restored masks (segments, frames, rows, columns) from runs of labels, layer by layer."""
    frames, rows, columns = report.loop.shape
    masks = np.zeros((len(restored["segments"]), frames, rows * columns), bool)
    for layer in restored["layers"]:
        assert len(layer) == frames
        for frame, runs in enumerate(layer):
            for first, length, label in runs:
                masks[label - 1, frame, first : first + length] = True
    return masks.reshape(-1, frames, rows, columns)


def drawn_masks(report, encoding):
    """The same from the report; in a label map a pixel is one thing only, the last."""
    masks = np.zeros((len(segments_of(report)), *report.loop.shape), bool)
    for number, segment in enumerate(segments_of(report)):
        for frame in segment.frames:
            masks[number, frame] = segment.draw(frame)
            if encoding == "labelmap":
                masks[:number, frame] &= ~masks[number, frame]
    return masks


@pytest.mark.parametrize("name", CASES)
def test_every_shape_of_the_report_is_restored_on_its_frame_with_its_number(name, cases):
    case = cases[name, "binary"]
    assert "error" not in case.restored
    lost, left = missed(case.report, case.restored)
    assert lost == []
    assert left == []


@pytest.mark.parametrize("name", CASES)
def test_groups_without_a_shape_are_passed_over_and_cost_no_other(name, cases):
    case = cases[name, "binary"]
    bare = [
        group.ContentSequence[0].TextValue
        for group in groups(case.document)
        if not any(item.ValueType == "SCOORD" for item in walk(group))
    ]
    assert len(bare) >= 5
    assert case.restored["skipped"] == bare
    shown = len(groups(case.document)) - len(bare)
    assert len(case.restored["measurements"]) == shown


def test_tracking_uids_are_restored_and_tell_measurements_apart(cases):
    case = cases["xa", "binary"]
    restored = {one["tracking_uid"] for one in case.restored["measurements"]}
    assert len(restored) == len(case.restored["measurements"])
    assert restored <= {str(group.ContentSequence[1].UID) for group in groups(case.document)}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", CASES)
def test_every_pixel_of_the_segmentation_is_restored_on_its_frame(name, encoding, cases):
    case = cases[name, encoding]
    assert "error" not in case.restored
    segments = segments_of(case.report)
    assert case.restored["segments"] == [segment.label for segment in segments]
    restored = masks_of(case.report, case.restored)
    assert restored.any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(restored, drawn_masks(case.report, encoding))


def test_both_classes_of_report_are_restored_alike(cases):
    one, other = (cases[name, "binary"].restored for name in ("xa", "comprehensive 3D"))
    assert one["measurements"] == other["measurements"]
    assert one["sop_class"] != other["sop_class"]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """Objects whose frame numbers are wrong, and a segmentation of the strict profile."""
    folder = tmp_path_factory.mktemp("spoilt")
    paths = written_source("xa", folder)
    report = full(paths)
    identity = identify(report, paths)
    document = encode_report(report, identity)
    for item in walk(document):
        if item.ValueType == "SCOORD":
            del item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber
    moved = encode_segmentation(report, identity, profile="viewer")
    group = moved.PerFrameFunctionalGroupsSequence[0]
    source = group.DerivationImageSequence[0].SourceImageSequence[0]
    source.ReferencedFrameNumber = 1
    strict = encode_segmentation(report, identity, profile="strict")
    listed = {"sources": [str(p) for p in paths]}
    jobs = [
        {**listed, "report": write(folder, "sr.dcm", document)},
        {**listed, "segmentation": write(folder, "moved.dcm", moved)},
        {**listed, "segmentation": write(folder, "strict.dcm", strict)},
    ]
    return report, restore(jobs, folder)


def test_a_report_without_frame_numbers_would_be_caught(spoilt):
    report, (restored, _, _) = spoilt
    assert {one["place"] for one in restored["measurements"]} == {0}
    assert len(missed(report, restored)[0]) == sum(d.place != 0 for d in drawn_of(report)) > 0


def test_a_segmentation_with_a_wrong_frame_number_would_be_caught(spoilt):
    report, (_, restored, _) = spoilt
    assert (masks_of(report, restored) != drawn_masks(report, "binary")).any()


def test_the_strict_profile_has_no_plane_and_is_refused_by_viewers_that_need_one(spoilt):
    _, (_, _, restored) = spoilt
    assert "ImageOrientationPatient" in restored["error"]
