"""RetinaNet (arXiv 1708.02002): ResNet, feature pyramid, one head for all levels; keys are torchvision's."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines.backbones.resnet import ResNet
from evaluation.baselines.layers import plain_conv, start_convolutions
from evaluation.baselines.maps import HeadMaps

__all__ = ["Pyramid", "PyramidFeatures", "RetinaHead", "RetinaNet"]

_PRIOR = 0.01
"""Chance of an object that the head begins with, so that the many empty places do not drown the start."""


class Pyramid(nn.Module):
    """Ends of layers 2 to 4 -> P3 to P7 of `width` channels (arXiv 1612.03144)."""

    def __init__(self, inputs: tuple[int, ...], width: int = 256) -> None:
        """Build it for maps with these channels."""
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Sequential(plain_conv(n, width, 1)) for n in inputs)
        self.layer_blocks = nn.ModuleList(nn.Sequential(plain_conv(width, width)) for _ in inputs)
        self.extra_blocks = nn.ModuleDict(
            {"p6": plain_conv(width, width, stride=2), "p7": plain_conv(width, width, stride=2)}
        )
        start_convolutions(self)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the five levels."""
        above: Tensor | None = None
        levels: list[Tensor] = []
        for number in reversed(range(len(maps))):
            here = self.inner_blocks[number](maps[number])
            if above is not None:
                here = here + F.interpolate(above, size=here.shape[2:], mode="nearest")
            above = here
            levels.insert(0, self.layer_blocks[number](here))
        p6 = self.extra_blocks["p6"](levels[-1])
        return [*levels, p6, self.extra_blocks["p7"](F.relu(p6))]


class PyramidFeatures(nn.Module):
    """ResNet (`body`) and pyramid (`fpn`)."""

    def __init__(self, depth: int, width: int = 256) -> None:
        """Build both."""
        super().__init__()
        self.body = ResNet(depth)
        self.fpn = Pyramid(self.body.widths[1:], width)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return P3 to P7."""
        levels: list[Tensor] = self.fpn(self.body(x))
        return levels


class _Branch(nn.Module):
    def __init__(self, inputs: int, last: str, outputs: int, depth: int = 4) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(nn.Sequential(plain_conv(inputs, inputs), nn.ReLU(inplace=True)) for _ in range(depth))
        )
        self.last = last
        self.add_module(last, plain_conv(inputs, outputs))
        start_convolutions(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(self.last)(self.conv(x))
        return result


class RetinaHead(nn.Module):
    """Levels -> logits and deltas of `boxes` boxes a place; the same weights at every level."""

    def __init__(self, inputs: int, boxes: int, outputs: int) -> None:
        """Build both branches; `outputs`: logits of a box."""
        super().__init__()
        self.classification_head = _Branch(inputs, "cls_logits", boxes * outputs)
        self.regression_head = _Branch(inputs, "bbox_reg", boxes * 4)
        logits = self.classification_head.get_submodule("cls_logits")
        assert isinstance(logits, nn.Conv2d) and logits.bias is not None
        nn.init.constant_(logits.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, levels: list[Tensor]) -> HeadMaps:
        """Return the maps of each level."""
        return HeadMaps(
            [self.classification_head(x) for x in levels], [self.regression_head(x) for x in levels]
        )


class RetinaNet(nn.Module):
    """picture [B, 3, H, W] -> logits and deltas of nine boxes a place on five levels."""

    def __init__(self, depth: int, outputs: int, width: int = 256) -> None:
        """Build it on ResNet of this depth."""
        super().__init__()
        self.backbone = PyramidFeatures(depth, width)
        self.head = RetinaHead(width, 9, outputs)

    def forward(self, x: Tensor) -> HeadMaps:
        """Return the maps of each level."""
        maps: HeadMaps = self.head(self.backbone(x))
        return maps
