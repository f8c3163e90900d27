"""Pixel masks: prototypes that all boxes share, and how each box mixes them (YOLACT, arXiv 1904.02689)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines.boxes import areas
from evaluation.baselines.layers import plain_conv, start_convolutions
from evaluation.baselines.maps import HeadMaps
from evaluation.baselines.retinanet import PyramidFeatures, RetinaHead

__all__ = ["MASK_STRIDE", "MaskedRetinaNet", "mask_loss", "mixed_masks"]

MASK_STRIDE = 4
"""Input px of one cell of a mask."""
_PROTOTYPES = 16
_MOST = 64
"""Boxes of a picture whose masks are trained in one step: memory."""


class MaskedRetinaNet(nn.Module):
    """RetinaNet with mask coefficients beside the box deltas and prototypes made from P3."""

    def __init__(self, depth: int, outputs: int, width: int = 256) -> None:
        """Build it on ResNet of this depth."""
        super().__init__()
        self.backbone = PyramidFeatures(depth, width)
        self.head = RetinaHead(width, 9, outputs)
        self.coefficients = plain_conv(width, 9 * _PROTOTYPES)
        half = width // 2
        self.before = nn.Sequential(plain_conv(width, half), nn.ReLU(inplace=True))
        self.after = nn.Sequential(
            plain_conv(half, half), nn.ReLU(inplace=True), plain_conv(half, _PROTOTYPES, 1)
        )
        start_convolutions(self.coefficients, 0.01)
        start_convolutions(self.before)
        start_convolutions(self.after)

    def forward(self, x: Tensor) -> HeadMaps:
        """Return the maps of each level and the prototypes."""
        levels = self.backbone(x)
        maps: HeadMaps = self.head(levels)
        finer = F.interpolate(self.before(levels[0]), scale_factor=2.0, mode="bilinear", align_corners=False)
        return maps._replace(
            coefficients=[torch.tanh(self.coefficients(level)) for level in levels],
            prototypes=self.after(finer),
        )


def mixed_masks(coefficients: Tensor, prototypes: Tensor, boxes: Tensor) -> Tensor:
    """Return chances [n, h, w] of coefficients [n, k] and prototypes [k, h, w], 0 outside the boxes."""
    count, height, width = prototypes.shape
    chance = torch.sigmoid(coefficients @ prototypes.reshape(count, -1)).reshape(-1, height, width)
    return chance * _inside(boxes, height, width)


def mask_loss(
    coefficients: Tensor, prototypes: Tensor, boxes: Tensor, numbers: Tensor, instances: Tensor
) -> Tensor:
    """Return the summed cross entropy inside each box, divided by the box's cells.

    coefficients [n, k], prototypes [k, h, w], boxes [n, 4] px of the input, `numbers` [n]: which value of
    `instances` [h, w] each box's mask has.
    """
    coefficients, boxes, numbers = coefficients[:_MOST], boxes[:_MOST], numbers[:_MOST]
    height, width = instances.shape
    logits = (coefficients @ prototypes.reshape(len(prototypes), -1)).reshape(-1, height, width)
    truth = (instances[None] == numbers[:, None, None]).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * _inside(
        boxes, height, width
    )
    cells = (areas(boxes) / MASK_STRIDE**2).clamp(min=1.0)
    return (entropy.sum((1, 2)) / cells).sum()


def _inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return 1.0 where a cell's centre lies in the box, [n, h, w]."""
    x = (torch.arange(width, device=boxes.device) + 0.5) * MASK_STRIDE
    y = (torch.arange(height, device=boxes.device) + 0.5) * MASK_STRIDE
    across = (x >= boxes[:, :1]) & (x < boxes[:, 2:3])
    down = (y >= boxes[:, 1:2]) & (y < boxes[:, 3:])
    return (down[:, :, None] & across[:, None, :]).to(boxes.dtype)
