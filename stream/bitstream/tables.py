"""Static entropy tables: symbol frequencies in clusters, and which cluster codes each context.

    "FCET" | version 1 | channels | symbol_max | key models | delta models | clusters - 1 of each kind (3)
    frequencies of each kind, cluster by cluster, uint16 little-endian, each cluster summing to 4096
    cluster of each context, uint8: for each rate, for key then delta, for each model, for each kind

The encoder chooses the cheapest model of a frame; the choice is in the frame's header.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core_network.spec import RATES
from stream.bitstream.contexts import Kind, context_counts
from stream.bitstream.rans import PRECISION, TOTAL

__all__ = ["MAX_MODELS", "EntropyTables"]

MAX_MODELS = 4
"""Most models of key frames, and of deltas, per rate."""

_MAGIC = b"FCET"
_VERSION = 1
_HEAD = 12


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Frequencies [clusters, alphabet] of each kind and, per (rate, key, model), the cluster of each context."""

    channels: int
    symbol_max: int
    frequencies: tuple[NDArray[np.uint16], ...]
    clusters: dict[tuple[str, bool, int], tuple[NDArray[np.uint8], ...]]

    def models(self, *, key: bool) -> int:
        """Return how many models key frames or deltas choose from."""
        return sum(1 for rate, is_key, _ in self.clusters if rate == RATES[0] and is_key is key)

    @cached_property
    def id(self) -> str:
        """The tables' id: the first eight hex digits of the sha256 of their bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:8]

    def to_bytes(self) -> bytes:
        """Return the tables as they are stored and served."""
        head = bytes(
            (_VERSION, self.channels, self.symbol_max, self.models(key=True), self.models(key=False))
        )
        counts = bytes(len(table) - 1 for table in self.frequencies)
        tables = b"".join(table.astype("<u2").tobytes() for table in self.frequencies)
        maps = b"".join(
            kind.tobytes()
            for rate in RATES
            for key in (True, False)
            for model in range(self.models(key=key))
            for kind in self.clusters[rate, key, model]
        )
        return _MAGIC + head + counts + tables + maps

    @classmethod
    def from_bytes(cls, stored: bytes) -> EntropyTables:
        """Read what `to_bytes` wrote; raises ValueError when it is something else or damaged."""
        if len(stored) < _HEAD or stored[:4] != _MAGIC or stored[4] != _VERSION:
            raise ValueError(
                f"entropy tables: expected a file that begins with {_MAGIC!r} and version {_VERSION}, "
                f"got {stored[:5]!r}; export the core again"
            )
        channels, symbol_max, key_models, delta_models = stored[5:9]
        if not (
            channels
            and 1 <= symbol_max <= 127
            and 1 <= key_models <= MAX_MODELS
            and 1 <= delta_models <= MAX_MODELS
        ):
            raise ValueError("entropy tables: channels, range or models out of bounds; export the core again")
        at = _HEAD
        frequencies = []
        for kind in Kind:
            shape = (stored[9 + kind] + 1, alphabet(kind, symbol_max))
            table, at = _take(stored, at, shape[0] * shape[1], "<u2")
            if table.min() < 1 or (table.reshape(shape).sum(axis=1, dtype=np.int64) != TOTAL).any():
                raise ValueError(
                    f"entropy tables: expected frequencies from 1 that sum to {TOTAL}; export the core again"
                )
            frequencies.append(table.reshape(shape).astype(np.uint16))
        clusters: dict[tuple[str, bool, int], tuple[NDArray[np.uint8], ...]] = {}
        for rate in RATES:
            for key, models in ((True, key_models), (False, delta_models)):
                for model in range(models):
                    maps = []
                    for kind, contexts in zip(Kind, context_counts(channels, key=key), strict=True):
                        of_kind, at = _take(stored, at, contexts, "u1")
                        if of_kind.max() >= len(frequencies[kind]):
                            raise ValueError("entropy tables: a context names a cluster that is not there")
                        maps.append(of_kind.astype(np.uint8))
                    clusters[rate, key, model] = tuple(maps)
        if at != len(stored):
            raise ValueError(f"entropy tables: expected {at} bytes, got {len(stored)}")
        return cls(channels, symbol_max, tuple(frequencies), clusters)

    @cached_property
    def coding(self) -> Coding:
        """The tables in the form that encoding and decoding use."""
        return Coding(self)


class Coding:
    """Flat arrays over all clusters of all kinds.

    Symbol s of cluster k is entry `k * stride + s` of `frequency`, `start` and `bits`; slot t of cluster k is
    entry `k * 4096 + t` of `slot_symbol`, `slot_frequency` and `slot_bias`.
    """

    def __init__(self, tables: EntropyTables) -> None:
        """Expand the tables."""
        self.stride = max(alphabet(kind, tables.symbol_max) for kind in Kind)
        rows = np.concatenate(
            [np.pad(table, ((0, 0), (0, self.stride - table.shape[1]))) for table in tables.frequencies]
        ).astype(np.uint32)
        ends = rows.cumsum(axis=1, dtype=np.uint32)
        self.frequency = rows.ravel()
        self.start = (ends - rows).ravel()
        self.bits = (PRECISION - np.log2(np.maximum(rows, 1))).astype(np.float32).ravel()
        symbols = np.concatenate([np.repeat(np.arange(self.stride, dtype=np.uint8), row) for row in rows])
        self.slot_symbol = symbols
        entry = np.repeat(np.arange(len(rows), dtype=np.int64) * self.stride, TOTAL) + symbols
        self.slot_frequency = self.frequency[entry]
        slot = np.tile(np.arange(TOTAL, dtype=np.uint32), len(rows))
        self.slot_bias = slot - self.start[entry]
        first = np.cumsum([0, *(len(table) for table in tables.frequencies)])
        self._maps = {
            choice: tuple(
                of_kind.astype(np.uint32) + np.uint32(first[kind])
                for kind, of_kind in zip(Kind, maps, strict=True)
            )
            for choice, maps in tables.clusters.items()
        }

    def maps(self, rate: str, key: bool, model: int) -> tuple[NDArray[np.uint32], ...]:
        """Return the cluster, counted over all kinds, of each context of each kind."""
        return self._maps[rate, key, model]


def alphabet(kind: Kind, symbol_max: int) -> int:
    """Return how many symbols a kind has."""
    return 2 * symbol_max if kind is Kind.VALUE else 16


def _take(stored: bytes, at: int, count: int, form: str) -> tuple[NDArray[np.uint16], int]:
    end = at + count * np.dtype(form).itemsize
    if end > len(stored):
        raise ValueError(f"entropy tables: cut off after {len(stored)} bytes; export the core again")
    return np.frombuffer(stored, form, count, at), end
