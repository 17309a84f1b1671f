"""What lies over everything in the picture: what is being placed, and what was pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.viewer import overlays

if TYPE_CHECKING:
    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.layers import LayerSpec
    from napari_fluoroinject.viewer.pointing import Pointing
    from napari_fluoroinject.viewer.scene import Scene


def on_top(scene: Scene, pointing: Pointing, pointed: tuple[Point, ...]) -> list[LayerSpec]:
    """Return the line and the points of what is being placed, and the places pointed at.

    Parameters
    ----------
    scene
        The picture under them.
    pointing
        Tells what is being placed.
    pointed
        Places in the reference pose; the first is named.
    """
    placing, extra = pointing.placing, []
    points = () if placing is None else placing.points_px
    if placing is not None and points:
        mouse = pointing.mouse_px
        line = points if mouse is None or placing.kind == "point" else (*points, mouse)
        if len(line) > 1:
            colour = overlays.colour_of(placing.tool)
            extra.append(overlays.rubber_layer(scene, line, colour))
    shown = (*points, *pointed)
    if shown:
        words = [str(number) for number in range(1, len(points) + 1)]
        words += ["here" if number == 0 else "" for number in range(len(pointed))]
        extra.append(overlays.pointed_layer(scene, shown, words))
    return extra
