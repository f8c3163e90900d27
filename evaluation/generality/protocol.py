"""One small head on different views of the same pictures: floor, frozen features, decoded features, ceiling.

G = (decoded - floor) / (ceiling - floor): the share of what a whole network could learn beyond plain colours
that a head can still learn from what travels. The head is the same everywhere and trained anew for each seed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.training.network import CoreNetwork, normalise
from evaluation.generality.tasks import Example, Task

__all__ = ["Outcome", "run_protocol"]

_WIDTH, _BATCH = 32, 8
_HEAD_RATE, _CORE_RATE = 3e-3, 5e-4

Step = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """Scores of one task by condition and seed: `floor`, `frozen`, `ceiling` and each rate's name."""

    task: str
    measure: str
    scores: dict[str, list[float]]

    def share(self, rate: str) -> float:
        """Return G at a rate."""
        floor, ceiling = fmean(self.scores["floor"]), fmean(self.scores["ceiling"])
        return (fmean(self.scores[rate]) - floor) / (ceiling - floor)

    @property
    def telling(self) -> bool:
        """Whether the ceiling is clearly above the floor: by three deviations between seeds."""
        spread = max(stdev(self.scores["floor"]), stdev(self.scores["ceiling"]))
        return fmean(self.scores["ceiling"]) - fmean(self.scores["floor"]) >= 3 * spread


def run_protocol(
    task: Task,
    core: Core,
    network: CoreNetwork,
    *,
    rates: Sequence[str],
    seeds: int,
    steps: int,
    progress: Step,
) -> Outcome:
    """Train and score the head in each condition, for seeds 0 .. seeds - 1 (at least two).

    `network` is the trained float network behind `core`; its copy is what the ceiling trains on.
    """
    encoder = Encoder(core)

    def frozen(example: Example) -> NDArray[np.float32]:
        return encoder.latent_after(example.planes[..., :3], [])

    def colours(example: Example) -> Tensor:
        return F.avg_pool2d(_planes(example)[:, :3], 8)[0]

    latents = {id(example): frozen(example) for example in [*task.learned, *task.scored]}

    def decoded(rate: str) -> Callable[[Example], Tensor]:
        def received(example: Example) -> Tensor:
            symbols = core.spec.quantise(latents[id(example)], rate)
            return torch.from_numpy(core.spec.dequantise(symbols, rate)[0])

        return received

    channels = core.spec.shape[0]
    conditions: list[tuple[str, Callable[[Example], Tensor], int]] = [
        ("floor", colours, 3),
        ("frozen", lambda example: torch.from_numpy(latents[id(example)]), channels),
        *((rate, decoded(rate), channels) for rate in rates),
    ]
    scores: dict[str, list[float]] = {}
    for name, view, width in conditions:
        for seed in range(seeds):
            progress(f"{task.name}, {name}, seed {seed}")
            torch.manual_seed(seed)
            head = _head(width, task.outputs)
            scores.setdefault(name, []).append(_train_and_score(task, view, head, None, seed, steps))
    for seed in range(seeds):
        progress(f"{task.name}, ceiling, seed {seed}")
        torch.manual_seed(seed)
        backbone = copy.deepcopy(network).train()
        head = _head(channels, task.outputs)
        scores.setdefault("ceiling", []).append(
            _train_and_score(task, lambda example: _planes(example)[0], head, backbone, seed, steps)
        )
    return Outcome(task.name, task.measure, scores)


def _planes(example: Example) -> Tensor:
    return normalise(torch.from_numpy(example.planes).permute(2, 0, 1)[None])


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, _WIDTH, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(_WIDTH, outputs, 1),
    )


def _train_and_score(
    task: Task,
    view: Callable[[Example], Tensor],
    head: nn.Sequential,
    backbone: CoreNetwork | None,
    seed: int,
    steps: int,
) -> float:
    groups = [{"params": list(head.parameters()), "lr": _HEAD_RATE}]
    if backbone is not None:
        groups.append({"params": list(backbone.parameters()), "lr": _CORE_RATE})
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    share = fmean(float(example.targets.mean()) for example in task.learned) if task.classifies else 0.5
    rarity = torch.tensor(min((1 - share) / share, 20.0))

    def predictions(examples: Sequence[Example]) -> Tensor:
        x = torch.stack([view(example) for example in examples])
        maps = head(x if backbone is None else backbone(x))
        return torch.cat([_read(grid, example.places) for grid, example in zip(maps, examples, strict=True)])

    for examples in _batches(task.learned, seed, steps):
        wanted = torch.from_numpy(np.concatenate([example.targets for example in examples]))
        found = predictions(examples)
        loss = (
            F.binary_cross_entropy_with_logits(found, wanted, pos_weight=rarity)
            if task.classifies
            else F.mse_loss(found, wanted)
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    if backbone is not None:
        backbone.eval()
    with torch.no_grad():
        found_all = torch.cat([predictions([example]) for example in task.scored]).numpy()
    return task.score(found_all, np.concatenate([example.targets for example in task.scored]))


def _batches(examples: Sequence[Example], seed: int, steps: int) -> Iterator[list[Example]]:
    rng = np.random.default_rng(seed)
    usable = [example for example in examples if len(example.places)]
    for _ in range(steps):
        yield [usable[int(index)] for index in rng.integers(len(usable), size=_BATCH)]


def _read(grid: Tensor, places: NDArray[np.float32]) -> Tensor:
    """Return the values [n, k] of a grid [k, h, w] at places in cells, bilinear between cell centres."""
    height, width = grid.shape[1:]
    at = torch.from_numpy(places) / torch.tensor([width, height]) * 2 - 1
    values = F.grid_sample(grid[None], at[None, None], align_corners=False, padding_mode="border")
    return values[0, :, 0].T
