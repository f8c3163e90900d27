"""One small head on different views of the same pictures: floors, frozen features, decoded features, ceiling.

G = (decoded - floor) / (ceiling - floor): the share of what a whole network could learn beyond plain RGB that
a head can still learn from what travels. The head is the same everywhere but for its input's width, trained
anew for each seed on parts of the pictures. There are two floors, RGB at the features' resolution and every
pixel folded into channels; the better one counts. The ceiling goes on from the head on frozen features and
lets the backbone learn as well, so that it starts where they end.
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

__all__ = ["CEILING", "FLOORS", "FROZEN", "Condition", "Outcome", "Protocol"]

FLOORS = ("RGB/8", "RGB pixels")
FROZEN, CEILING = "frozen", "unfrozen"

_WIDTH, _BATCH, _STRIDE = 32, 8, 8
_WINDOW = (24, 40)  # cells of the parts that are trained on; the backbone halves them twice more
_HEAD_RATE, _CORE_RATE = 3e-3, 3e-4

View = Callable[[Example], Tensor]
Latents = dict[int, NDArray[np.float32]]


@dataclass(frozen=True)
class Condition:
    """One training: a task, what its head sees (a floor, FROZEN, a rate or CEILING), and the seed."""

    task: str
    view: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """Scores of one task by view, one for each seed."""

    task: str
    measure: str
    scores: dict[str, list[float]]

    @property
    def floor(self) -> str:
        """The better of the floors."""
        return max(FLOORS, key=lambda view: fmean(self.scores[view]))

    def share(self, rate: str) -> float:
        """Return G at a rate."""
        floor, ceiling = fmean(self.scores[self.floor]), fmean(self.scores[CEILING])
        return (fmean(self.scores[rate]) - floor) / (ceiling - floor)

    @property
    def telling(self) -> bool:
        """Whether the ceiling is clearly above the floor: by three deviations between seeds."""
        spread = max(stdev(self.scores[self.floor]), stdev(self.scores[CEILING]))
        return fmean(self.scores[CEILING]) - fmean(self.scores[self.floor]) >= 3 * spread


class Protocol:
    """The held-out tasks on one core; every condition is one call, so that a run can stop between two."""

    def __init__(
        self, tasks: Sequence[Task], core: Core, network: CoreNetwork, *, steps: int, ceiling_steps: int
    ) -> None:
        """Take the tasks, the served core and the trained float network behind it, and the training's length.

        The ceiling trains on a copy of `network`.
        """
        self._tasks = {task.name: task for task in tasks}
        self._core, self._network = core, network
        self._steps, self._ceiling_steps = steps, ceiling_steps
        self._latents: Latents = {}
        self._frozen: dict[tuple[str, int], nn.Sequential] = {}

    def conditions(self, rates: Sequence[str], seeds: int) -> list[Condition]:
        """Return everything to train, the heads on frozen features right before their ceilings."""
        return [
            Condition(task, view, seed)
            for task in self._tasks
            for seed in range(seeds)
            for view in (*FLOORS, *rates, FROZEN, CEILING)
        ]

    def encode(self) -> Iterator[int]:
        """Run the core over every picture once; yields how many are done. To be exhausted before `score`."""
        encoder = Encoder(self._core)
        pictures = {
            id(example.planes): example.planes
            for task in self._tasks.values()
            for example in (*task.learned, *task.scored)
        }
        for done, (key, planes) in enumerate(pictures.items(), 1):
            self._latents[key] = encoder.latent_after(planes[..., :3], [])
            yield done

    def score(self, condition: Condition) -> float:
        """Train one head (and for the ceiling the backbone) and return its score."""
        task, seed = self._tasks[condition.task], condition.seed
        if condition.view == CEILING:
            head = copy.deepcopy(self._frozen_head(task, seed))
            backbone = copy.deepcopy(self._network)
            _train(task, _planes, head, backbone, seed, self._ceiling_steps)
            return _scored(task, _planes, head, backbone)
        if condition.view == FROZEN:
            return _scored(task, self._view(FROZEN), self._frozen_head(task, seed), None)
        view = self._view(condition.view)
        return _scored(task, view, self._trained(task, view, seed), None)

    def _frozen_head(self, task: Task, seed: int) -> nn.Sequential:
        if (task.name, seed) not in self._frozen:
            self._frozen[task.name, seed] = self._trained(task, self._view(FROZEN), seed)
        return self._frozen[task.name, seed]

    def _trained(self, task: Task, view: View, seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        head = _head(len(view(task.learned[0])), task.outputs)
        _train(task, view, head, None, seed, self._steps)
        return head

    def _view(self, name: str) -> View:
        def received(example: Example) -> Tensor:
            latent = self._latents[id(example.planes)]
            if name == FROZEN:
                return torch.from_numpy(latent)
            symbols = self._core.spec.quantise(latent, name)
            return torch.from_numpy(self._core.spec.dequantise(symbols, name)[0])

        if name == FLOORS[0]:
            return lambda example: F.avg_pool2d(_planes(example)[:3], _STRIDE)
        if name == FLOORS[1]:
            return lambda example: F.pixel_unshuffle(_planes(example)[:3], _STRIDE)
        return received


def _planes(example: Example) -> Tensor:
    return normalise(torch.from_numpy(example.planes).permute(2, 0, 1)[None])[0]


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, _WIDTH, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(_WIDTH, outputs, 1),
    )


def _train(
    task: Task, view: View, head: nn.Sequential, backbone: CoreNetwork | None, seed: int, steps: int
) -> None:
    groups = [{"params": list(head.parameters()), "lr": _HEAD_RATE if backbone is None else _CORE_RATE}]
    if backbone is not None:
        # Its statistics stay: a few hundred parts of pictures are too few for better ones.
        groups.append({"params": list(backbone.parameters()), "lr": _CORE_RATE})
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    share = fmean(float(example.targets.mean()) for example in task.learned) if task.classifies else 0.5
    rarity = torch.tensor(min((1 - share) / share, 20.0))
    for parts in _batches(task.learned, view, seed, steps):
        wanted = torch.cat([targets for _, _, targets in parts])
        maps = _forward(head, backbone, torch.stack([seen for seen, _, _ in parts]))
        found = torch.cat([_read(grid, at) for grid, (_, at, _) in zip(maps, parts, strict=True)])
        loss = (
            F.binary_cross_entropy_with_logits(found, wanted, pos_weight=rarity)
            if task.classifies
            else F.mse_loss(found, wanted)
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _scored(task: Task, view: View, head: nn.Sequential, backbone: CoreNetwork | None) -> float:
    found = [
        _read(_forward(head, backbone, view(example)[None])[0], torch.from_numpy(example.places))
        for example in task.scored
    ]
    return task.score(torch.cat(found).numpy(), np.concatenate([example.targets for example in task.scored]))


def _forward(head: nn.Sequential, backbone: CoreNetwork | None, x: Tensor) -> Tensor:
    if backbone is not None:
        x = backbone(x.contiguous(memory_format=torch.channels_last))
    maps: Tensor = head(x)
    return maps


def _batches(
    examples: Sequence[Example], view: View, seed: int, steps: int
) -> Iterator[list[tuple[Tensor, Tensor, Tensor]]]:
    """Yield parts of what the head sees, with the places in them (in cells of the part) and targets."""
    rng = np.random.default_rng(seed)
    usable = [example for example in examples if len(example.places)]
    rows, columns = _WINDOW
    for _ in range(steps):
        parts = []
        for index in rng.integers(len(usable), size=_BATCH):
            example = usable[int(index)]
            height, width = (size // _STRIDE for size in example.planes.shape[:2])
            # Around a place, so that there is something to learn in every part.
            x, y = example.places[rng.integers(len(example.places))] - rng.random(2) * (columns, rows)
            left, top = int(np.clip(x, 0, width - columns)), int(np.clip(y, 0, height - rows))
            at = example.places - np.array([left, top], np.float32)
            inside = ((at >= 0) & (at < [columns, rows])).all(1)
            seen = view(example)
            scale = seen.shape[1] // height  # 1 for features, the stride for pixels
            seen = seen[:, top * scale : (top + rows) * scale, left * scale : (left + columns) * scale]
            parts.append((seen, torch.from_numpy(at[inside]), torch.from_numpy(example.targets[inside])))
        if sum(len(at) for _, at, _ in parts):
            yield parts


def _read(grid: Tensor, places: Tensor) -> Tensor:
    """Return the values [n, k] of a grid [k, h, w] at places in cells, bilinear between cell centres."""
    height, width = grid.shape[1:]
    at = places / torch.tensor([width, height]) * 2 - 1
    values = F.grid_sample(grid[None], at[None, None], align_corners=False, padding_mode="border")
    return values[0, :, 0].T
