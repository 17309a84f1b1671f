"""Points as DICOM graphic data: the one place where order and half pixel are turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray


def graphic_data(points_px: npt.ArrayLike) -> DoubleArray:
    """Turn (row, column) pixel centres into (column, row) with the origin at a pixel's corner.

    Graphic data counts from the top left corner of the top left pixel, so that the centre of that
    pixel is (0.5, 0.5) (PS3.3 C.10.5.1.2 for presentation states, C.18.6 for SCOORD).

    Parameters
    ----------
    points_px
        (points, 2), (row, column).

    Returns
    -------
    DoubleArray
        (points, 2), (column, row).
    """
    return np.asarray(points_px, dtype=np.float64).reshape(-1, 2)[:, ::-1] + 0.5


def points_from_graphic(graphic: npt.ArrayLike) -> DoubleArray:
    """Turn graphic data, flat or (points, 2), back into (row, column) pixel centres."""
    return np.asarray(graphic, dtype=np.float64).reshape(-1, 2)[:, ::-1] - 0.5


def cut_to_picture(points_px: npt.ArrayLike, picture: tuple[int, int]) -> DoubleArray:
    """Leave out the part of a line that lies outside of the picture, seen from its last point.

    Graphics must lie in the picture (PS3.3 C.10.5.1.2, C.18.6.1), and a shaft may go on beyond.

    Parameters
    ----------
    points_px
        (points, 2), (row, column).
    picture
        (rows, columns).

    Returns
    -------
    DoubleArray
        (points, 2), from where the line came in; none where its last point lies outside.
    """
    points = np.asarray(points_px, np.float64).reshape(-1, 2)
    low, high = np.full(2, -0.5), np.array(picture, np.float64) - 0.5
    inside: BoolArray = np.all((points >= low) & (points <= high), axis=1)
    if not inside[-1]:
        return points[:0]
    if inside.all():
        return points
    last_out = int(np.flatnonzero(~inside)[-1])
    outer, inner = points[last_out], points[last_out + 1]
    way = outer - inner
    # along an axis on which it hardly moves it never comes to the border
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shares = np.where(way > 0, (high - inner) / way, (low - inner) / way)
    share = float(np.min(shares[way != 0.0]))
    border = np.clip(inner + share * way, low, high)
    return np.concatenate([border[None], points[last_out + 1 :]])


def kept_in_picture(points_px: npt.ArrayLike, picture: tuple[int, int]) -> DoubleArray:
    """Move points that lie outside of the picture onto its border, (points, 2)."""
    points = np.asarray(points_px, np.float64).reshape(-1, 2)
    moved: DoubleArray = np.clip(points, -0.5, np.array(picture, np.float64) - 0.5)
    return moved
