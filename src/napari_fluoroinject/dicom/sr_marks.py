"""Measurement groups for what a person marked: the shapes that viewers show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.sr_writer import Number, Shape, noted
from napari_fluoroinject.model.geometry import area_px, length_px

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from pydicom.sr.coding import Code

    from napari_fluoroinject.dicom.sr_writer import Group, GroupWriter, Tool
    from napari_fluoroinject.model.annotation import Annotation, Mark, NeedleTrajectory
    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPose:
    """The frame, from 0, on which marks are shown, and how they get there.

    `matrix` takes (row, column, 1) of the reference pose to (row, column) on the frame.
    """

    frame: int
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]

    def there(self, points_px: npt.ArrayLike) -> DoubleArray:
        """Where points (..., 2) of the reference pose stand on the frame; (..., 2)."""
        matrix = np.array(self.matrix)
        moved: DoubleArray = np.asarray(points_px, np.float64) @ matrix[:, :2].T + matrix[:, 2]
        return moved


def mark_pose(report: Report) -> MarkPose:
    """Marks hold for the mask frames together; they are shown on the last of them."""
    masks = report.injection.mask_frames
    frame = masks[-1] if masks else 0
    origin, down, right = report.motion.all_in_frame(
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), frame
    )
    first, second = zip(
        (down - origin).tolist(), (right - origin).tolist(), origin.tolist(), strict=True
    )
    return MarkPose(frame=frame, matrix=(first, second))


def marked_shapes(annotation: Annotation, pose: MarkPose) -> Iterator[DoubleArray]:
    """Every shape that is drawn for an annotation, points (row, column), in the report's order."""
    if annotation.needle is not None:
        yield np.array([annotation.needle.hub_px, annotation.needle.tip_px])
    if annotation.target_px is not None:
        yield pose.there([annotation.target_px])
    for mark in annotation.marks:
        yield pose.there(mark.points_px)
        if mark.beyond_px is not None:
            yield pose.there([mark.beyond_px])


def points_marked(points_px: Sequence[Point]) -> Number:
    """How many points a person marked: the number to which the shape belongs."""
    return Number(name=codes.private("points-marked"), value=len(points_px), unit=codes.POINTS)


def shape_numbers(write: GroupWriter, shape: Shape, count: Number) -> tuple[Number, ...]:
    """The number that a viewer shows beside a drawn shape, then the count of its points.

    Viewers take the first number of a group for the length of a line and the area of a closed
    outline: the count of points must not stand there.
    """
    points = np.asarray(shape.points_px, np.float64)
    if shape.tool == "Length":
        return write.length(codes.LENGTH, length_px(points[0], points[1])), count
    if shape.closed:
        return write.area(codes.AREA, area_px(points.tolist())), count
    return (count,)


def target_shape(report: Report, target_px: Point) -> Shape:
    """The target is given in the pose of the mask frames, so it is shown on one of them."""
    shape = _point(target_px, mark_pose(report))
    return shape if report.tip_target_px is None else replace(shape, by_person=False)


def needle_mark(write: GroupWriter) -> Group | None:
    """The needle as it was marked; that of the report may have been refined."""
    needle: NeedleTrajectory | None = write.report.annotation.needle
    if needle is None:
        return None
    points = (needle.hub_px, needle.tip_px)
    shape = Shape(tool="Length", points_px=points, frame=needle.frame, by_person=True)
    return write.group(
        "marked needle",
        codes.private("needle-marked"),
        shape_numbers(write, shape, points_marked(points)),
        shape=shape,
    )


def landmark_groups(write: GroupWriter) -> Iterator[Group | None]:
    """Each landmark, and beside a line the point that was marked on its far side."""
    pose = mark_pose(write.report)
    for mark in write.report.annotation.marks:
        notes = landmark_notes(write.report.procedure, mark.landmark)
        yield noted(_landmark(write, mark, pose), notes)
        if mark.beyond_px is not None:
            yield noted(_far_side(write, mark, mark.beyond_px, pose), notes)


def landmark_name(procedure: Procedure, landmark_id: str) -> str:
    """The landmark in the procedure's words; its id where the procedure has none."""
    names = (one.name for one in procedure.landmarks if one.id == landmark_id)
    return next(names, landmark_id.replace("_", " "))


def landmark_notes(procedure: Procedure, landmark_id: str | None) -> list[tuple[Code, str]]:
    """Name a landmark of the site's own, for its code does not."""
    own = codes.private("landmark")
    if landmark_id is None or codes.landmark(landmark_id) != own:
        return []
    return [(own, landmark_name(procedure, landmark_id))]


def _landmark(write: GroupWriter, mark: Mark, pose: MarkPose) -> Group | None:
    shape = _shape(write.report, mark, pose)
    return write.group(
        f"mark {mark.landmark}",
        codes.landmark(mark.landmark),
        shape_numbers(write, shape, points_marked(mark.points_px)),
        shape=shape,
    )


def _shape(report: Report, mark: Mark, pose: MarkPose) -> Shape:
    """A point, a line, or an area: that one is closed (PS3.3 C.18.6.1.2)."""
    points = pose.there(mark.points_px)
    kinds = {one.id: one.kind for one in report.procedure.landmarks}
    if kinds.get(mark.landmark) == "area" and len(points) > 2:
        points = np.concatenate([points, points[:1]])
    tools: dict[int, Tool] = {1: "Probe", 2: "Length"}
    tool = tools.get(len(points), "PlanarFreehandROI")
    return Shape(tool=tool, points_px=points, frame=pose.frame, by_person=True)


def _point(point: Point, pose: MarkPose) -> Shape:
    return Shape(tool="Probe", points_px=pose.there([point]), frame=pose.frame, by_person=True)


def _far_side(write: GroupWriter, mark: Mark, point: Point, pose: MarkPose) -> Group | None:
    return write.group(
        f"far side of {mark.landmark}",
        codes.private("far-side"),
        (points_marked([point]),),
        shape=_point(point, pose),
        answers=((codes.private("landmark"), codes.landmark(mark.landmark)),),
    )
