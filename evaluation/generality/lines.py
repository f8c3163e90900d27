"""Where painted lines are in a picture of a football pitch: thin and bright between green on both sides.

A rule, not a label by hand: it runs at twice the core's resolution, and a head has to find from features what
it finds from pixels. It sees no lines off the grass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["line_share"]

_THIN = 9  # px: what is wider than this is no line
_BRIGHTER = 18  # grey levels above what is beside it
_GREENER = 12  # levels of green above the mean of red and blue on grass, where green also exceeds red


def line_share(pixels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Return how much of each cell of a grid [rows, columns] over RGB [H, W, 3] is line, 0..1.

    The grid lies over the whole letterboxed input: a picture less high than the grid's aspect is centred.
    """
    red, green, blue = (pixels[..., channel].astype(np.int16) for channel in range(3))
    grey = (red + 2 * green + blue) >> 2
    grass = ((green - (red + blue) // 2 >= _GREENER) & (green > red)).astype(np.float32)
    turf = _mean(_mean(grass, 12, 0), 12, 1) > 0.5
    line = np.zeros(grey.shape, bool)
    for axis in (0, 1):
        before, after = (np.roll(grey, by, axis) for by in (_THIN // 2 + 1, -(_THIN // 2) - 1))
        green_before, green_after = (np.roll(grass, by, axis) for by in (_THIN // 2 + 1, -(_THIN // 2) - 1))
        beside = np.maximum(before, after) + _BRIGHTER
        line |= (grey > beside) & (green_before > 0) & (green_after > 0)
    line &= turf
    height, width = pixels.shape[:2]
    cell = width / columns
    whole = np.zeros((round(rows * cell), width), np.float32)
    top = (len(whole) - height) // 2
    whole[max(top, 0) : max(top, 0) + height] = line[max(-top, 0) : max(-top, 0) + len(whole)]
    share = Image.fromarray(whole).resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(share, np.float32)


def _mean(values: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
    """Return the mean of the 2 * reach + 1 values around each, along an axis; edges repeat."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach + 1, reach)
    sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
    size = 2 * reach + 1
    count = values.shape[axis]
    upper = sums.take(range(size, size + count), axis)
    return np.asarray((upper - sums.take(range(count), axis)) / size, np.float32)
