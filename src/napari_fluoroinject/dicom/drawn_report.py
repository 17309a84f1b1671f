"""What of a report is drawn on which frame of its loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_fluoroinject.dicom import codes, drawn_names
from napari_fluoroinject.dicom.graphic import cut_to_picture, kept_in_picture
from napari_fluoroinject.dicom.sr_groups import LARGEST_OUTLINES
from napari_fluoroinject.dicom.sr_marks import landmark_name
from napari_fluoroinject.dicom.sr_writer import thinned
from napari_fluoroinject.model.drawing import outlines
from napari_fluoroinject.model.geometry import Point, axis_deg, binning
from napari_fluoroinject.model.needle import Needle, bow_px
from napari_fluoroinject.model.spread import patch_area_px

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.dicom.drawn_names import MarkPart
    from napari_fluoroinject.model.annotation import Mark
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.report import Report

Layer = Literal["SPREAD", "LANDMARKS", "TARGET", "NEEDLE", "WARNINGS"]
"""From the lowest to the topmost."""
FigureKind = Literal["POINT", "POLYLINE", "CIRCLE", "TEXT", "NOTICE"]
"""A text stands at its point, a notice in the corner of the display."""

_STILL_PX = 0.5
"""Marks hold for the mask frames together; one that is displaced by less shows them as marked."""
_STEP_PX = 0.01
"""What is followed is drawn to this step, so that frames in which nothing moved share a figure."""
_RING_PX = 8.0
"""Radius of the ring round the target, at the size at which loops are analysed."""
_BOW_POINTS = 9
"""Points of a bent shaft: a parabola between them is off by 1/256 of its sag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One shape or text, points (row, column); `name` tells what it is."""

    kind: FigureKind
    name: str
    points_px: tuple[Point, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Figures of one layer that are the same on these frames, from 0; None = on all."""

    layer: Layer
    frames: tuple[int, ...] | None
    figures: tuple[Figure, ...]


def drawings(report: Report) -> tuple[Drawing, ...]:
    """Everything that is drawn, the lowest layer first.

    The needle is drawn on every frame in which it was followed. Target and landmarks, which hold
    for the mask frames together, stand there as they were marked, and move with the anatomy on
    other frames; they are not drawn where the registration was lost. The spread is outlined where
    it was first seen, where it was largest, and last.
    """
    picture = report.loop.shape[1:]
    return (
        *_by_geometry("SPREAD", _inside(_spread(report), picture)),
        *_by_geometry("LANDMARKS", _inside(_landmarks(report), picture)),
        *_by_geometry("TARGET", _inside(_target(report), picture)),
        *_by_geometry("NEEDLE", _inside(_needle(report), picture)),
        *_warnings(report),
    )


def is_anything_drawn(report: Report) -> bool:
    """Whether `drawings` gives any, without making them all."""
    parts = (_needle, _target, _landmarks, _spread)
    return bool(report.findings) or any(True for part in parts for _ in part(report))


def _inside(
    figures: Iterator[tuple[int, Figure]], picture: tuple[int, int]
) -> Iterator[tuple[int, Figure]]:
    """Figures on the picture: what moved over its border stands on it, or is gone altogether."""
    for frame, figure in figures:
        points = np.asarray(figure.points_px, np.float64)
        kept = kept_in_picture(points, picture)
        if np.array_equal(points, kept):
            yield frame, figure
        elif figure.kind == "CIRCLE":
            # its size is that of the ring: a point on the other side tells the same
            centre, edge = points
            turned = np.array([centre, 2 * centre - edge])
            if np.array_equal(turned, kept_in_picture(turned, picture)):
                yield frame, replace(figure, points_px=_points(turned))
        elif (np.abs(points - kept) == 0).all(axis=1).any() or figure.kind == "TEXT":
            yield frame, replace(figure, points_px=_points(kept))


