"""For heads that say who somebody is: they are given people by `player_tracking` and look at each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from core_network.spec import FeatureSpec
from task_heads.dataset import Record

__all__ = ["PEOPLE", "given_people", "people_loss", "people_target", "sample_boxes", "shaken"]

PEOPLE = 64
"""So many people of one picture take part in training."""

_TWICE = 0.45
"""Two given boxes with more IoU are of one person: hardly any two people overlap so much (1 of 100)."""
_SAME = 0.3
"""A given box is that of a labelled person from this IoU on; the head may then mend it."""


def people_target(record: Record, spec: FeatureSpec, labels: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return what `people_loss` takes: `boxes` [PEOPLE, 4] in 0..1 of the core's input, their `kind`, `view`.

    A kind is the index of the label, len(labels) for somebody with another label, -1 where there is nobody.
    """
    boxes, kind = np.zeros((PEOPLE, 4), np.float32), np.full(PEOPLE, -1)
    if record.truth.boxes is not None:
        there = (record.truth.boxes / np.tile(record.view[4:6], 2))[:PEOPLE]
        names = (record.truth.labels or (None,) * len(there))[:PEOPLE]
        boxes[: len(there)] = there * np.tile(record.view[2:4], 2) + np.tile(record.view[:2], 2)
        kind[: len(there)] = [labels.index(name) if name in labels else len(labels) for name in names]
    return {"boxes": boxes, "kind": kind, "view": record.view}


def given_people(table: Tensor, view: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes [B, n, 4] in 0..1 of the core's input and scores [B, n], 0 for an empty row and for a box
    that a better one covers: whoever is to be told by how many are like him must not be there twice.

    table [B, n, 8] is what `player_tracking` says (`detections`: boxes in 0..1 of the picture, best first),
    view [B, 6].
    """
    shift, scale = view[:, None, :2].repeat(1, 1, 2), view[:, None, 2:4].repeat(1, 1, 2)
    boxes, there = table[..., :4] * scale + shift, table[..., 4] * table[..., 7]
    better = torch.ones(table.shape[1], table.shape[1]).triu(1) * there[:, :, None]  # the row over the column
    covered = ((_iou(boxes, boxes) > _TWICE) & (better > 0)).float().amax(1)
    return boxes, there * (1 - covered)


def shaken(boxes: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes [B, n, 4] and scores [B, n] that are a little off, so that none is known by heart."""
    size = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    noisy = (score.clamp(0.01, 0.99).logit() + 0.5 * torch.randn_like(score)).sigmoid()
    return boxes + 0.08 * size * torch.randn_like(boxes), noisy * (score > 0)


def people_loss(
    kind: Tensor, mended: Tensor, boxes: Tensor, score: Tensor, target: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a batch and its parts: cross entropy of the kinds, IoU of the mended boxes.

    kind [B, n, labels + 2] are logits of the labels, of somebody else, of nobody; mended [B, n, 4] what the
    head makes of the given boxes [B, n, 4] with scores [B, n]; target as `people_target`, batched. Each
    labelled person is met by the box that covers them best; a box that meets nobody is to be "nobody": nobody
    is there, or somebody who does not take part.
    """
    overlap = _iou(boxes, target["boxes"]) * (target["kind"] >= 0)[:, None] * (score > 0)[:, :, None]
    best = torch.maximum(overlap.amax(2, keepdim=True), overlap.amax(1, keepdim=True)).clamp(min=_SAME)
    met, index = (overlap >= best).any(2), overlap.argmax(2)
    kinds = torch.where(met, target["kind"].gather(1, index), kind.shape[2] - 1)
    true = target["boxes"].gather(1, index[:, :, None].expand(-1, -1, 4))
    there = score > 0
    named = F.cross_entropy(kind[there], kinds[there])
    off = (1 - _iou(mended[met][:, None], true[met][:, None])).sum() / met.sum().clamp(min=1)
    return named + off, {"kind": named.item(), "box": off.item()}


def _iou(a: Tensor, b: Tensor) -> Tensor:
    end = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    overlap = (end - torch.maximum(a[:, :, None, :2], b[:, None, :, :2])).clamp(min=0).prod(3)
    area = (a[..., 2:] - a[..., :2]).prod(2)[:, :, None] + (b[..., 2:] - b[..., :2]).prod(2)[:, None]
    return overlap / (area - overlap).clamp(min=1e-9)


def sample_boxes(features: Tensor, boxes: Tensor, rows: int, columns: int, grow: float) -> Tensor:
    """Return features [B, n, C * rows * columns] read inside boxes [B, n, 4] (0..1 of the core's input).

    features [B, C, h, w]; the boxes are made `grow` times as large, and read at the middles of a grid,
    linearly between the four nearest cells.
    """
    across, down = features.shape[3], features.shape[2]
    shifts = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    shift = torch.stack([(shifts[1] + 0.5) / columns - 0.5, (shifts[0] + 0.5) / rows - 0.5], 2).reshape(-1, 2)
    size = boxes[..., 2:] - boxes[..., :2]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    at = middle[:, :, None] + grow * size[:, :, None] * shift  # [B, n, cells, 2]
    at = (at * torch.tensor([across, down]) - 0.5).flatten(1, 2)
    low = at.floor()
    part = at - low
    # A cell's channels side by side: each is then one read.
    cells = features.flatten(2).transpose(1, 2).flatten(0, 1)  # [B * h * w, C]
    first = across * down * torch.arange(len(features))[:, None]  # of each picture
    read = torch.zeros(1)
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (low[..., 0] + right).clamp(0, across - 1), (low[..., 1] + below).clamp(0, down - 1)
        share = (part[..., 0] if right else 1 - part[..., 0]) * (part[..., 1] if below else 1 - part[..., 1])
        read = read + F.embedding((y * across + x).long() + first, cells) * share[..., None]
    return read.reshape(*boxes.shape[:2], rows * columns, -1).transpose(2, 3).flatten(2)
