"""Which anchor answers for which labelled box."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evaluation.baselines.boxes import areas, overlaps

__all__ = ["BACKGROUND", "IGNORED", "Matching"]

BACKGROUND, IGNORED = -1, -2
_COVERED = 0.5


@dataclass(frozen=True)
class Matching:
    """From `foreground` overlap on an anchor answers for its best box; below `background` it is background.

    Between them it is ignored. Every box also gets the anchor that fits it best, however badly. SSD (arXiv
    1512.02325, section 2.2) is 0.5 and 0.5, RetinaNet (1708.02002, section 4) 0.5 and 0.4.
    """

    foreground: float = 0.5
    background: float = 0.5

    def __call__(self, boxes: Tensor, ignored: Tensor, anchors: Tensor) -> Tensor:
        """Return for each of the anchors [A, 4] the number of its box [n, 4], BACKGROUND or IGNORED.

        Anchors that lie mostly in an `ignored` box [m, 4] are not background.
        """
        matched = torch.full((len(anchors),), BACKGROUND, dtype=torch.long, device=anchors.device)
        if len(ignored):
            corner = torch.maximum(anchors[:, None, :2], ignored[None, :, :2])
            opposite = torch.minimum(anchors[:, None, 2:], ignored[None, :, 2:])
            inside = (opposite - corner).clamp(min=0).prod(-1) / areas(anchors)[:, None].clamp(min=1e-9)
            matched[(inside > _COVERED).any(1)] = IGNORED
        if len(boxes):
            overlap = overlaps(boxes, anchors)
            best, box = overlap.max(0)
            matched = torch.where((best >= self.background) & (best < self.foreground), IGNORED, matched)
            matched = torch.where(best >= self.foreground, box, matched)
            matched[overlap.argmax(1)] = torch.arange(len(boxes), device=anchors.device)
        return matched