def _by_geometry(layer: Layer, figures: Iterator[tuple[int, Figure]]) -> Iterator[Drawing]:
    """Gather frames on which all figures of a layer are equal."""
    by_frame: dict[int, list[Figure]] = {}
    for frame, figure in figures:
        by_frame.setdefault(frame, []).append(figure)
    alike: dict[tuple[Figure, ...], list[int]] = {}
    for frame in sorted(by_frame):
        alike.setdefault(tuple(by_frame[frame]), []).append(frame)
    for drawn, frames in alike.items():
        yield Drawing(layer=layer, frames=tuple(frames), figures=drawn)


def _needle(report: Report) -> Iterator[tuple[int, Figure]]:
    needle = report.needle
    if not isinstance(needle, Needle):
        return
    tips, hubs = needle.tip_by_frame_px, needle.hub_by_frame_px
    for frame in np.flatnonzero(np.isfinite(tips).all(axis=1) & np.isfinite(hubs).all(axis=1)):
        tip = tips[frame]
        shaft = cut_to_picture(_shaft(hubs[frame], tip, needle.sag_px), report.loop.shape[1:])
        if not len(shaft):  # the tip left the picture
            continue
        yield (
            int(frame),
            Figure(kind="POLYLINE", name=drawn_names.NEEDLE, points_px=_stepped(shaft)),
        )
        yield (
            int(frame),
            Figure(kind="POINT", name=drawn_names.NEEDLE_TIP, points_px=_stepped(tip)),
        )


def _shaft(hub: DoubleArray, tip: DoubleArray, sag_px: float | None) -> DoubleArray:
    """From hub to tip, through the points of its bow."""
    if not sag_px or np.array_equal(hub, tip):
        return np.array([hub, tip])
    share = np.linspace(0.0, 1.0, _BOW_POINTS)
    angle = np.deg2rad(axis_deg((hub[0], hub[1]), (tip[0], tip[1])))
    aside = np.array([np.cos(angle), -np.sin(angle)])
    straight = hub + share[:, None] * (tip - hub)
    bent: DoubleArray = straight + bow_px(share, sag_px)[:, None] * aside
    return bent


def _target(report: Report) -> Iterator[tuple[int, Figure]]:
    target = report.annotation.target_px
    if target is None:
        return
    ring_px = _RING_PX * binning(report.loop.shape[1:])
    for frame, points, as_marked in _poses(report, [target]):
        name, ring = drawn_names.TARGET, drawn_names.TARGET_RING
        (centre,) = points
        edge = (centre[0], centre[1] + ring_px)
        if as_marked:
            yield frame, Figure(kind="TEXT", name=name, points_px=(edge,), words="Target")
        yield (
            frame,
            Figure(
                kind="POINT",
                name=name if as_marked else drawn_names.followed(name),
                points_px=points,
            ),
        )
        yield frame, Figure(kind="CIRCLE", name=ring, points_px=(centre, edge))


def _landmarks(report: Report) -> Iterator[tuple[int, Figure]]:
    needle = report.annotation.needle
    if needle is not None:
        shaft = (needle.hub_px, needle.tip_px)
        yield (
            needle.frame,
            Figure(kind="POLYLINE", name=drawn_names.MARKED_NEEDLE, points_px=shaft),
        )
    for mark in report.annotation.marks:
        yield from _mark(report, mark)


def _mark(report: Report, mark: Mark) -> Iterator[tuple[int, Figure]]:
    part = _part(report, mark)
    parts: list[tuple[MarkPart, tuple[Point, ...]]] = [(part, mark.points_px)]
    if mark.beyond_px is not None:
        parts.append(("beyond", (mark.beyond_px,)))
    words = landmark_name(report.procedure, mark.landmark)
    for one, marked in parts:
        name = drawn_names.mark_name(mark, one)
        for frame, points, as_marked in _poses(report, marked):
            if as_marked:
                said = words if one != "beyond" else f"Far side of {words}"
                yield frame, Figure(kind="TEXT", name=name, points_px=points[:1], words=said)
            yield (
                frame,
                Figure(
                    kind="POINT" if len(points) == 1 else "POLYLINE",
                    name=name if as_marked else drawn_names.followed(name),
                    points_px=(*points, points[0]) if one == "area" else points,
                ),
            )


