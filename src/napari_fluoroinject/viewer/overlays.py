"""What is drawn over a picture: needle, target, landmarks, run-off and leads, as layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.model.key_frame import shows_run_off
from napari_fluoroinject.model.needle import bow_px
from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer import names
from napari_fluoroinject.viewer.layers import LayerSpec, Pose, grid_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_fluoroinject.model.arrays import DoubleArray
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.scene import Scene, Shaft

TEXT_PT = 7
"""Of napari: 9.3 points on the screen."""
REFERENCE: Pose = "reference"
_PIECES = 24
"""Straight pieces of a shaft: enough for its bow, and for dashes."""
_DRAWN = 0.55
"""Share of a dash that is drawn."""
_EDGE = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))
"""Where the edge of a word is drawn, in pixels of the screen (row, column)."""
_LINE_SHARE, _SIGN_SHARE = 1 / 320, 1 / 40
"""Thickness of lines and size of signs, as shares of the picture's longer side."""


def needle_layers(scene: Scene, frame: int, per_px: float = 1.0) -> tuple[LayerSpec, ...]:
    """Return the needle in a frame, dashed as long as it is a proposal, and its tip.

    `per_px` is how many pixels of the picture there are to one of the screen.
    """
    shaft = scene.shaft(frame)
    if shaft is None:
        return ()
    grid = grid_of(scene.run.loop).options(2)
    called = "Needle (proposed)" if shaft.proposed else "Needle"
    word = _needle_word(shaft)
    aside = names.beside_tip(shaft, word, per_px)
    steady = np.round(np.add(shaft.tip_px, aside) / names.STEADY_PX) * names.STEADY_PX
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
            [""],
            {"symbol": "cross", "face_color": palette.NEEDLE},
        ),
        _words(scene, "Needle name", [tuple(steady)], [word], [palette.NEEDLE], per_px=per_px),
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
    return _signs(scene, "Target", [target], [""], look, pose=REFERENCE)


def landmark_layer(scene: Scene) -> LayerSpec | None:
    """Return everything that was marked; None where nothing was."""
    kinds = {one.id: one.kind for one in scene.procedure.landmarks}
    shapes: list[DoubleArray] = []
    types: list[str] = []
    for mark in scene.annotation.marks:
        points = np.asarray(mark.points_px, np.float64)
        kind = kinds.get(mark.landmark, "point" if len(points) == 1 else "line")
        if kind == "point":
            for piece in _cross(points[0], _sign_px(scene) / 2):
                shapes.append(piece)
                types.append("path")
        else:
            shapes.append(points)
            types.append("polygon" if kind == "area" else "path")
        if mark.beyond_px is not None:
            shapes.append(_tick(np.asarray(mark.beyond_px), _sign_px(scene) / 4))
            types.append("ellipse")
    if not shapes:
        return None
    return _drawn(scene, "Landmarks", (shapes, types), palette.LANDMARK)


def run_off_layer(scene: Scene) -> LayerSpec | None:
    """Return the path of what may run off in a vessel; None where nothing reached the alarm."""
    report = scene.report
    if report is None or not shows_run_off(report) or len(report.run_off.path_px) < 2:
        return None
    return _drawn(scene, "Vascular watch", ([report.run_off.path_px], ["path"]), palette.RUN_OFF)


def name_layers(
    scene: Scene, frame: int, *, per_px: float, shown: Collection[str]
) -> tuple[LayerSpec, ...]:
    """Return the names of target, run-off and landmarks, and the lines that lead to them.

    Parameters
    ----------
    scene, frame
        What is shown. The needle of that frame keeps its place free of names.
    per_px
        Pixels of the picture to one of the screen, when the picture is shown whole.
    shown
        Names of the layers whose marks are shown.
    """
    shaft = scene.shaft(frame)
    taken = [] if shaft is None else list(names.shaft_boxes(shaft, _needle_word(shaft), per_px))
    if scene.annotation.target_px is not None:
        taken += names.line_boxes((scene.annotation.target_px,) * 2, per_px)
    maps = None if scene.report is None else scene.report.maps
    if maps is not None:
        taken += names.region_boxes(maps.region, per_px)
    if scene.report is not None and "Vascular watch" in shown:
        path = tuple((float(row), float(column)) for row, column in scene.report.run_off.path_px)
        taken += names.line_boxes(path, per_px)
    picture = scene.run.loop.shape[1:]
    placed = names.place(_names(scene, shown), taken, picture=picture, per_px=per_px)
    if not placed:
        return ()
    leads = [(one.at_px, one.anchor_px) for one in placed if one.anchor_px is not None]
    lines = () if not leads else (_leader_layer(scene, leads, per_px),)
    words = _words(
        scene,
        "Names",
        [one.at_px for one in placed],
        [one.name.text for one in placed],
        [one.name.colour for one in placed],
        per_px=per_px,
    )
    return (*lines, replace(words, pose=REFERENCE))


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
    return _signs(scene, "Leads", points, texts, look, pose=REFERENCE)


