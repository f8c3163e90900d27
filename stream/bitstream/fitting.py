"""Fit entropy tables to the symbols of real frames: histograms, clustering, 12-bit frequencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from stream.bitstream.codec import ANCHOR_INTERVAL, KEY_INTERVAL
from stream.bitstream.contexts import Indices, Kind, Reference, Truth, context_counts, walk
from stream.bitstream.grid import grid_of
from stream.bitstream.rans import TOTAL
from stream.bitstream.tables import EntropyTables, alphabet

__all__ = ["CLUSTERS", "fit_tables"]

CLUSTERS = {Kind.BLOCK: 24, Kind.GROUP: 128, Kind.VALUE: 96}
"""The most tables of each kind."""
_ROUNDS = 25
_COARSE_WEIGHT = 6.0
"""Symbols' worth of belief in what all contexts of the same coarse context have seen."""
_KIND_WEIGHT = 1.0
"""Symbols' worth of belief in what all contexts of the kind have seen."""

Table = NDArray[np.float64]


def fit_tables(
    sequences: Iterable[NDArray[np.int8]],
    spec: FeatureSpec,
    clusters: Mapping[Kind, int] = CLUSTERS,
) -> EntropyTables:
    """Return tables fitted to symbols int8 [T, C, H, W] of successive frames; T may be 1 (stills).

    Every frame is counted as a key, and as a delta of the anchor that an encoder would have. Symbols of one
    rate fit that rate best. `clusters` is the most tables of each kind. Raises ValueError when there is
    nothing to fit to.
    """
    counts = {key: _empty(spec, key=key) for key in (True, False)}
    frames = 0
    for symbols in sequences:
        if symbols.dtype != np.int8 or symbols.ndim != 4 or symbols.shape[1:] != spec.shape:
            raise ValueError(
                f"entropy tables: expected int8 [T, *{spec.shape}], got {symbols.dtype} {symbols.shape}"
            )
        _count(counts, spec, symbols)
        frames += len(symbols)
    if not frames:
        raise ValueError("entropy tables: expected at least one frame to fit to, got none")
    frequencies: list[NDArray[np.uint16]] = []
    members: dict[bool, list[NDArray[np.uint8]]] = {True: [], False: []}
    for kind in Kind:
        smoothed = [_smoothed(counts[key][kind]) for key in (True, False)]
        centres, assigned = _cluster(np.concatenate(smoothed), clusters[kind])
        frequencies.append(np.stack([_quantised(row) for row in centres]))
        members[True].append(assigned[: len(smoothed[0])].astype(np.uint8))
        members[False].append(assigned[len(smoothed[0]) :].astype(np.uint8))
    return EntropyTables(
        spec.shape[0], spec.symbol_max, tuple(frequencies), tuple(members[True]), tuple(members[False])
    )


def _empty(spec: FeatureSpec, *, key: bool) -> list[Table]:
    """Return zero counts [coarse, fine, alphabet] for each kind."""
    return [
        np.zeros((*contexts, alphabet(kind, spec.symbol_max)))
        for kind, contexts in zip(Kind, context_counts(spec.shape[0], key=key), strict=True)
    ]


def _count(counts: dict[bool, list[Table]], spec: FeatureSpec, frames: NDArray[np.int8]) -> None:
    grid = grid_of(spec.shape)
    reference: Reference | None = None
    for index, frame in enumerate(frames):
        truth = Truth.of(grid, frame)
        walk(grid, spec.symbol_max, None, _Histograms(counts[True]), truth)
        after_key = index % KEY_INTERVAL
        if after_key:
            walk(grid, spec.symbol_max, reference, _Histograms(counts[False]), truth)
        if after_key % ANCHOR_INTERVAL == 0:
            reference = Reference(grid, truth.values)


class _Histograms:
    """Counts the symbols of a walk."""

    def __init__(self, counts: list[Table]) -> None:
        self._counts = counts

    def __call__(self, kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        assert symbols is not None
        table = self._counts[kind]
        entries = contexts * table.shape[-1] + symbols
        table += np.bincount(entries, minlength=table.size).reshape(table.shape)
        return symbols


def _smoothed(counts: Table) -> Table:
    """Return [coarse, fine, alphabet] as [contexts, alphabet], with beliefs for what was seldom seen."""
    overall = counts.sum(axis=(0, 1)) + 0.01
    coarse = counts.sum(axis=1, keepdims=True) + overall / overall.sum() * _KIND_WEIGHT
    smoothed: Table = counts + coarse / coarse.sum(axis=-1, keepdims=True) * _COARSE_WEIGHT
    return smoothed.reshape(-1, counts.shape[-1])


def _cluster(counts: Table, most: int) -> tuple[Table, Indices]:
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
        centres, assigned = _centres(counts, assigned)
        cost = counts @ -np.log2(centres / centres.sum(axis=1, keepdims=True)).T
        nearest = cost.argmin(axis=1)
        # Places that are free go to the contexts that lose most where they are.
        loss = cost[np.arange(len(counts)), nearest] - weight * entropy
        free = np.arange(len(centres), min(most, len(counts)))
        nearest[np.argsort(-loss, kind="stable")[: len(free)]] = free
        if (nearest == assigned).all():
            break
        assigned = nearest
    return _centres(counts, assigned)


def _centres(counts: Table, assigned: Indices) -> tuple[Table, Indices]:
    """Return the counts of each cluster that has members, and the contexts' clusters renumbered."""
    used, renumbered = np.unique(assigned, return_inverse=True)
    centres = np.zeros((len(used), counts.shape[1]))
    np.add.at(centres, renumbered, counts)
    return centres, renumbered


def _quantised(counts: Table) -> NDArray[np.uint16]:
    """Return frequencies of at least 1 that sum to 4096, close to the counts."""
    exact = counts / counts.sum() * TOTAL
    frequency = np.maximum(np.floor(exact), 1).astype(np.int64)
    while missing := TOTAL - int(frequency.sum()):
        # The symbol whose code length gains most, or loses least, by one step.
        if missing > 0:
            frequency[np.argmax(exact * np.log2((frequency + 1) / frequency))] += 1
        else:
            loss = exact * np.log2(frequency / np.maximum(frequency - 1, 1))
            frequency[np.argmin(np.where(frequency > 1, loss, np.inf))] -= 1
    quantised: NDArray[np.uint16] = frequency.astype(np.uint16)
    return quantised
