"""What the originals say of themselves, and the same counted here."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evaluation.baselines.systems import Settings, build

__all__ = ["PUBLISHED", "Counted", "Published", "counted"]


@dataclass(frozen=True)
class Published:
    """Parameters and multiply-accumulates as cited, for this many labels and this input; None: not told.

    `folded`: the figure is of a deployed graph, whose batch norms are part of its convolutions.
    """

    parameters: int | None
    macs: float | None
    labels: int
    input: tuple[int, int]
    accuracy: str
    source: str
    folded: bool = False


@dataclass(frozen=True)
class Counted:
    """Parameters, with batch norms folded too, and multiply-accumulates of convolutions and products."""

    parameters: int
    folded_parameters: int
    macs: int


_VISION = "torchvision"
PUBLISHED: dict[str, Published] = {
    "retinanet_resnet50": Published(
        34_014_999, 151.54e9, 91, (800, 800), "COCO AP 36.4", f"{_VISION} retinanet_resnet50_fpn"
    ),
    "ssd_vgg16": Published(35_641_826, 34.858e9, 90, (300, 300), "COCO AP 25.1", f"{_VISION} ssd300_vgg16"),
    "ssd_mobilenetv1": Published(
        6_800_000, 1.2e9, 90, (300, 300), "COCO AP 19.3", "arXiv 1704.04861, table 13"
    ),
    "ssd_mobilenetv2": Published(
        4_475_000, 0.7625e9, 90, (300, 300), "COCO AP 24.3", "Open Model Zoo ssdlite_mobilenet_v2"
    ),
    "person_detector": Published(
        2_750_864,
        618e6,
        2,
        (300, 300),
        "person AP50 90.0, its own validation",
        "the seed's head detector",
        True,
    ),
    "lsts_resnet101": Published(
        None, None, 30, (352, 640), "326 s a frame", "the seed's reproduction of arXiv 1911.05253"
    ),
}
"""The systems with figures to agree with."""


def counted(name: str, labels: int = 1, settings: Settings | None = None) -> Counted:
    """Count a system at its input without computing anything; raises ValueError for an unknown one."""
    with torch.device("meta"):
        detector = build(name, [f"label {n}" for n in range(labels)], settings).eval()
        picture = torch.zeros(1, 3, *detector.size)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            detector(picture)
    parameters = sum(p.numel() for p in detector.network.parameters())
    return Counted(parameters, parameters - _foldable(detector.network), counter.get_total_flops() // 2)


def _foldable(network: nn.Module) -> int:
    """Return how many parameters vanish when each batch norm is folded into its convolution."""
    found = 0
    before: nn.Module | None = None
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            biased = isinstance(before, nn.Conv2d) and before.bias is not None
            found += layer.num_features * (2 if biased else 1)
        before = layer
    return found
