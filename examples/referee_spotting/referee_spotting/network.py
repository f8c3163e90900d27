"""Referee spotting: `net` is learned and gives maps as fine as the features, `post` makes boxes of them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from task_heads.training.boxes import box_figures
from torch import Tensor, nn

LABELS = ("referee",)
ROWS = 32  # of the output: so many boxes at most
WIDTH = 40  # channels of the trunk


def _conv(inputs: int, outputs: int, size: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Net(nn.Module):
    """Features -> maps [B, 5 + L, h, w]: is anything labelled here, its box, and which label it has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.BatchNorm2d(channels), _conv(channels, WIDTH, 3), _conv(WIDTH, WIDTH, 3, WIDTH),
            _conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH, 3, WIDTH), _conv(WIDTH, WIDTH),
        )  # fmt: skip
        self.place, self.look = nn.Conv2d(WIDTH, 5, 1), nn.Conv2d(WIDTH, 8, 1)
        nn.init.constant_(self.place.bias[:1], -4)  # at first hardly anything is there
        self.kind = nn.Sequential(_conv(2 * WIDTH + 1, 32), nn.Dropout2d(0.2), nn.Conv2d(32, len(LABELS), 1))

    def forward(self, features: Tensor) -> Tensor:
        """Say of each cell what is there; a kind is told by how it differs from the others in the picture."""
        seen = self.trunk(features)
        place = self.place(seen)
        there = place[:, :1].clamp(-6, 6).sigmoid()
        usual = (seen * there).sum((2, 3), keepdim=True) / (there.sum((2, 3), keepdim=True) + 0.1)
        weight, cell = (there * _peaks(there)).detach().flatten(1).topk(24)
        look = F.normalize(self.look(seen).flatten(2), dim=1)
        others = look.gather(2, cell[:, None].expand(-1, look.shape[1], -1))
        alike = (6 * (look.mT @ others) - 6).exp() @ weight[..., None]  # how many look like this one
        kind = self.kind(torch.cat([seen, seen - usual, alike.mT.reshape(there.shape) / 8], 1))
        return torch.cat([place, kind], 1)


def _peaks(there: Tensor) -> Tensor:
    return (F.max_pool2d(there, (5, 3), 1, (2, 1)) <= there).float()  # people are taller than wide


class Post(nn.Module):
    """Maps [1, 5 + L, h, w] -> found [ROWS, 7] and stats [1, 1]; head.json names their columns."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        self.register_buffer("cells", torch.stack([columns, rows]).float().flatten(1))  # [2, h * w]
        self.register_buffer("grid", torch.tensor([[width], [height]]).float())

    def forward(self, maps: Tensor, view: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best boxes of one picture, and how many are shown."""
        there = maps[:, 0].clamp(-6, 6).sigmoid()  # so that what is certain is a tie in every runtime
        kind, label = maps[:, 5:].clamp(-6, 6).sigmoid().max(1)
        score, cell = (there * kind * _peaks(there)).flatten().topk(ROWS)
        box = maps[0, 1:5].flatten(1)[:, cell]
        centre, half = self.cells[:, cell] + box[:2], box[2:].clamp(-4, 4).exp() / 2
        corners = torch.stack([centre - half, centre + half]) / self.grid  # 0..1 of the core's input
        corners = (corners - view[:2, None]) / view[2:4, None]  # 0..1 of the picture: the letterbox undone
        shown = (score >= threshold).float()
        rows = [*corners.clamp(0, 1).flatten(0, 1), score, label.flatten()[cell].float(), shown]
        return torch.stack(rows, 1), shown.sum().reshape(1, 1)


class Head(nn.Module):
    """The whole head; the names of forward's arguments are the graph's inputs."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.net, self.post = Net(channels), Post(height, width)

    def forward(self, features: Tensor, view: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        """Run one frame: features [1, C, h, w], view [6], threshold [1]."""
        return self.post(self.net(features), view, threshold)


def target(record, spec):
    """Return a bump at each labelled centre (heat), the box around it, and of which label it is (L maps)."""
    _, height, width = spec.shape
    heat, box = np.zeros((height, width), np.float32), np.zeros((4, height, width), np.float32)
    kind = np.zeros((len(LABELS), height, width), np.float32)
    cells, grid = np.stack(np.meshgrid(np.arange(width), np.arange(height))), np.arange(width)[:, None]
    for corners, label in zip(record.truth.boxes, record.truth.labels, strict=True):
        inside = corners.reshape(2, 2) / record.view[4:] * record.view[2:4] + record.view[:2]
        a, b = inside * (width, height)  # the box's corners in cells
        centre, size = (a + b) / 2, (b - a).clip(0.1)
        spread = np.maximum(size * 0.2, 0.5)
        across, down = np.exp(-(((grid - np.floor(centre)) / spread) ** 2) / 2).T
        bump = down[:height, None] * across[None, :width]
        here = bump > np.maximum(heat, 0.3)
        heat = np.maximum(heat, bump)
        box[:2, here], box[2:, here] = centre[:, None] - cells[:, here], np.log(size)[:, None]
        kind[:, here] = np.array([[label == name] for name in LABELS])
    return {"heat": heat, "box": box, "kind": kind}


def loss(head, features, target):
    """Return the focal loss of CenterNet (arXiv 1904.07850, eq. 1), the boxes' error and that of the kinds."""
    maps, heat = head.net(features), target["heat"]
    p, weight = maps[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4), heat * (heat > 0.3)
    right, wrong = (heat > 0.99).float() * (1 - p) ** 2 * p.log(), (1 - heat) ** 4 * p**2 * (1 - p).log()
    found = -(right + wrong).sum() / (heat > 0.99).sum().clamp(min=1)
    box = ((maps[:, 1:5] - target["box"]).abs().sum(1) * weight).sum() / weight.sum().clamp(min=1)
    kinds = F.binary_cross_entropy_with_logits(maps[:, 5:], target["kind"], reduction="none")
    kinds = (kinds * (1 + 3 * target["kind"]) * weight[:, None]).sum() / weight.sum().clamp(min=1)
    parts = {"heat": found.item(), "box": box.item(), "kind": kinds.item()}
    return found + box + 2 * kinds, parts


def measure(run, records, threshold):
    """Return recall, precision and F1; without a threshold, at the best one."""
    return box_figures(run, records, LABELS, threshold)
