"""SSD (arXiv 1512.02325) on VGG16, MobileNetV1 and MobileNetV2, and the small person detector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from evaluation.baselines.backbones.mobilenet import InvertedResidual, MobileNetV1, MobileNetV2, rounded
from evaluation.baselines.backbones.vgg import VggFeatures
from evaluation.baselines.layers import conv_norm, plain_conv, start_convolutions
from evaluation.baselines.maps import HeadMaps

__all__ = ["Ssd", "person_detector", "ssd_mobilenetv1", "ssd_mobilenetv2", "ssd_vgg16"]

Predictor = Callable[[int, int], nn.Module]
_PRIOR = 0.01


class _Extended(nn.Module):
    """The last `taps` maps of a backbone, then one more map after each extra layer."""

    def __init__(self, body: nn.Module, taps: int, extra: Sequence[tuple[nn.Module, int]]) -> None:
        super().__init__()
        self.body = body
        widths = body.widths
        assert isinstance(widths, tuple)
        self.taps = taps
        self.extra = nn.ModuleList(layer for layer, _ in extra)
        self.widths: tuple[int, ...] = (*widths[-taps:], *(channels for _, channels in extra))

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.body(x)[-self.taps :]
        for layer in self.extra:
            maps = [*maps, layer(maps[-1])]
        return maps


class _Heads(nn.Module):
    """One predictor for each map."""

    def __init__(self, predictors: Sequence[nn.Module]) -> None:
        super().__init__()
        self.module_list = nn.ModuleList(predictors)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [predictor(x) for predictor, x in zip(self.module_list, maps, strict=True)]


class _Head(nn.Module):
    def __init__(
        self, widths: Sequence[int], boxes: Sequence[int], outputs: int, predictor: Predictor
    ) -> None:
        super().__init__()
        pairs = list(zip(widths, boxes, strict=True))
        self.classification_head = _Heads([predictor(width, count * outputs) for width, count in pairs])
        self.regression_head = _Heads([predictor(width, count * 4) for width, count in pairs])

    def forward(self, maps: list[Tensor]) -> HeadMaps:
        return HeadMaps(self.classification_head(maps), self.regression_head(maps))


class Ssd(nn.Module):
    """picture [B, 3, H, W] -> logits and deltas of `boxes` boxes a place on each map.

    `outputs`: numbers a box, the labels, with background before them where the loss is a softmax.
    """

    def __init__(
        self, backbone: nn.Module, boxes: Sequence[int], outputs: int, predictor: Predictor, *, focal: bool
    ) -> None:
        """Put heads on a backbone with `widths`."""
        super().__init__()
        self.backbone = backbone
        widths = backbone.widths
        assert isinstance(widths, tuple)
        self.head = _Head(widths, boxes, outputs, predictor)
        start_convolutions(self.head, 0.03)
        if focal:
            for predictor_module in self.head.classification_head.module_list:
                last = [layer for layer in predictor_module.modules() if isinstance(layer, nn.Conv2d)][-1]
                assert last.bias is not None
                nn.init.constant_(last.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, x: Tensor) -> HeadMaps:
        """Return the maps."""
        maps: HeadMaps = self.head(self.backbone(x))
        return maps


def ssd_vgg16(outputs: int, *, focal: bool) -> Ssd:
    """Return SSD300 on VGG16; its 8732 boxes are those of `vgg_shapes`."""
    return Ssd(VggFeatures(), (4, 6, 6, 6, 4, 4), outputs, plain_conv, focal=focal)


def ssd_mobilenetv1(outputs: int, width: float = 1.0, *, focal: bool) -> Ssd:
    """Return SSD on MobileNetV1 as in its paper's table 13: six maps, 1x1 predictors."""
    extra = [
        (nn.Sequential(conv_norm(i, c // 2, 1), conv_norm(c // 2, c, 3, 2)), c)
        for i, c in _chain(rounded(1024 * width), width)
    ]
    features = _Extended(MobileNetV1(width), 2, extra)
    return Ssd(features, (3, 6, 6, 6, 6, 6), outputs, lambda i, o: plain_conv(i, o, 1), focal=focal)


def ssd_mobilenetv2(outputs: int, width: float = 1.0, *, focal: bool) -> Ssd:
    """Return SSDLite on MobileNetV2 (arXiv 1801.04381, section 6.2): everything after it is separable too."""
    body = MobileNetV2(width)
    extra = [
        (
            nn.Sequential(
                conv_norm(i, c // 2, 1), conv_norm(c // 2, c // 2, 3, 2, c // 2), conv_norm(c // 2, c, 1)
            ),
            c,
        )
        for i, c in _chain(body.widths[-1], width)
    ]
    return Ssd(_Extended(body, 2, extra), (3, 6, 6, 6, 6, 6), outputs, _separable, focal=focal)


def person_detector(outputs: int, width: float = 1.0, *, focal: bool) -> Ssd:
    """Return the small person detector: stride 8 to 64, two boxes a place; maps 3 and 2 are not there."""
    body = MobileNetV2(width)
    extra: list[tuple[nn.Module, int]] = [(InvertedResidual(body.widths[-1], 512, 2, 0.2), 512)]
    return Ssd(_Extended(body, 3, extra), (2, 2, 2, 2), outputs, _separable_with_bias, focal=focal)


def _chain(inputs: int, width: float) -> list[tuple[int, int]]:
    """Return inputs and outputs of the four extra layers."""
    channels = [inputs, *(rounded(c * width) for c in (512, 256, 256, 128))]
    return list(zip(channels[:-1], channels[1:], strict=True))


def _separable(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(conv_norm(inputs, inputs, 3, 1, inputs), plain_conv(inputs, outputs, 1))


def _separable_with_bias(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(inplace=True),
        plain_conv(inputs, outputs, 1),
    )
