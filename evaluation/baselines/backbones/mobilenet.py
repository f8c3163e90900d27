"""MobileNetV1 (arXiv 1704.04861) and V2 (1801.04381) without their classifiers."""

from __future__ import annotations

from torch import Tensor, nn

from evaluation.baselines.layers import conv_norm, start_convolutions

__all__ = ["InvertedResidual", "MobileNetV1", "MobileNetV2", "rounded"]

_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(((512, 1),) * 5), (1024, 2), (1024, 1))
"""Channels and stride of each separable convolution."""
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repeats, first stride (table 2)."""


def rounded(channels: float) -> int:
    """Return the multiple of 8 nearest to `channels`, never more than a tenth below it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


class MobileNetV1(nn.Module):
    """picture -> the ends of separable convolutions 11 (stride 16) and 13 (stride 32), `widths` channels.

    `features.0` is the first convolution, `features.n` depthwise (0) and pointwise (1) of the n-th pair.
    """

    def __init__(self, width: float = 1.0) -> None:
        """Build it with `width` times the channels."""
        super().__init__()
        inputs = rounded(32 * width)
        layers = [conv_norm(3, inputs, 3, 2)]
        for channels, stride in _V1:
            outputs = rounded(channels * width)
            layers.append(
                nn.Sequential(conv_norm(inputs, inputs, 3, stride, inputs), conv_norm(inputs, outputs, 1))
            )
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.widths = (rounded(512 * width), rounded(1024 * width))
        start_convolutions(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return both ends."""
        middle = self.features[:12](x)
        return [middle, self.features[12:](middle)]


class InvertedResidual(nn.Module):
    """x -> 1x1 wider -> depthwise -> 1x1 (-> + x where the shapes agree)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: float) -> None:
        """Build the block; an `expansion` of 1 has no first convolution."""
        super().__init__()
        hidden = round(inputs * expansion)
        layers: list[nn.Module] = [conv_norm(inputs, hidden, 1)] if expansion != 1 else []
        layers += [conv_norm(hidden, hidden, 3, stride, hidden), nn.Conv2d(hidden, outputs, 1, bias=False)]
        self.conv = nn.Sequential(*layers, nn.BatchNorm2d(outputs))
        self.adds = stride == 1 and inputs == outputs
        self.hidden = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y: Tensor = self.conv(x)
        return x + y if self.adds else y


class MobileNetV2(nn.Module):
    """picture -> stride 8 (widened by block 7), stride 16 (by block 14) and stride 32 (the last convolution).

    Keys are torchvision's: `features.0` to `features.18`.
    """

    _TAPS = (7, 14)

    def __init__(self, width: float = 1.0) -> None:
        """Build it with `width` times the channels."""
        super().__init__()
        inputs = rounded(32 * width)
        layers: list[nn.Module] = [conv_norm(3, inputs, 3, 2)]
        for expansion, channels, repeats, first in _V2:
            for number in range(repeats):
                outputs = rounded(channels * width)
                layers.append(InvertedResidual(inputs, outputs, first if number == 0 else 1, expansion))
                inputs = outputs
        last = rounded(1280 * max(1.0, width))
        layers.append(conv_norm(inputs, last, 1))
        self.features = nn.Sequential(*layers)
        self.widths = (*(self._block(tap).hidden for tap in self._TAPS), last)
        start_convolutions(self)

    def _block(self, number: int) -> InvertedResidual:
        block = self.features[number]
        assert isinstance(block, InvertedResidual)
        return block

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the three maps."""
        maps = []
        for number, layer in enumerate(self.features):
            if number in self._TAPS:
                block = self._block(number).conv
                wide = block[0](x)
                maps.append(wide)
                x = block[1:](wide)  # blocks 7 and 14 change size: nothing is added
            else:
                x = layer(x)
        return [*maps, x]
