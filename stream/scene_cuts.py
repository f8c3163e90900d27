"""Notices when a picture has nothing to do with the one before: features there need no reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SceneCuts"]

_GRID = 16
"""One pixel in this many, both ways, is looked at."""
_LEAST_CHANGE = 8.0
"""Mean change of levels (0..255) below which nothing is a cut: noise, players, slow pans."""
_LEAST_RATIO = 2.0
"""A pan changes much as well, but no more than the frame before it did."""


class SceneCuts:
    """Judges the prepared images of one stream, in order."""

    def __init__(self) -> None:
        self._last: NDArray[np.int16] | None = None
        self._change = 0.0

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        """Return whether a new scene begins with this image [H, W, 3]; never with the first."""
        seen = image[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID].astype(np.int16)
        if self._last is None or self._last.shape != seen.shape:
            self._last = seen
            return False
        change = float(np.abs(seen - self._last).mean())
        cut = change > _LEAST_CHANGE and change > _LEAST_RATIO * self._change
        self._last, self._change = seen, change
        return cut
