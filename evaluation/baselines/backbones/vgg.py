"""VGG16 as SSD300 uses it (arXiv 1512.02325, section 3); keys are those of torchvision's ssd300_vgg16."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines.layers import plain_conv, start_convolutions

__all__ = ["VggFeatures"]

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3))


class VggFeatures(nn.Module):
    """picture [B, 3, 300, 300] -> six maps of 38, 19, 10, 5, 3 and 1 cells a side, `widths` channels."""

    widths = (512, 1024, 512, 256, 256, 256)

    def __init__(self) -> None:
        """Build VGG16 to conv4_3, the two dilated layers that replace its classifier, and four more pairs."""
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for number, (channels, repeats) in enumerate(_BLOCKS):
            if number:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=number == 3))
            for _ in range(repeats):
                layers += [plain_conv(inputs, channels), nn.ReLU(inplace=True)]
                inputs = channels
        self.features = nn.Sequential(*layers)
        self.scale_weight = nn.Parameter(torch.full((512,), 20.0))
        fifth = [layer for _ in range(3) for layer in (plain_conv(512, 512), nn.ReLU(inplace=True))]
        dilated = nn.Sequential(
            nn.MaxPool2d(3, 1, 1), nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True),
            plain_conv(1024, 1024, 1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.extra = nn.ModuleList(
            [
                nn.Sequential(nn.MaxPool2d(2, 2), *fifth, dilated),
                _pair(1024, 256, 512, 2, 1),
                _pair(512, 128, 256, 2, 1),
                _pair(256, 128, 256, 1, 0),
                _pair(256, 128, 256, 1, 0),
            ]
        )
        start_convolutions(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the six maps; the first, much larger than the rest, is scaled to a learned length."""
        x = self.features(x)
        maps = [self.scale_weight.view(1, -1, 1, 1) * F.normalize(x)]
        for layer in self.extra:
            x = layer(x)
            maps.append(x)
        return maps


def _pair(inputs: int, middle: int, outputs: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        plain_conv(inputs, middle, 1), nn.ReLU(inplace=True),
        plain_conv(middle, outputs, 3, stride, padding), nn.ReLU(inplace=True),
    )  # fmt: skip
