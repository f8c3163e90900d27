"""Which table codes which symbol: contexts of a frame's three kinds of symbols, in integers only.

A frame is coded as
    BLOCK   which cells of each 2x2 block hold anything at all         0..15
    GROUP   which channels of a group of four are not zero, per live cell   0..15
    VALUE   the signed value of each non-zero symbol                    0..2*max-1: -max..-1, 1..max
Key frames look at what is already decoded around a symbol, deltas at their reference as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.bitstream.errors import Malformed
from stream.bitstream.grid import GROUP, Grid

__all__ = ["Kind", "Reference", "SymbolCoder", "Truth", "context_counts", "walk"]

Indices = NDArray[np.int64]


class Kind(IntEnum):
    """The three kinds of symbols."""

    BLOCK = 0
    GROUP = 1
    VALUE = 2


_POPULATION = np.array([bin(i).count("1") for i in range(16)], np.uint8)


def _bins(*edges: int, upto: int) -> NDArray[np.uint8]:
    """Return a table number -> bin: the count of edges at or below the number."""
    return np.digitize(np.arange(upto + 1), edges).astype(np.uint8)


# Numbers of live cells, of non-zero symbols and of magnitudes, in bins.
_RING = _bins(1, 4, 8, upto=12)
_NEAR = _bins(1, 3, 6, upto=8)
_SEEN_KEY = _bins(1, 2, 3, 5, upto=255)
_SEEN_DELTA = _bins(1, 3, upto=255)
_AROUND = _bins(1, 3, 6, upto=16)
_CELL = _bins(3, 6, upto=255)
_ACTIVITY = _bins(1, 3, 6, upto=12)
# Sum of four neighbours, each clipped to +-2: -8..8.
_LEAN = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4], np.uint8)

_BLOCK_KEY = 10
_BLOCK_DELTA = 16 * 4 * 5
_GROUP_KEY = 5 * 5
_GROUP_DELTA = 16 * 4 * 3
_VALUE_KEY = 3 * 6
_VALUE_DELTA = 7 * 4


def context_counts(channels: int, *, key: bool) -> tuple[int, int, int]:
    """Return how many contexts each kind has in key frames or deltas of this many channels."""
    groups = -(-channels // GROUP)
    if key:
        return _BLOCK_KEY, groups * _GROUP_KEY, channels * _VALUE_KEY
    return _BLOCK_DELTA, groups * _GROUP_DELTA, channels * _VALUE_DELTA


class SymbolCoder(Protocol):
    """Codes one pass of symbols of a kind, each in its context, and returns them."""

    def __call__(
        self, kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None, *, last: bool
    ) -> NDArray[np.uint8]:
        """Encode `symbols`, or decode them when they are None."""
        ...


@dataclass(frozen=True)
class Truth:
    """What an encoder knows of its frame: values and zero patterns, laid out [.., cells]."""

    values: NDArray[np.int8]
    patterns: NDArray[np.uint8]

    @classmethod
    def of(cls, grid: Grid, symbols: NDArray[np.int8]) -> Truth:
        """Lay out symbols [C, H, W]."""
        values = grid.spread(symbols)
        return cls(values, grid.patterns(values))


class Reference:
    """The contexts that a key frame offers to its deltas; computed once per key."""

    def __init__(self, grid: Grid, values: NDArray[np.int8]) -> None:
        """Derive them from the key's values [C, cells]."""
        patterns = grid.patterns(values)
        live = patterns.any(axis=0).astype(np.uint8)
        ring = np.concatenate([grid.touching, grid.corners])
        self.blocks = [
            _block_patterns(grid, live, origins) * 4 + _RING[live[origins + ring[:, None]].sum(axis=0)]
            for origins in grid.blocks
        ]
        population = _POPULATION[patterns]
        around = np.zeros(population.shape, np.uint8)
        magnitude = np.minimum(np.abs(values), 3).astype(np.uint8)
        activity = np.zeros(values.shape, np.uint8)
        for offset in grid.neighbours.tolist():
            around += np.roll(population, -offset, axis=1)
            activity += np.roll(magnitude, -offset, axis=1)
        self.groups = patterns * 4 + _AROUND[around]
        self.values = ((np.clip(values, -3, 3) + 3).astype(np.uint8) * 4 + _ACTIVITY[activity]).ravel()


