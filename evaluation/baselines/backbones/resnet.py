"""ResNet (arXiv 1512.03385) without its classifier; keys are those of torchvision's checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from evaluation.baselines.layers import start_convolutions

__all__ = ["RESNETS", "ResNet"]

RESNETS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of each layer by depth."""


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, dilation * (size - 1) // 2, dilation, bias=False)


class _Block(nn.Module):
    """x -> 3x3 -> 3x3 -> + x."""

    expansion = 1

    def __init__(
        self, inputs: int, width: int, stride: int, dilation: int, project: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inputs, width, 3, stride, dilation), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, 1, dilation), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = project

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.relu(self.bn2(self.conv2(y)) + kept)
        return result


class _Bottleneck(nn.Module):
    """x -> 1x1 -> 3x3 (with the stride, as in torchvision) -> 1x1 of four times the width -> + x."""

    expansion = 4

    def __init__(
        self, inputs: int, width: int, stride: int, dilation: int, project: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride, dilation), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = project

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        result: Tensor = self.relu(self.bn3(self.conv3(y)) + kept)
        return result


class ResNet(nn.Module):
    """picture [B, 3, H, W] -> the ends of layers 2, 3 and 4: strides 8, 16 and 32.

    `widths`: channels of the ends of layers 1 to 4. `dilate_last`: layer 4 keeps stride 16 and dilates by 2.
    """

    def __init__(self, depth: int, *, dilate_last: bool = False) -> None:
        """Build the network of this depth, 18, 34, 50 or 101 layers."""
        super().__init__()
        if depth not in RESNETS:
            raise ValueError(f"expected a depth among {', '.join(map(str, RESNETS))}, got {depth}")
        block = _Block if depth < 50 else _Bottleneck
        self.widths = tuple(block.expansion * 64 * 2**k for k in range(4))
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, count in enumerate(RESNETS[depth]):
            last = number == 3 and dilate_last
            stride, dilation = 1 if number == 0 or last else 2, 2 if last else 1
            layer = _layer(block, inputs, 64 * 2**number, count, stride, dilation)
            inputs = self.widths[number]
            self.add_module(f"layer{number + 1}", layer)
        start_convolutions(self)

    def stem(self, x: Tensor) -> Tensor:
        """Return what layer 1 takes: stride 4."""
        result: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return result

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the ends of layers 2, 3 and 4."""
        x = self.get_submodule("layer1")(self.stem(x))
        ends = []
        for name in ("layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x)
            ends.append(x)
        return ends


def _layer(
    block: type[_Block] | type[_Bottleneck], inputs: int, width: int, count: int, stride: int, dilation: int
) -> nn.Sequential:
    outputs = width * block.expansion
    project = None
    if stride != 1 or inputs != outputs:
        project = nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    blocks: Sequence[nn.Module] = [
        # The first block of a dilated layer still sees an undilated map.
        block(inputs, width, stride, 1, project),
        *(block(outputs, width, 1, dilation, None) for _ in range(count - 1)),
    ]
    return nn.Sequential(*blocks)
