"""What is drawn over a picture: needle, target, landmarks, run-off and leads, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.model.key_frame import shows_run_off
from napari_fluoroinject.model.needle import bow_px
from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer.layers import LayerSpec, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.layers import Pose
    from napari_fluoroinject.viewer.scene import Scene, Shaft

TEXT_PT = 10
_PIECES = 24
"""Straight pieces of a shaft: enough for its bow, and for dashes."""
_DRAWN = 0.55
"""Share of a dash that is drawn."""
_STAGGERED = 4
"""Lines on which the names of landmarks stand."""
_LINE_SHARE, _SIGN_SHARE = 1 / 320, 1 / 40
"""Thickness of lines and size of signs, as shares of the picture's longer side."""


def needle_layers(scene: Scene, frame: int) -> tuple[LayerSpec, ...]:
    """Return the needle in a frame, dashed as long as it is a proposal, and its tip."""
    shaft = scene.shaft(frame)
    if shaft is None:
        return ()
    grid = grid_of(scene.run.loop).options(2)
    called = "Needle (proposed)" if shaft.proposed else "Needle"
    return (
        LayerSpec(
            kind="vectors",
            name=called,
            data=shaft_pieces(shaft),
            options={**_line(scene, palette.NEEDLE), **grid},
        ),
        _signs(
            scene,
            "Needle tip (proposed)" if shaft.proposed else "Needle tip",
            [shaft.tip_px],
            ["needle (proposed)" if shaft.proposed else "needle"],
            {"symbol": "cross", "face_color": palette.NEEDLE},
        ),
    )


def shaft_pieces(shaft: Shaft) -> DoubleArray:
    """Return a shaft as (pieces, 2, 2): starts and ways; with gaps where it is a proposal."""
    hub, tip = np.array(shaft.hub_px), np.array(shaft.tip_px)
    share = np.linspace(0.0, 1.0, _PIECES + 1)
    along = tip - hub
    length = max(float(np.hypot(*along)), 1e-6)
    aside = np.array([along[1], -along[0]]) / length
    points = hub + share[:, None] * along + bow_px(share, shaft.sag_px)[:, None] * aside
    pieces = np.stack([points[:-1], np.diff(points, axis=0)], axis=1)
    if shaft.proposed:
        pieces[:, 1] *= _DRAWN
    return pieces


def target_layer(scene: Scene) -> LayerSpec | None:
    """Return the target's ring; None where nobody marked one."""
    target = scene.annotation.target_px
    if target is None:
        return None
    look = {"symbol": "ring", "face_color": palette.TARGET}
    return _signs(scene, "Target", [target], ["target"], look, pose="reference")


def landmark_layer(scene: Scene) -> LayerSpec | None:
    """Return everything that was marked, named; None where nothing was."""
    kinds = {one.id: one.kind for one in scene.procedure.landmarks}
    shapes: list[DoubleArray] = []
    types: list[str] = []
    names: list[str] = []
    for mark in scene.annotation.marks:
        points = np.asarray(mark.points_px, np.float64)
        kind = kinds.get(mark.landmark, "point" if len(points) == 1 else "line")
        name = mark.landmark.replace("_", " ")
        if kind == "point":
            for piece in _cross(points[0], _sign_px(scene) / 2):
                shapes.append(piece)
                types.append("path")
                names.append(name if not len(names) or names[-1] != name else "")
        else:
            shapes.append(points)
            types.append("polygon" if kind == "area" else "path")
            names.append(name)
        if mark.beyond_px is not None:
            shapes.append(_tick(np.asarray(mark.beyond_px), _sign_px(scene) / 4))
            types.append("ellipse")
            names.append("far side")
    if not shapes:
        return None
    return _drawn(scene, "Landmarks", (shapes, types, _staggered(names)), palette.LANDMARK)


def run_off_layer(scene: Scene) -> LayerSpec | None:
    """Return the path of what may run off in a vessel; None where nothing reached the alarm."""
    report = scene.report
    if report is None or not shows_run_off(report) or len(report.run_off.path_px) < 2:
        return None
    shapes = ([report.run_off.path_px], ["path"], ["vascular watch"])
    return _drawn(scene, "Vascular watch", shapes, palette.RUN_OFF)


