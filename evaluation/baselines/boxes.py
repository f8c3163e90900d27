"""Boxes as [N, 4] x0 y0 x1 y1: overlap, and their coding relative to anchors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BoxCoder", "areas", "overlaps"]

_LARGEST_GROWTH = math.log(1000 / 16)
"""exp of more than this is no box in any picture (Detectron)."""


def areas(boxes: Tensor) -> Tensor:
    """Return the areas [N]; boxes turned inside out have none."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Return intersection over union [N, M] of boxes [N, 4] and [M, 4]; two empty boxes overlap by 0."""
    corner = torch.maximum(a[:, None, :2], b[None, :, :2])
    opposite = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (opposite - corner).clamp(min=0).prod(-1)
    return shared / (areas(a)[:, None] + areas(b)[None, :] - shared).clamp(min=1e-9)


@dataclass(frozen=True)
class BoxCoder:
    """Centre shift in sizes of the anchor and log growth (R-CNN, arXiv 1311.2524, appendix C).

    `centre`, `size`: factors of the shift and the growth; SSD's variances 0.1 and 0.2 are 10 and 5.
    """

    centre: float = 1.0
    size: float = 1.0

    def encode(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        """Return what a network must say [..., 4] so that `decode` gives `boxes`."""
        middle, extent = _middle(anchors), _extent(anchors)
        shift = (_middle(boxes) - middle) / extent * self.centre
        growth = (_extent(boxes) / extent).log() * self.size
        return torch.cat([shift, growth], -1)

    def decode(self, deltas: Tensor, anchors: Tensor) -> Tensor:
        """Return boxes [..., 4] in the unit of the anchors."""
        middle, extent = _middle(anchors), _extent(anchors)
        middle = middle + deltas[..., :2] / self.centre * extent
        half = extent * (deltas[..., 2:] / self.size).clamp(max=_LARGEST_GROWTH).exp() / 2
        return torch.cat([middle - half, middle + half], -1)


def _middle(boxes: Tensor) -> Tensor:
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _extent(boxes: Tensor) -> Tensor:
    return boxes[..., 2:] - boxes[..., :2]
