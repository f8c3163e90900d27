"""Index arrays of one feature shape: cells with a border, blocks of 2x2 cells, groups of four channels."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["GROUP", "Grid", "grid_of", "population"]

GROUP = 4
"""Channels per group; a group's zero pattern is one symbol."""

Count = TypeVar("Count", np.int8, np.uint8, np.int16)

_CELLS_OF_BLOCK = ((0, 0), (0, 1), (1, 0), (1, 1))
_TOUCHING = ((-1, 0), (-1, 1), (2, 0), (2, 1), (0, -1), (1, -1), (0, 2), (1, 2))


class Grid:
    """Positions of a [C, H, W] feature, laid out [C, cells] with a border of one dead cell on each side.

    Blocks and cells are coded in two halves like the colours of a chessboard, so that the second half sees
    all four neighbours of the first.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Lay out a shape; odd heights and widths get one more dead row or column."""
        self.channels, self.height, self.width = shape
        self.groups = -(-self.channels // GROUP)
        rows, columns = self.height + self.height % 2, self.width + self.width % 2
        self.pitch = columns + 2
        self.cells = (rows + 2) * self.pitch
        top, left = np.mgrid[0:rows:2, 0:columns:2]
        origins = ((top + 1) * self.pitch + left + 1).ravel()
        odd = ((top // 2 + left // 2) % 2).ravel().astype(bool)
        self.blocks = (origins[~odd], origins[odd])
        self.block_cells = self._offsets(_CELLS_OF_BLOCK)
        self.touching = self._offsets(_TOUCHING)
        inside = np.zeros((rows + 2, self.pitch), bool)
        inside[1 : self.height + 1, 1 : self.width + 1] = True
        self.outside = ~inside.ravel()
        cell = np.arange(self.cells)
        self.odd = ((cell // self.pitch + cell % self.pitch) % 2).astype(bool)

    def _offsets(self, steps: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
        return np.array([row * self.pitch + column for row, column in steps], np.int64)[:, None]

    def spread(self, symbols: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return [C, H, W] laid out as [C, cells]."""
        laid = np.zeros((self.channels, self.cells), np.int8)
        self._window(laid)[...] = symbols
        return laid

    def gather(self, laid: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return [C, cells] as a new array [C, H, W]."""
        return np.ascontiguousarray(self._window(laid))

    def _window(self, laid: NDArray[np.int8]) -> NDArray[np.int8]:
        return laid.reshape(self.channels, -1, self.pitch)[:, 1 : self.height + 1, 1 : self.width + 1]

    def patterns(self, laid: NDArray[np.int8]) -> NDArray[np.uint8]:
        """Return the patterns [groups, cells] of [C, cells]: bit k is set where channel 4g+k is not 0."""
        live = np.zeros((self.groups * GROUP, self.cells), np.uint8)
        np.not_equal(laid, 0, out=live[: self.channels].view(bool))
        quads = live.reshape(self.groups, GROUP, self.cells)
        patterns: NDArray[np.uint8] = quads[:, 0].copy()
        for bit in range(1, GROUP):
            patterns |= quads[:, bit] << bit
        return patterns

    def around(self, laid: NDArray[Count]) -> NDArray[Count]:
        """Return the sums over the four neighbours of each cell of [.., cells]; 0 in the border rows."""
        sums = np.zeros_like(laid)
        inner = sums[:, self.pitch : -self.pitch]
        above, below, before, after = self._beside(laid)
        np.add(above, below, out=inner)
        inner += before
        inner += after
        return sums

    def usual(self, patterns: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the bits that at least two neighbours of each cell of [.., cells] have set."""
        usual = np.zeros_like(patterns)
        above, below, before, after = self._beside(patterns)
        usual[:, self.pitch : -self.pitch] = (
            above & below | before & after | (above | below) & (before | after)
        )
        return usual

    def _beside(self, laid: NDArray[Count]) -> tuple[NDArray[Count], ...]:
        """Return the four neighbours of all cells but those of the first and last row."""
        pitch, cells = self.pitch, self.cells
        firsts = (0, 2 * pitch, pitch - 1, pitch + 1)
        return tuple(laid[:, first : first + cells - 2 * pitch] for first in firsts)


def population(patterns: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how many channels of each pattern are not zero."""
    pairs = patterns - (patterns >> 1 & 5)
    counts: NDArray[np.uint8] = (pairs & 3) + (pairs >> 2)
    return counts


@lru_cache(maxsize=8)
def grid_of(shape: tuple[int, int, int]) -> Grid:
    """Return the grid of a shape; computed once."""
    return Grid(shape)
