"""Static entropy tables: symbol frequencies in clusters, and which cluster codes each context.

    "FCET" | version 1 | channels | symbol_max | clusters - 1 of each kind (3)
    frequencies of each kind, cluster by cluster, uint16 little-endian, each cluster summing to 4096
    cluster of each context, uint8: of each kind for key frames, then of each kind for deltas

All rates share them: contexts tell a busy frame from a quiet one better than the name of its rate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.bitstream.contexts import Kind, context_counts
from stream.bitstream.rans import PRECISION, TOTAL, WORD_BITS, Symbols

__all__ = ["Coding", "EntropyTables", "alphabet"]

_MAGIC = b"FCET"
_VERSION = 1
_HEAD = 10


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Frequencies [clusters, alphabet] of each kind; the cluster of each context of each kind."""

    channels: int
    symbol_max: int
    frequencies: tuple[NDArray[np.uint16], ...]
    key_clusters: tuple[NDArray[np.uint8], ...]
    delta_clusters: tuple[NDArray[np.uint8], ...]

    @cached_property
    def id(self) -> str:
        """The tables' id: the first eight hex digits of the sha256 of their bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:8]

    def to_bytes(self) -> bytes:
        """Return the tables as they are stored and served."""
        head = bytes(
            (_VERSION, self.channels, self.symbol_max, *(len(table) - 1 for table in self.frequencies))
        )
        tables = b"".join(table.astype("<u2").tobytes() for table in self.frequencies)
        maps = b"".join(clusters.tobytes() for clusters in (*self.key_clusters, *self.delta_clusters))
        return _MAGIC + head + tables + maps

    @classmethod
    def from_bytes(cls, stored: bytes) -> EntropyTables:
        """Read what `to_bytes` wrote; raises ValueError when it is something else or damaged."""
        if len(stored) < _HEAD or stored[:4] != _MAGIC or stored[4] != _VERSION:
            raise ValueError(
                f"entropy tables: expected a file that begins with {_MAGIC!r} and version {_VERSION}, "
                f"got {stored[:5]!r}; export the core again"
            )
        channels, symbol_max = stored[5:7]
        if not channels or not 1 <= symbol_max <= 127:
            raise ValueError("entropy tables: channels or range out of bounds; export the core again")
        parts = _Parts(stored)
        frequencies = []
        for kind in Kind:
            shape = (stored[7 + kind] + 1, alphabet(kind, symbol_max))
            table = parts.take(shape[0] * shape[1], "<u2").reshape(shape).astype(np.uint16)
            if table.min() < 1 or (table.sum(axis=1, dtype=np.int64) != TOTAL).any():
                raise ValueError(
                    f"entropy tables: expected frequencies that sum to {TOTAL}; export the core again"
                )
            frequencies.append(table)
        maps = []
        for key in (True, False):
            for kind, (coarse, fine) in zip(Kind, context_counts(channels, key=key), strict=True):
                clusters = parts.take(coarse * fine, "u1").astype(np.uint8)
                if clusters.max() >= len(frequencies[kind]):
                    raise ValueError(
                        "entropy tables: a context names a cluster that is not there; export again"
                    )
                maps.append(clusters)
        parts.finish()
        return cls(channels, symbol_max, tuple(frequencies), tuple(maps[:3]), tuple(maps[3:]))

    @cached_property
    def coding(self) -> Coding:
        """The tables in the form that encoding and decoding use."""
        return Coding(self)


class Coding:
    """Flat arrays over all clusters of all kinds.

    Symbol s of cluster k is entry `k * stride + s` of `symbols` and `bits`; slot t of cluster k is
    entry `k * 4096 + t` of `slot_symbol` and `slots`, which holds the symbol's frequency in its upper half
    and the slot's distance from the symbol's first slot in its lower half. `rows[key][kind]` is the first
    entry, and `first_slots[key][kind]` the first slot, of the cluster of each context.
    """

    def __init__(self, tables: EntropyTables) -> None:
        """Expand the tables."""
        stride = max(alphabet(kind, tables.symbol_max) for kind in Kind)
        rows = np.concatenate(
            [np.pad(table, ((0, 0), (0, stride - table.shape[1]))) for table in tables.frequencies]
        ).astype(np.uint32)
        frequency, start = rows.ravel(), (rows.cumsum(axis=1, dtype=np.uint32) - rows).ravel()
        self.symbols = Symbols(frequency, start)
        self.bits = (PRECISION - np.log2(np.maximum(rows, 1))).astype(np.float32).ravel()
        self.slot_symbol = np.concatenate([np.repeat(np.arange(stride, dtype=np.uint8), row) for row in rows])
        entry = np.repeat(np.arange(len(rows), dtype=np.int64) * stride, TOTAL) + self.slot_symbol
        bias = np.tile(np.arange(TOTAL, dtype=np.uint32), len(rows)) - start[entry]
        self.slots = frequency[entry] << np.uint32(WORD_BITS) | bias
        first = np.cumsum([0, *(len(table) for table in tables.frequencies)])
        clusters = {
            key: [of.astype(np.int64) + first[kind] for kind, of in zip(Kind, maps, strict=True)]
            for key, maps in ((True, tables.key_clusters), (False, tables.delta_clusters))
        }
        self.rows = {key: tuple(of * stride for of in kinds) for key, kinds in clusters.items()}
        self.first_slots = {key: tuple(of * TOTAL for of in kinds) for key, kinds in clusters.items()}


def alphabet(kind: Kind, symbol_max: int) -> int:
    """Return how many symbols a kind has."""
    return 2 * symbol_max if kind is Kind.VALUE else 16


class _Parts:
    """Takes arrays off stored tables, one after the other."""

    def __init__(self, stored: bytes) -> None:
        self._stored = stored
        self._at = _HEAD

    def take(self, count: int, form: str) -> NDArray[np.unsignedinteger]:
        """Return the next numbers."""
        end = self._at + count * np.dtype(form).itemsize
        if end > len(self._stored):
            raise ValueError(
                f"entropy tables: cut off after {len(self._stored)} bytes; export the core again"
            )
        numbers = np.frombuffer(self._stored, form, count, self._at)
        self._at = end
        return numbers

    def finish(self) -> None:
        """Raise ValueError when there is more."""
        if self._at != len(self._stored):
            raise ValueError(
                f"entropy tables: expected {self._at} bytes, got {len(self._stored)}; export again"
            )
