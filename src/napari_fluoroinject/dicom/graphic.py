"""Points as DICOM graphic data: the one place where order and half pixel are turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_fluoroinject.model.arrays import DoubleArray


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
