"""Log frames that are sums of hills, so that every motion is exact."""

from __future__ import annotations

import numpy as np


def moving_scene(shift_px, *, size=(64, 64), turn_rad=None, noise=0.0, seed=0, hills=70):
    """Log frames (frames, rows, columns) float32 of anatomy moved by `shift_px` (frames, 2)."""
    random = np.random.default_rng(seed)
    shift_px = np.asarray(shift_px, float)
    turn_rad = np.zeros(len(shift_px)) if turn_rad is None else np.asarray(turn_rad)
    rows, columns = size
    y = random.uniform(-0.15, 1.15, hills) * rows
    x = random.uniform(-0.15, 1.15, hills) * columns
    width, depth = random.uniform(2.5, 5.0, hills), random.uniform(-0.5, 0.5, hills)
    row, column = np.mgrid[:rows, :columns].astype(float)
    middle = (rows - 1) / 2, (columns - 1) / 2
    frames = np.full((len(shift_px), rows, columns), 6.0)
    for index, ((down, right), turn) in enumerate(zip(shift_px, turn_rad, strict=True)):
        for i in range(hills):
            at_y = y[i] + down + turn * (x[i] - middle[1])
            at_x = x[i] + right - turn * (y[i] - middle[0])
            away = (row - at_y) ** 2 + (column - at_x) ** 2
            frames[index] += depth[i] * np.exp(-away / (2 * width[i] ** 2))
    frames += noise * random.standard_normal(frames.shape)
    return frames.astype(np.float32)


def breathing(frames, *, rows_px=2.0, columns_px=0.7):
    """Shifts (frames, 2) of quiet breathing."""
    turn = 2 * np.pi * np.arange(frames) / 40
    return np.stack([rows_px * np.sin(turn), columns_px * np.sin(turn + 0.5)], axis=1)