def _part(report: Report, mark: Mark) -> MarkPart:
    if len(mark.points_px) == 1:
        return "point"
    kinds = {one.id: one.kind for one in report.procedure.landmarks}
    closed = kinds.get(mark.landmark) == "area" and len(mark.points_px) > 2
    return "area" if closed else "line"


def _poses(
    report: Report, points_px: npt.ArrayLike
) -> Iterator[tuple[int, tuple[Point, ...], bool]]:
    """Frames, where points of the reference pose stand on them, and whether just as marked."""
    marked = np.asarray(points_px, np.float64)
    still = _still_frames(report)
    for frame in range(report.loop.shape[0]):
        if frame in still:
            yield frame, _points(marked), True
        elif report.motion.locked[frame]:
            yield frame, _stepped(report.motion.all_in_frame(marked, frame)), False


def _still_frames(report: Report) -> frozenset[int]:
    """Mask frames that stand where the marks were made; the one that comes nearest, if none."""
    frames = report.injection.mask_frames or (0,)
    rows, columns = report.loop.shape[1:]
    corners = np.array([[0, 0], [0, columns - 1], [rows - 1, 0], [rows - 1, columns - 1]], float)
    moved = [
        float(np.abs(report.motion.all_in_frame(corners, frame) - corners).max())
        for frame in frames
    ]
    still = [
        frame
        for frame, by in zip(frames, moved, strict=True)
        if by < _STILL_PX and report.motion.locked[frame]
    ]
    return frozenset(still or [frames[int(np.argmin(moved))]])


def _spread(report: Report) -> Iterator[tuple[int, Figure]]:
    if report.maps is not None:
        areas = report.maps.region_by_frame.sum(axis=(1, 2))
        seen = np.flatnonzero(areas)
        frames = {int(seen[0]), int(np.argmax(areas)), int(seen[-1])} if seen.size else set()
        least_px = patch_area_px(report.loop.mm_per_px, binned=binning(report.loop.shape[1:]))
        for frame in sorted(frames):
            parts = outlines(report.maps.region_by_frame[frame])
            kept = [part for part in parts if part.area_px >= least_px] or list(parts[:1])
            for part in kept[:LARGEST_OUTLINES]:
                points = _points(thinned(part.points_px))
                yield frame, Figure(kind="POLYLINE", name=drawn_names.OUTLINE, points_px=points)
    yield from _run_off(report)


def _run_off(report: Report) -> Iterator[tuple[int, Figure]]:
    """The path of a run-off, but only where a warning was raised; on the event's last frame."""
    run_off = report.run_off
    raised = any(finding.id == "vascular_uptake" for finding in report.findings)
    if not raised or run_off.frames is None or len(run_off.path_px) < 2:
        return
    frame = run_off.frames[1]
    path = _stepped(report.motion.all_in_frame(run_off.path_px, frame))
    yield frame, Figure(kind="POLYLINE", name=drawn_names.RUN_OFF, points_px=path)


def _warnings(report: Report) -> Iterator[Drawing]:
    for number, finding in enumerate(report.findings):
        said = f"{finding.severity.upper()}: {codes.warning(finding.id).meaning}; review the loop"
        frames = finding.frames
        yield Drawing(
            layer="WARNINGS",
            frames=None if frames is None else tuple(range(frames[0], frames[1] + 1)),
            figures=(
                Figure(
                    kind="NOTICE",
                    name=f"{drawn_names.WARNING}:{finding.id}",
                    points_px=((float(number), 0.0),),  # its line
                    words=said,
                ),
            ),
        )


def _stepped(points_px: DoubleArray) -> tuple[Point, ...]:
    return _points(np.round(points_px / _STEP_PX) * _STEP_PX)


def _points(points_px: DoubleArray) -> tuple[Point, ...]:
    return tuple((row, column) for row, column in points_px.reshape(-1, 2).tolist())
