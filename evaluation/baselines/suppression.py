"""Non-maximum suppression without a loop over boxes, so that the same code runs in torch and in ONNX."""

from __future__ import annotations

import torch
from torch import Tensor

from evaluation.baselines.boxes import overlaps

__all__ = ["best_candidates", "suppress"]

ROUNDS = 8


def suppress(boxes: Tensor, labels: Tensor, limit: float, rounds: int = ROUNDS) -> Tensor:
    """Return bool [N]: which boxes, best first, stay when each removes later ones of its label above `limit`.

    A round settles every box whose suppressors are settled (Cluster-NMS, arXiv 2005.03572), so the result is
    that of the greedy loop where no chain of boxes that remove each other is longer than `rounds`.
    """
    overlap = overlaps(boxes, boxes) > limit
    removes = (overlap & (labels[:, None] == labels[None, :])).triu(1).to(boxes.dtype)
    kept = torch.ones_like(boxes[:, 0])
    for _ in range(rounds):
        kept = 1 - (removes * kept[:, None]).amax(0)
    return kept > 0.5


def best_candidates(boxes: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return boxes [k, 4], scores, labels and anchor numbers [k] of the best pairs of anchor and label.

    boxes [A, 4], scores [A, labels]; k is `count`, or as many as there are.
    """
    names = scores.shape[1]
    best, place = scores.flatten().topk(min(count, scores.numel()))
    anchor = torch.div(place, names, rounding_mode="floor")
    return boxes[anchor], best, place - anchor * names, anchor
