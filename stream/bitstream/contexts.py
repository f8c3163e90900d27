"""Which table codes which symbol: contexts of a frame's three kinds of symbols, in integers only.

A frame is coded as
    BLOCK   which cells of each 2x2 block are coded                              0..15
    GROUP   which channels of a group of four are not zero, for each such cell   0..15
    VALUE   the value of each symbol that is not zero                            0..2*max-1: -max..-1, 1..max
In a key frame the cells that are coded are those with anything but zeros; in a delta those that differ from
the reference in any way. Blocks, and then cells, come in the two halves of a chessboard. Key frames look at
what is already decoded around a symbol; deltas at their reference too, and at how wrong it has proved so far.
docs/wire.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.bitstream.errors import Malformed
from stream.bitstream.grid import GROUP, Grid, population

__all__ = ["Kind", "Reference", "SymbolCoder", "Truth", "context_counts", "walk"]

Indices = NDArray[np.int64]
Halves = tuple[Indices, Indices]


class Kind(IntEnum):
    """The three kinds of symbols."""

    BLOCK = 0
    GROUP = 1
    VALUE = 2


def _bins(*edges: int, first: int = 0, last: int) -> Indices:
    """Return a table (number - first) -> bin: how many edges are at or below the number."""
    return np.digitize(np.arange(first, last + 1), edges).astype(np.int64)


# Bins of counts: coded cells around a block, non-zero symbols of a block, non-zero channels so far, non-zero
# neighbours, misses of the reference. A pair is for the two halves. A bin is stored times what it counts in a
# context, so that contexts are sums of what is looked up.
_NEAR = 1 + _bins(1, 2, 3, 5, 7, last=8)
_STRENGTH = 7 * _bins(3, 8, 18, last=4 * 255)
_SEEN = 17 * _bins(1, 3, last=255)
_FULLNESS = 10 * _bins(2, 5, 9, last=255)
_AROUND = (10 * _bins(1, 3, 6, last=16), 10 * _bins(1, 3, 6, 11, last=32))
_MISSES = (6 + _bins(1, 2, 4, last=1100), _bins(1, 2, 4, 7, 11, last=1100))
_WRONG = 5 * _bins(1, 3, 6, last=255)
# Bins of sums of neighbouring values, each clipped to +-2.
_LEAN = 1 + _bins(-5, -2, -1, 0, 1, 2, 3, 6, first=-8, last=8)
_LEAN_BOTH = (_bins(-1, 0, 1, 2, first=-8, last=8), _bins(-3, 0, 1, 4, first=-16, last=16))


def context_counts(channels: int, *, key: bool) -> tuple[tuple[int, int], ...]:
    """Return each kind's number of contexts in keys or deltas: how many coarse ones, how many of each."""
    groups = -(-channels // GROUP)
    if key:
        return (1, 10), (groups * 16, 3 * 17), (channels, 4 * 10)
    return (16 * 4, 7), (groups * 16, 5 * 10), (channels * 7, 4 * 5)


class SymbolCoder(Protocol):
    """Codes one pass of symbols of a kind, each in its context, and returns them."""

    def __call__(self, kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
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
    """What a key frame offers to its deltas; computed once per key."""

    def __init__(self, grid: Grid, values: NDArray[np.int8]) -> None:
        """Derive it from the key's values [C, cells]."""
        self.values = values
        self.patterns = grid.patterns(values)
        populations = population(self.patterns)
        total = populations.sum(axis=0, dtype=np.int16)
        self.around = grid.around(populations)
        live = (total > 0).astype(np.uint8)
        self.blocks = tuple(
            _block_patterns(grid, live, origins).astype(np.int64) * 28
            + _STRENGTH[total[origins + grid.block_cells].sum(axis=0)]
            for origins in grid.blocks
        )
        # What is already known of the contexts of groups, for either half, and of values.
        self.groups = (np.arange(grid.groups)[:, None] * 16 + self.patterns) * 50
        self.even_groups = self.groups + _AROUND[0].take(self.around)
        coarse = np.arange(grid.channels, dtype=np.int32)[:, None] * 7 + 3 + np.clip(values, -3, 3)
        # Flat: what is looked up here are single symbols, one by one.
        self.coarse_values = (coarse * 20).reshape(-1)
        self.lean = grid.around(np.clip(values, -2, 2)).reshape(-1)


def walk(
    grid: Grid, symbol_max: int, reference: Reference | None, code: SymbolCoder, truth: Truth | None
) -> NDArray[np.int8]:
    """Take a frame through `code`, pass by pass, and return its values [C, cells].

    Encoding, decoding and fitting all walk the same way. A key frame has no reference. Raises Malformed when
    what is decoded cannot have been encoded.
    """
    coded = _walk_blocks(grid, reference, code, truth)
    if coded[grid.outside].any():
        raise Malformed("cells outside the grid")
    cells = coded.nonzero()[0]
    odd = grid.odd[cells]
    halves = (cells[~odd], cells[odd])
    patterns = _walk_groups(grid, reference, code, truth, halves)
    return _walk_values(grid, symbol_max, reference, code, truth, halves, patterns)


def _walk_blocks(
    grid: Grid, reference: Reference | None, code: SymbolCoder, truth: Truth | None
) -> NDArray[np.uint8]:
    coded = np.zeros(grid.cells, np.uint8)
    known = None if truth is None else _coded_cells(reference, truth)
    for half, origins in enumerate(grid.blocks):
        contexts = np.zeros(len(origins), np.int64)
        if half:
            near = coded[origins + grid.touching].sum(axis=0)
            contexts = 1 + near.astype(np.int64) if reference is None else _NEAR.take(near)
        if reference is not None:
            contexts = contexts + reference.blocks[half]
        symbols = code(Kind.BLOCK, contexts, None if known is None else _block_patterns(grid, known, origins))
        for bit, offset in enumerate(grid.block_cells):
            coded[origins + offset] = symbols >> bit & 1
    return coded


def _coded_cells(reference: Reference | None, truth: Truth) -> NDArray[np.uint8]:
    differs = truth.patterns if reference is None else truth.values != reference.values
    return np.asarray(differs.any(axis=0), np.uint8)


def _walk_groups(
    grid: Grid, reference: Reference | None, code: SymbolCoder, truth: Truth | None, halves: Halves
) -> NDArray[np.uint8]:
    shape = (grid.groups, grid.cells)
    patterns = np.zeros(shape, np.uint8) if reference is None else reference.patterns.copy()
    for half, cells in enumerate(halves):
        known = [None] * grid.groups if truth is None else list(truth.patterns.take(cells, axis=1))
        if reference is None:
            found = _key_groups(grid, patterns, code, known, cells, half)
        else:
            found = _delta_groups(grid, reference, patterns, code, known, cells, half)
        patterns[:, cells] = found
    return patterns


def _key_groups(
    grid: Grid,
    patterns: NDArray[np.uint8],
    code: SymbolCoder,
    known: list[NDArray[np.uint8]] | list[None],
    cells: Indices,
    half: int,
) -> NDArray[np.uint8]:
    """Contexts: the group before, how much there is in all groups before, what most neighbours have."""
    found = np.zeros((grid.groups, len(cells)), np.uint8)
    base = np.arange(grid.groups)[:, None] * (16 * 51)
    base = base + (1 + grid.usual(patterns).take(cells, axis=1) if half else np.zeros(found.shape, np.int64))
    seen = np.zeros(len(cells), np.uint8)
    before = np.zeros(len(cells), np.int64)
    for group, symbols in enumerate(known):
        found[group] = code(Kind.GROUP, base[group] + before * 51 + _SEEN.take(seen), symbols)
        before = found[group].astype(np.int64)
        seen += population(found[group])
    return found


def _delta_groups(
    grid: Grid,
    reference: Reference,
    patterns: NDArray[np.uint8],
    code: SymbolCoder,
    known: list[NDArray[np.uint8]] | list[None],
    cells: Indices,
    half: int,
) -> NDArray[np.uint8]:
    """Contexts: the reference's group, how much is around it, how many channels the reference has missed."""
    found = np.zeros((grid.groups, len(cells)), np.uint8)
    expected = reference.patterns.take(cells, axis=1)
    weight = 1 + half
    if half:
        around = (reference.around + grid.around(population(patterns))).take(cells, axis=1)
        base = reference.groups.take(cells, axis=1) + _AROUND[1].take(around)
        wrong = population(patterns ^ reference.patterns).sum(axis=0, dtype=np.int16)
        misses = grid.around(wrong[None])[0].take(cells) >> 1
    else:
        base = reference.even_groups.take(cells, axis=1)
        misses = np.zeros(len(cells), np.int16)
    for group, symbols in enumerate(known):
        found[group] = code(Kind.GROUP, base[group] + _MISSES[half].take(misses), symbols)
        misses += weight * population(found[group] ^ expected[group])
    return found


def _walk_values(
    grid: Grid,
    symbol_max: int,
    reference: Reference | None,
    code: SymbolCoder,
    truth: Truth | None,
    halves: Halves,
    patterns: NDArray[np.uint8],
) -> NDArray[np.int8]:
    if reference is None:
        values = np.zeros((grid.channels, grid.cells), np.int8)
    else:
        kept = np.ones(grid.cells, np.int8)
        kept[np.concatenate(halves)] = 0
        values = reference.values * kept
    flat = values.reshape(-1)
    of_symbol = np.array([value for value in range(-symbol_max, symbol_max + 1) if value], np.int8)
    for half, cells in enumerate(halves):
        here = patterns.take(cells, axis=1)
        channel, column = _live(here).nonzero()
        if len(channel) and channel[-1] >= grid.channels:
            raise Malformed("a value in a channel that is not there")
        at = channel * grid.cells + cells.take(column)
        lean = grid.around(np.clip(values, -2, 2)).reshape(-1).take(at) if half else np.int8(0)
        if reference is None:
            fullness = _FULLNESS.take(population(here).sum(axis=0))
            contexts = channel * 40 + fullness.take(column)
            if half:
                contexts += _LEAN.take(lean + 8)
        else:
            missed = population(here ^ reference.patterns.take(cells, axis=1)).sum(axis=0)
            contexts = reference.coarse_values.take(at) + _WRONG.take(missed).take(column)
            contexts += _LEAN_BOTH[half].take(reference.lean.take(at) + lean + (16 if half else 8))
        known = None
        if truth is not None:
            value = truth.values.reshape(-1).take(at).astype(np.int16)
            known = (value + symbol_max - (value > 0)).astype(np.uint8)
        flat[at] = of_symbol.take(code(Kind.VALUE, contexts, known))
    return values


def _live(patterns: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether each channel [4 * groups, cells] of patterns [groups, cells] is not zero."""
    groups, cells = patterns.shape
    bits = patterns[:, None] & (1 << np.arange(GROUP, dtype=np.uint8))[:, None]
    live: NDArray[np.bool_] = bits.reshape(groups * GROUP, cells) != 0
    return live


def _block_patterns(grid: Grid, live: NDArray[np.uint8], origins: Indices) -> NDArray[np.uint8]:
    first, second, third, fourth = (live[origins + offset] for offset in grid.block_cells)
    patterns: NDArray[np.uint8] = first | second << 1 | third << 2 | fourth << 3
    return patterns
