"""Referee spotting: `net` is learned and says who is where, `post` makes boxes of those who are wanted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from core_network.training.losses import focal_loss
from task_heads.training.boxes import box_figures, box_loss, box_target
from torch import Tensor, nn

LABELS = ("referee",)
ROWS = 32  # of the output: so many boxes at most
WIDTH, BODY = 48, 32  # channels of the trunk, and of what is read of a body


def _conv(inputs: int, outputs: int, size: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Net(nn.Module):
    """Features [B, C, h, w] -> maps [B, 5 + L, 2h, 2w]: is anybody here, the box, and is it one of a label."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.BatchNorm2d(channels), _conv(channels, WIDTH), _conv(WIDTH, WIDTH, 3, WIDTH),
            _conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH, 3, WIDTH), _conv(WIDTH, WIDTH),
        )  # fmt: skip
        self.place = nn.Conv2d(WIDTH, 20, 1)  # heat and box of four places in each cell
        nn.init.constant_(self.place.bias[:4], -4)  # at first hardly anything is there
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels), nn.Conv2d(channels, BODY, (5, 3), padding=(2, 1)), nn.ReLU()
        )
        self.look = nn.Conv2d(BODY, 8, 1)
        self.kind = nn.Sequential(
            _conv(WIDTH + 2 * BODY + 1, 48), nn.Dropout2d(0.2), nn.Conv2d(48, 4 * len(LABELS), 1)
        )
        nn.init.constant_(self.kind[-1].bias, -4)

    def forward(self, features: Tensor) -> Tensor:
        """Say of each place what is there; a kind is told by how it differs from the others in the picture."""
        seen = self.trunk(features)
        place = F.pixel_shuffle(self.place(seen), 2)
        there = F.max_pool2d(place[:, :1].detach().clamp(-6, 6).sigmoid(), 2)
        body = F.dropout2d(self.body(features), 0.2, self.training)
        apart = body - (body * there).sum((2, 3), keepdim=True) / (there.sum((2, 3), keepdim=True) + 0.1)
        weight, cell = (there * _peaks(there)).flatten(1).topk(24)
        look = F.normalize(self.look(apart).flatten(2), dim=1)
        others = look.gather(2, cell[:, None].expand(-1, look.shape[1], -1))
        alike = (6 * (look.mT @ others) - 6).exp() @ weight[..., None]  # how many look like this one
        kind = self.kind(torch.cat([seen, body, apart, alike.mT.reshape(there.shape) / 8], 1))
        return torch.cat([place, F.pixel_shuffle(kind, 2)], 1)


def _peaks(there: Tensor) -> Tensor:
    return (F.max_pool2d(there, (5, 3), 1, (2, 1)) <= there).float()  # people are taller than wide


class Post(nn.Module):
    """Maps [1, 5 + L, 2h, 2w] -> found [ROWS, 7] and stats [1, 1]; head.json names their columns."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        self.register_buffer("places", torch.stack([columns, rows]).float().flatten(1))  # [2, height * width]
        self.register_buffer("grid", torch.tensor([[width], [height]]).float())

    def forward(self, maps: Tensor, view: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best boxes of one picture, and how many are shown."""
        heat, label = maps[:, 5:].clamp(-6, 6).sigmoid().max(1)  # what is certain is a tie in every runtime
        score, place = (heat * _peaks(heat)).flatten().topk(ROWS)
        box = maps[0, 1:5].flatten(1)[:, place]
        centre, half = self.places[:, place] + box[:2], box[2:].clamp(-3, 5).exp() / 2
        corners = torch.stack([centre - half, centre + half]) / self.grid  # 0..1 of the core's input
        corners = (corners - view[:2, None]) / view[2:4, None]  # 0..1 of the picture: the letterbox undone
        shown = (score >= threshold).float()
        rows = [*corners.clamp(0, 1).flatten(0, 1), score, label.flatten()[place].float(), shown]
        return torch.stack(rows, 1), shown.sum().reshape(1, 1)


class Head(nn.Module):
    """The whole head; the names of forward's arguments are the graph's inputs."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.net, self.post = Net(channels), Post(2 * height, 2 * width)

    def forward(self, features: Tensor, view: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        """Run one frame: features [1, C, h, w], view [6], threshold [1]."""
        return self.post(self.net(features), view, threshold)


def target(record, spec):
    """Return heat and boxes of everybody who is labelled, and the heat of each of our labels."""
    return box_target(record, spec, LABELS)


def loss(head, features, target):
    """Return the error of everybody's heat and boxes, and of the heat of our labels."""
    maps = head.net(features)
    everybody, parts = box_loss(maps[:, :5], target)
    ours = focal_loss(maps[:, 5:].flatten(0, 1), target["kind"].flatten(0, 1), target["labelled"].flatten())
    return everybody + ours, {**parts, "kind": ours.item()}


def measure(run, records, threshold):
    """Return recall, precision and F1; without a threshold, at the best one."""
    return box_figures(run, records, LABELS, threshold)
