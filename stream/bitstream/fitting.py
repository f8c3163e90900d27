"""Fit entropy tables to the symbols of real frames: histograms, clustering, 12-bit frequencies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core_network.spec import RATES, FeatureSpec
from stream.bitstream.contexts import Indices, Kind, Reference, Truth, context_counts, walk
from stream.bitstream.grid import grid_of
from stream.bitstream.rans import TOTAL
from stream.bitstream.tables import EntropyTables, alphabet

__all__ = ["fit_tables"]

_INTERVAL = 10
"""Key interval that deltas are fitted for."""
_DELTA_STARTS = (1, 3, 6)
"""First distance from the key of each delta model."""
_CLUSTERS = {Kind.BLOCK: 48, Kind.GROUP: 112, Kind.VALUE: 96}
_ROUNDS = 25
_PARENT_WEIGHT = 8.0
"""Symbols' worth of belief in the average over all contexts of a kind, where a context was seldom seen."""

Counts = dict[tuple[str, bool, int], list[NDArray[np.float64]]]


def fit_tables(sequences: Iterable[tuple[str, NDArray[np.int8]]], spec: FeatureSpec) -> EntropyTables:
    """Return tables fitted to (rate, symbols int8 [T, C, H, W]) of successive frames; T may be 1 (stills).

    Every frame is counted as a key, and those that follow it within its key interval as deltas. Rates that
    never occur borrow from the others. Raises ValueError when there is nothing to fit to.
    """
    counts = _empty(spec)
    frames = 0
    for rate, symbols in sequences:
        if (
            rate not in RATES
            or symbols.ndim != 4
            or symbols.shape[1:] != spec.shape
            or symbols.dtype != np.int8
        ):
            raise ValueError(
                f"expected (rate, int8 [T, {', '.join(map(str, spec.shape))}]), got ({rate!r}, {symbols.dtype} {symbols.shape})"
            )
        _count(counts, spec, rate, symbols)
        frames += len(symbols)
    if not frames:
        raise ValueError("entropy tables: expected at least one frame to fit to, got none")
    _borrow(counts)
    frequencies: list[NDArray[np.uint16]] = []
    clusters: dict[tuple[str, bool, int], list[NDArray[np.uint8]]] = {choice: [] for choice in counts}
    for kind in Kind:
        stacked = np.concatenate([_with_parent(of_kinds[kind]) for of_kinds in counts.values()])
        centres, assigned = _cluster(stacked, _CLUSTERS[kind])
        frequencies.append(np.stack([_quantise(row) for row in centres]))
        at = 0
        for choice, of_kinds in counts.items():
            clusters[choice].append(assigned[at : at + len(of_kinds[kind])].astype(np.uint8))
            at += len(of_kinds[kind])
    return EntropyTables(
        spec.shape[0],
        spec.symbol_max,
        tuple(frequencies),
        {choice: tuple(maps) for choice, maps in clusters.items()},
    )


def _empty(spec: FeatureSpec) -> Counts:
    return {
        (rate, key, model): [
            np.zeros((contexts, alphabet(kind, spec.symbol_max)))
            for kind, contexts in zip(Kind, context_counts(spec.shape[0], key=key), strict=True)
        ]
        for rate in RATES
        for key, models in ((True, 1), (False, len(_DELTA_STARTS)))
        for model in range(models)
    }


def _count(counts: Counts, spec: FeatureSpec, rate: str, frames: NDArray[np.int8]) -> None:
    grid = grid_of(spec.shape)
    reference: Reference | None = None
    for index, frame in enumerate(frames):
        truth = Truth.of(grid, frame)
        walk(grid, spec.symbol_max, None, _Histograms(counts[rate, True, 0]), truth)
        distance = index % _INTERVAL
        if distance == 0:
            reference = Reference(grid, truth.values)
        else:
            model = int(np.searchsorted(_DELTA_STARTS, distance, side="right")) - 1
            walk(grid, spec.symbol_max, reference, _Histograms(counts[rate, False, model]), truth)


class _Histograms:
    """Counts the symbols of a walk."""

    def __init__(self, counts: list[NDArray[np.float64]]) -> None:
        self._counts = counts

    def __call__(
        self, kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None, *, last: bool
    ) -> NDArray[np.uint8]:
        assert symbols is not None
        table = self._counts[kind]
        table += np.bincount(contexts * table.shape[1] + symbols, minlength=table.size).reshape(table.shape)
        return symbols


def _borrow(counts: Counts) -> None:
    """Give rates, and deltas, that never occurred the counts of those that did."""
    seen = [choice for choice, of_kinds in counts.items() if of_kinds[Kind.BLOCK].any()]
    for choice, of_kinds in counts.items():
        if choice in seen:
            continue
        for kind in Kind:
            same = [counts[other][kind] for other in seen if other[1:] == choice[1:]]
            if same:
                of_kinds[kind] += np.sum(same, axis=0)
            else:
                pooled = np.sum([counts[other][kind].sum(axis=0) for other in seen], axis=0)
                of_kinds[kind] += pooled / max(pooled.sum(), 1.0)


def _with_parent(table: NDArray[np.float64]) -> NDArray[np.float64]:
    parent = table.sum(axis=0) + 0.01
    return table + parent / parent.sum() * _PARENT_WEIGHT


def _cluster(counts: NDArray[np.float64], most: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return cluster counts [clusters, alphabet] and each context's cluster: k-means on code length."""
    weight = counts.sum(axis=1)
    share = counts / weight[:, None]
    entropy = -(share * np.log2(share)).sum(axis=1)
    # Begin with contexts spread evenly, by weight, over the range of entropies.
    order = np.argsort(entropy, kind="stable")
    position = np.cumsum(weight[order]) / weight.sum()
    assigned = np.empty(len(counts), np.int64)
    assigned[order] = np.minimum((position * most).astype(np.int64), most - 1)
    for _ in range(_ROUNDS):
        used, assigned = np.unique(assigned, return_inverse=True)
        centres = np.zeros((len(used), counts.shape[1]))
        np.add.at(centres, assigned, counts)
        lengths = -np.log2(centres / centres.sum(axis=1, keepdims=True))
        cost = counts @ lengths.T
        nearest = cost.argmin(axis=1)
        # Empty places go to the contexts that lose most where they are.
        loss = cost[np.arange(len(counts)), nearest] - weight * entropy
        for place, context in zip(range(len(used), most), np.argsort(-loss, kind="stable"), strict=False):
            nearest[context] = place
        if (nearest == assigned).all():
            break
        assigned = nearest
    used, assigned = np.unique(assigned, return_inverse=True)
    centres = np.zeros((len(used), counts.shape[1]))
    np.add.at(centres, assigned, counts)
    return centres, assigned


def _quantise(counts: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return frequencies of at least 1 that sum to 4096, close to the counts."""
    exact = counts / counts.sum() * TOTAL
    frequency = np.maximum(np.floor(exact), 1).astype(np.int64)
    while (missing := TOTAL - int(frequency.sum())) != 0:
        # The symbol whose code length gains most, or loses least, per step.
        if missing > 0:
            frequency[np.argmax(exact * np.log2((frequency + 1) / frequency))] += 1
        else:
            gain = np.where(frequency > 1, exact * np.log2(frequency / np.maximum(frequency - 1, 1)), np.inf)
            frequency[np.argmin(gain)] -= 1
    return frequency.astype(np.uint16)
