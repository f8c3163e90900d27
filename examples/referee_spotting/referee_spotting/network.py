"""Referee spotting: `player_tracking` says where people are, `net` who they are, `post` makes rows of who is wanted."""

from __future__ import annotations

import torch
from task_heads.training.boxes import box_figures
from task_heads.training.people import given_people, people_loss, people_target, sample_boxes, shaken
from torch import Tensor, nn

LABELS = ("referee",)
ROWS = 32  # of the output: so many boxes at most
BODY, AROUND = (5, 3, 1.2), (3, 3, 3.0)  # rows and columns that are read of a person, in a box so much larger


class Net(nn.Module):
    """Features [B, C, h, w] and boxes [B, n, 4], scores [B, n] -> kinds [B, n, L + 2], boxes [B, n, 4].

    A kind is one of the labels, somebody else, or nobody; boxes are in 0..1 of the core's input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        body, around = 15 * channels, 9 * channels
        self.usual_body, self.usual = nn.BatchNorm1d(body), nn.BatchNorm1d(around)
        self.look = nn.Sequential(nn.Linear(body + around, 48), nn.ReLU(), nn.Linear(48, 32), nn.Dropout(0.1))
        self.kit = nn.Linear(body, 8)
        self.kind = nn.Sequential(nn.Linear(77, 32), nn.ReLU(), nn.Linear(32, len(LABELS) + 2))
        self.mend = nn.Sequential(nn.Linear(body, 48), nn.ReLU(), nn.Linear(48, 4))
        nn.init.zeros_(self.mend[2].weight)

    def forward(self, features: Tensor, boxes: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """Say of each box who is in it; a referee is told by how few wear the same."""
        body = _of_each(self.usual_body, sample_boxes(features, boxes, *BODY))
        look = self.look(torch.cat([body, _of_each(self.usual, sample_boxes(features, boxes, *AROUND))], 2))
        share = score / score.sum(1, keepdim=True).clamp(min=0.1)
        apart = look - share[:, None] @ look
        kit = self.kit(body)
        unlike = (kit[:, :, None] - kit[:, None]).pow(2).mean(3, keepdim=True)
        near = (-unlike * torch.tensor([1 / 64, 1 / 16, 1 / 4, 1, 4, 16])).exp()  # [B, n, n, 6]
        others = score[:, None, :, None] * (1 - torch.eye(score.shape[1]))[None, :, :, None]
        alike = (1 + (near * others).sum(2)).log()
        middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
        x, y = middle.unbind(2)
        wide, high = size.clamp(min=1e-3).unbind(2)
        above = (share[:, None] * (60 * (y[:, :, None] - y[:, None])).sigmoid()).sum(2) - 0.5  # how many
        tall = (high / (share * high).sum(1, keepdim=True).clamp(min=1e-3)).log()
        middling = y - (share * y).sum(1, keepdim=True)
        sure = score.clamp(0.01, 0.99).logit() / 2
        where = [3 * (x - 0.5).abs(), 4 * y - 2, tall, (wide / high).log(), 6 * middling, 3 * above, sure]
        kind = self.kind(torch.cat([look, apart, alike, torch.stack(where, 2)], 2))
        mend = self.mend(body).clamp(-0.5, 0.5)
        middle, size = middle + mend[..., :2] * size, size * mend[..., 2:].exp()
        return kind, torch.cat([middle - size / 2, middle + size / 2], 2)


def _of_each(layer: nn.Module, values: Tensor) -> Tensor:
    return layer(values.flatten(0, 1)).reshape(values.shape)


class Head(nn.Module):
    """The whole head; the names of forward's arguments are the graph's inputs."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net = Net(shape[0])

    def forward(
        self, features: Tensor, view: Tensor, threshold: Tensor, player_tracking__detections: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run one frame: features [1, C, h, w], view [6], threshold [1], people [64, 8]."""
        boxes, score = given_people(player_tracking__detections[None], view[None])
        kind, boxes = self.net(features, boxes, score)
        shift, scale = view[:2].repeat(2), view[2:4].repeat(2)
        boxes = (boxes[0] - shift) / scale  # 0..1 of the picture: the letterbox undone
        return post(kind[0], boxes, score[0], threshold)


def post(kind: Tensor, boxes: Tensor, score: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Return found [ROWS, 7] and stats [1, 1], columns as in head.json, of boxes in 0..1 of the picture."""
    best, label = kind.softmax(1)[:, : len(LABELS)].max(1)
    best, index = (best * (score > 0).float()).topk(ROWS)
    shown = (best >= threshold).float()
    rows = [boxes.clamp(0, 1)[index], torch.stack([best, label[index].float(), shown], 1)]
    return torch.cat(rows, 1), shown.sum().reshape(1, 1)


def target(record, spec):
    """Return who is labelled, and where."""
    return people_target(record, spec, LABELS)


def loss(head, features, target):
    """Return the error of kinds and of boxes; they are given a little off."""
    boxes, score = given_people(target["player_tracking__detections"], target["view"])
    kind, mended = head.net(features, *shaken(boxes, score))
    return people_loss(kind, mended, boxes, score, target)


def measure(run, records, threshold):
    """Return recall, precision and F1; without a threshold, at the best one."""
    return box_figures(run, records, LABELS, threshold)