def pointed_layer(scene: Scene, points_px: Sequence[Point], texts: Sequence[str]) -> LayerSpec:
    """Return what is being placed, or what somebody asked to be shown, with its words."""
    look = {"symbol": "disc", "face_color": palette.TEXT}
    return _signs(scene, "Pointer", points_px, texts, look, pose=REFERENCE)


def rubber_layer(scene: Scene, points_px: Sequence[Point], colour: str) -> LayerSpec:
    """Return the line through what was clicked so far, on to the mouse."""
    points = np.asarray(points_px, np.float64)
    return LayerSpec(
        kind="vectors",
        name="Placing",
        data=np.stack([points[:-1], np.diff(points, axis=0)], axis=1),
        options={**_line(scene, colour), **grid_of(scene.run.loop).options(2)},
        pose=REFERENCE,
    )


def colour_of(tool: str) -> str:
    """Return the colour of what a tool places."""
    return {"needle": palette.NEEDLE, "target": palette.TARGET}.get(tool, palette.LANDMARK)


def _needle_word(shaft: Shaft) -> str:
    return "needle (proposed)" if shaft.proposed else "needle"


def _names(scene: Scene, shown: Collection[str]) -> list[names.Name]:
    found = []
    report, target = scene.report, scene.annotation.target_px
    if target is not None and "Target" in shown:
        found.append(names.Name(text="target", colour=palette.TARGET, anchors_px=(target,)))
    if report is not None and "Vascular watch" in shown:
        path = tuple((float(row), float(column)) for row, column in report.run_off.path_px)
        anchors = (path[-1], path[0], *path[1:-1])
        found.append(names.Name(text="vascular watch", colour=palette.RUN_OFF, anchors_px=anchors))
    if "Landmarks" in shown:
        for mark in scene.annotation.marks:
            found.append(_landmark_name(mark.landmark.replace("_", " "), mark.points_px))
            if mark.beyond_px is not None:
                found.append(_landmark_name("far side", (mark.beyond_px,)))
    return found


def _landmark_name(text: str, points_px: Sequence[Point]) -> names.Name:
    anchors = tuple((float(row), float(column)) for row, column in points_px)
    return names.Name(text=text, colour=palette.LANDMARK, anchors_px=anchors)


def _leader_layer(scene: Scene, leads: list[tuple[Point, Point]], per_px: float) -> LayerSpec:
    """Lines from marks to their names; they end below or above the words, or beside them."""
    pieces = []
    for name, mark in leads:
        start, way = np.array(mark), np.subtract(name, mark)
        ends = 1 - names.LINE_PX / 2 * per_px / max(float(np.hypot(*way)), 1e-6)
        pieces.append([start, max(ends, 0.0) * way])
    grid = grid_of(scene.run.loop).options(2)
    options = {**_line(scene, palette.LANDMARK), "edge_width": per_px, "opacity": 0.6, **grid}
    return LayerSpec(
        kind="vectors", name="Name lines", data=np.array(pieces), options=options, pose=REFERENCE
    )


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
            "text": _text(texts, look["face_color"], 0.8 * size),
            **grid_of(scene.run.loop).options(2),
        },
        pose=pose,
    )


def _drawn(scene: Scene, name: str, shapes: tuple[list[Any], list[str]], colour: str) -> LayerSpec:
    data, types = shapes
    return LayerSpec(
        kind="shapes",
        name=name,
        data=list(zip(data, types, strict=True)),
        options={
            "edge_color": colour,
            "edge_width": _line_px(scene),
            "face_color": "transparent",
            **grid_of(scene.run.loop).options(2),
        },
        pose=REFERENCE,
    )


def _text(texts: Sequence[str], colour: str, aside_px: float) -> dict[str, Any]:
    """Words to the right of what they name."""
    return {
        "string": list(texts),
        "color": colour,
        "size": TEXT_PT,
        "anchor": "upper_left",
        "translation": (0.0, aside_px),
    }


def _words(
    scene: Scene,
    name: str,
    middles: Sequence[Point],
    texts: Sequence[str],
    colours: Sequence[str],
    *,
    per_px: float,
) -> LayerSpec:
    """Words around their middles, with an edge of black: the picture below is of every grey."""
    around = per_px * np.array([*_EDGE, (0.0, 0.0)])
    points = [np.add(middle, aside) for aside in around for middle in middles]
    text = {
        "string": list(texts) * len(around),
        "color": [palette.UNDEFINED] * len(_EDGE) * len(texts) + list(colours),
        "size": TEXT_PT,
        "anchor": "center",
    }
    look = {"symbol": "disc", "face_color": "transparent", "border_color": "transparent"}
    spec = _signs(scene, name, points, [], {**look})
    return replace(spec, options={**spec.options, **look, "size": 1, "text": text})


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