def walk(
    grid: Grid, symbol_max: int, reference: Reference | None, code: SymbolCoder, truth: Truth | None
) -> NDArray[np.int8]:
    """Take a frame through `code`, pass by pass, and return its values [C, cells].

    Encoding, decoding and fitting all walk the same way. A key frame has no reference. Raises Malformed when
    what is decoded cannot have been encoded.
    """
    live = _walk_blocks(grid, reference, code, truth)
    if live[grid.outside].any():
        raise Malformed("live cells outside the grid")
    cells = live.nonzero()[0]
    odd = grid.odd[cells]
    halves = (cells[~odd], cells[odd])
    patterns = _walk_groups(grid, reference, code, truth, halves)
    return _walk_values(grid, symbol_max, reference, code, truth, halves, patterns)


def _walk_blocks(
    grid: Grid, reference: Reference | None, code: SymbolCoder, truth: Truth | None
) -> NDArray[np.uint8]:
    live = np.zeros(grid.cells, np.uint8)
    known = None if truth is None else truth.patterns.any(axis=0).astype(np.uint8)
    for half, origins in enumerate(grid.blocks):
        near = live[origins + grid.touching[:, None]].sum(axis=0) if half else None
        if reference is None:
            contexts = np.zeros(len(origins), np.int64) if near is None else 1 + near.astype(np.int64)
        else:
            contexts = reference.blocks[half].astype(np.int64) * 5 + (0 if near is None else 1 + _NEAR[near])
        symbols = code(
            Kind.BLOCK, contexts, None if known is None else _block_patterns(grid, known, origins), last=False
        )
        for bit, offset in enumerate(grid.block_cells.tolist()):
            live[origins + offset] = symbols >> bit & 1
    return live


def _walk_groups(
    grid: Grid,
    reference: Reference | None,
    code: SymbolCoder,
    truth: Truth | None,
    halves: tuple[Indices, Indices],
) -> NDArray[np.uint8]:
    patterns = np.zeros((grid.groups, grid.cells), np.uint8)
    for half, cells in enumerate(halves):
        seen = np.zeros(len(cells), np.uint8)
        around = cells + grid.neighbours[:, None]
        for group in range(grid.groups):
            if reference is None:
                near = 1 + _AROUND[_POPULATION[patterns[group][around]].sum(axis=0)] if half else 0
                contexts = (group * 5 + _SEEN_KEY[seen].astype(np.int64)) * 5 + near
            else:
                contexts = (group * 64 + reference.groups[group][cells].astype(np.int64)) * 3 + _SEEN_DELTA[
                    seen
                ]
            known = None if truth is None else truth.patterns[group][cells]
            symbols = code(Kind.GROUP, contexts, known, last=False)
            patterns[group][cells] = symbols
            seen += _POPULATION[symbols]
        if not seen.all():
            raise Malformed("a live cell without a value")
    return patterns


def _walk_values(
    grid: Grid,
    symbol_max: int,
    reference: Reference | None,
    code: SymbolCoder,
    truth: Truth | None,
    halves: tuple[Indices, Indices],
    patterns: NDArray[np.uint8],
) -> NDArray[np.int8]:
    values = np.zeros((grid.channels, grid.cells), np.int8)
    flat = values.reshape(-1)
    seen = _CELL[_POPULATION[patterns].sum(axis=0)].astype(np.int64)
    of_symbol = np.array([v for v in range(-symbol_max, symbol_max + 1) if v], np.int8)
    for half, cells in enumerate(halves):
        quads = patterns[:, None, cells] >> np.arange(GROUP, dtype=np.uint8)[:, None] & 1
        channel, column = quads.reshape(grid.groups * GROUP, -1).nonzero()
        if len(channel) and channel[-1] >= grid.channels:
            raise Malformed("a value in a channel that is not there")
        at = channel * grid.cells + cells[column]
        if reference is None:
            lean = 0
            if half:
                lean = 1 + _LEAN[np.clip(flat[at + grid.neighbours[:, None]], -2, 2).sum(axis=0) + 8]
            contexts = (channel * 3 + seen[cells[column]]) * 6 + lean
        else:
            contexts = channel * 28 + reference.values[at]
        known = None
        if truth is not None:
            value = truth.values.reshape(-1)[at].astype(np.int16)
            known = (value + symbol_max - (value > 0)).astype(np.uint8)
        flat[at] = of_symbol[code(Kind.VALUE, contexts, known, last=half == 1)]
    return values


def _block_patterns(grid: Grid, live: NDArray[np.uint8], origins: Indices) -> NDArray[np.uint8]:
    first, second, third, fourth = (live[origins + offset] for offset in grid.block_cells.tolist())
    return first | second << 1 | third << 2 | fourth << 3