def lead_layer(scene: Scene) -> LayerSpec | None:
    """Return the contacts of all leads, numbered; None where none was found."""
    leads = () if scene.report is None else scene.report.leads
    if not leads:
        return None
    points = [(float(row), float(column)) for lead in leads for row, column in lead.contacts_px]
    texts = [
        f"{number}" if lead.order == "distal_first" else "contact"
        for lead in leads
        for number in range(1, len(lead.contacts_px) + 1)
    ]
    look = {"symbol": "square", "face_color": palette.LEAD}
    return _signs(scene, "Leads", points, texts, look, pose="reference")


def pointed_layer(scene: Scene, points_px: Sequence[Point], texts: Sequence[str]) -> LayerSpec:
    """Return what is being placed, or what somebody asked to be shown, with its words."""
    look = {"symbol": "disc", "face_color": palette.TEXT}
    return _signs(scene, "Pointer", points_px, texts, look, pose="reference")


def rubber_layer(scene: Scene, points_px: Sequence[Point], colour: str) -> LayerSpec:
    """Return the line through what was clicked so far, on to the mouse."""
    points = np.asarray(points_px, np.float64)
    return LayerSpec(
        kind="vectors",
        name="Placing",
        data=np.stack([points[:-1], np.diff(points, axis=0)], axis=1),
        options={**_line(scene, colour), **grid_of(scene.run.loop).options(2)},
        pose="reference",
    )


def colour_of(tool: str) -> str:
    """Return the colour of what a tool places."""
    return {"needle": palette.NEEDLE, "target": palette.TARGET}.get(tool, palette.LANDMARK)


def _staggered(names: Sequence[str]) -> list[str]:
    """Lines of landmarks lie side by side: their names stand on lines below one another."""
    lines = [2 * (number % _STAGGERED) for number in range(len(names))]  # half goes upwards
    return ["\n" * line + name if name else "" for line, name in zip(lines, names, strict=True)]


def _signs(
    scene: Scene,
    name: str,
    points: Sequence[Point],
    texts: Sequence[str],
    look: dict[str, Any],
    *,
    pose: Pose = "picture",
) -> LayerSpec:
    size = _sign_px(scene)
    return LayerSpec(
        kind="points",
        name=name,
        data=np.asarray(points, np.float64).reshape(-1, 2),
        options={
            **look,
            "size": size,
            "border_color": palette.UNDEFINED,
            "border_width": 0.05,
            "text": _text(texts, look["face_color"], 0.8 * size, before=name == "Target"),
            **grid_of(scene.run.loop).options(2),
        },
        pose=pose,
    )


def _drawn(
    scene: Scene, name: str, shapes: tuple[list[Any], list[str], list[str]], colour: str
) -> LayerSpec:
    data, types, names = shapes
    return LayerSpec(
        kind="shapes",
        name=name,
        data=list(zip(data, types, strict=True)),
        options={
            "edge_color": colour,
            "edge_width": _line_px(scene),
            "face_color": "transparent",
            "text": {**_text(names, colour, 0.0), "anchor": "center"},
            **grid_of(scene.run.loop).options(2),
        },
        pose="reference",
    )


def _text(
    texts: Sequence[str], colour: str, aside_px: float, *, before: bool = False
) -> dict[str, Any]:
    """Words to the right of what they name, or `before` it to its left."""
    return {
        "string": list(texts),
        "color": colour,
        "size": TEXT_PT,
        "anchor": "lower_right" if before else "upper_left",
        "translation": (0.0, -aside_px if before else aside_px),
    }


def _line(scene: Scene, colour: str) -> dict[str, Any]:
    return {"edge_color": colour, "edge_width": _line_px(scene), "vector_style": "line"}


def _line_px(scene: Scene) -> float:
    return max(scene.run.loop.shape[1:]) * _LINE_SHARE


def _sign_px(scene: Scene) -> float:
    return max(scene.run.loop.shape[1:]) * _SIGN_SHARE


def _cross(point: DoubleArray, half: float) -> tuple[DoubleArray, DoubleArray]:
    return (
        point + np.array([(0.0, -half), (0.0, half)]),
        point + np.array([(-half, 0.0), (half, 0.0)]),
    )


def _tick(point: DoubleArray, half: float) -> DoubleArray:
    return point + half * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)], np.float64)
