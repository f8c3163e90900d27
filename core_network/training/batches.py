"""Batches in a fixed order: batch n depends on the seed and n only, so resumed runs see the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from core_network.training.augment import random_view, sheet_view
from core_network.training.light import photometric, with_shade
from core_network.training.network import normalise
from core_network.training.pasting import with_copies
from core_network.training.stills import Still
from core_network.training.targets import Targets, make_targets

__all__ = ["PASTED", "Batch", "Feed", "batches"]

Batch = tuple[Tensor, dict[str, Tensor]]

PASTED = ("football", "tennis")
"""Sources whose balls are small enough to paste, and whose people, if labelled, stand on even ground."""


@dataclass(frozen=True)
class Feed:
    """Where samples come from: pictures by source and each source's share.

    `sheet_share` of those that label the ball alone come as sheets of four parts of pictures of that source;
    of the rest, `full_share` are shown whole, `hard_share` of the others where the network erred, if it did.
    `paste_share` of the pictures of PASTED sources get copies of their people and balls, `shade_share` of all
    a shade.
    """

    pools: Mapping[str, Sequence[Still]]
    mix: Mapping[str, float]
    full_share: float
    hard_share: float
    sheet_share: float
    paste_share: float
    shade_share: float
    size: int
    shape: tuple[int, int]
    seed: int


def _one(feed: Feed, step: int) -> Batch:
    rng = np.random.default_rng([feed.seed, step])
    names = [name for name in feed.mix if feed.pools.get(name)]
    weights = np.array([feed.mix[name] for name in names])
    planes, targets = [], []
    for name in rng.choice(names, feed.size, p=weights / weights.sum()):
        pool = feed.pools[str(name)]
        still = pool[int(rng.integers(len(pool)))]
        height, width = feed.shape
        if name in PASTED and rng.random() < feed.paste_share:
            still, _ = with_copies(still, rng)
        if still.people is None and rng.random() < feed.sheet_share:
            others = [pool[int(at)] for at in rng.integers(len(pool), size=3)]
            sample = sheet_view([still, *others], width, height, rng)
        else:
            sample = random_view(still, width, height, rng, feed.full_share, feed.hard_share)
        planes.append(sample.planes)
        targets.append(make_targets(sample.people, sample.balls, *feed.shape, sample.doubtful))
    maps = {
        f.name: torch.from_numpy(np.stack([np.asarray(getattr(t, f.name), np.float32) for t in targets]))
        for f in fields(Targets)
    }
    x = normalise(torch.from_numpy(np.stack(planes)).permute(0, 3, 1, 2))
    return photometric(with_shade(x, feed.shade_share, rng), rng), maps


def batches(feed: Feed, first: int, last: int) -> Iterator[tuple[int, Batch]]:
    """Yield (step, batch) for first <= step < last; the next two are made meanwhile in another thread."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[tuple[int, Future[Batch]]] = []
        step = first
        while step < last or waiting:
            while step < last and len(waiting) < 3:
                waiting.append((step, pool.submit(_one, feed, step)))
                step += 1
            at, future = waiting.pop(0)
            yield at, future.result()
