"""Small blocks that several networks are made of; their key names are torchvision's."""

from __future__ import annotations

from torch import nn

__all__ = ["conv_norm", "plain_conv", "start_convolutions"]


def conv_norm(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1, *, active: bool = True
) -> nn.Sequential:
    """Return convolution (0), batch norm (1) and, if `active`, ReLU6 (2)."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if active else nn.Sequential(*layers)


def plain_conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, padding: int | None = None
) -> nn.Conv2d:
    """Return a convolution with bias that keeps the size at stride 1."""
    return nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2 if padding is None else padding)


def start_convolutions(module: nn.Module, deviation: float | None = None) -> None:
    """Set the convolutions of a module: normal weights of this deviation, or He's for ReLU; bias 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            if deviation is None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.normal_(layer.weight, std=deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
