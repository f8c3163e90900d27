"""The baseline systems by name, and the one function that builds any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from evaluation.baselines.anchors import (
    Shapes,
    at_every_place,
    mobilenet_shapes,
    person_shapes,
    retinanet_shapes,
    single_shapes,
    vgg_shapes,
)
from evaluation.baselines.boxes import BoxCoder
from evaluation.baselines.detector import AnchorDetector, Criterion
from evaluation.baselines.lsts import Lsts
from evaluation.baselines.masks import MaskedRetinaNet
from evaluation.baselines.matching import Matching
from evaluation.baselines.retinanet import RetinaNet
from evaluation.baselines.ssd import person_detector, ssd_mobilenetv1, ssd_mobilenetv2, ssd_vgg16

__all__ = ["SYSTEMS", "Settings", "System", "build"]

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_TENSORFLOW = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Settings:
    """What a run may change of a system; None is what was published.

    `input`: (height, width) px. `width`: times the channels of a MobileNet. `box_scale`: times the sizes of
    the boxes. `loss`: focal or hard_negatives, `alpha` and `gamma` of the focal loss.
    """

    input: tuple[int, int] | None = None
    width: float = 1.0
    box_scale: float = 1.0
    loss: str | None = None
    alpha: float = 0.25
    gamma: float = 2.0
    freeze_backbone: bool = False

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Settings:
        """Return settings from a document; raises ValueError in one line."""
        known = [field.name for field in fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]}; expected some of {', '.join(known)}")
        made = cls(**{**values, "input": tuple(values["input"]) if values.get("input") else None})
        if made.loss not in (None, "focal", "hard_negatives"):
            raise ValueError(f"loss: expected focal or hard_negatives, got {made.loss!r}")
        size = made.input
        if size is not None and (len(size) != 2 or not all(isinstance(n, int) and n >= 64 for n in size)):
            raise ValueError(f"input: expected [height, width] of at least 64 px each, got {list(size)}")
        if not (0.1 <= made.width <= 2 and 0.05 <= made.box_scale <= 10):
            raise ValueError(
                f"expected width 0.1 to 2 and box_scale 0.05 to 10, got {made.width}, {made.box_scale}"
            )
        return made


@dataclass(frozen=True)
class System:
    """A kind of detector; `network` takes a box's outputs, the settings, and whether the loss is focal."""

    summary: str
    size: tuple[int, int]
    network: Callable[[int, Settings, bool], nn.Module]
    shapes: Callable[[Settings, tuple[int, int]], Shapes]
    focal: bool
    pixels: tuple[tuple[float, ...], tuple[float, ...]]
    box: BoxCoder
    matching: Matching
    beta: float = 1.0
    centred: bool = True
    frames: int = 1
    """3: it is trained on two key frames and a frame after them."""
    stride: int = 1
    """The input's height and width must be multiples of this."""


_SSD: dict[str, Any] = {"box": BoxCoder(10.0, 5.0), "matching": Matching(0.5, 0.5), "size": (300, 300)}
_RETINA: dict[str, Any] = {
    "box": BoxCoder(), "matching": Matching(0.5, 0.4), "focal": True, "pixels": _IMAGENET, "beta": 1 / 9,
}  # fmt: skip


def _retinanet(depth: int) -> System:
    return System(
        f"RetinaNet, ResNet-{depth} and feature pyramid",
        (800, 800),
        lambda outputs, settings, focal: RetinaNet(depth, outputs),
        lambda settings, size: retinanet_shapes(settings.box_scale),
        centred=False,
        **_RETINA,
    )


def _lsts(depth: int) -> System:
    return System(
        f"LSTS video detection, ResNet-{depth}, key frame every 10",
        (352, 640),
        lambda outputs, settings, focal: Lsts(depth, outputs),
        lambda settings, size: single_shapes([settings.box_scale * 16 * 2**k for k in range(4)]),
        frames=3,
        **_RETINA,
    )


SYSTEMS: dict[str, System] = {
    "retinanet_resnet18": _retinanet(18),
    "retinanet_resnet34": _retinanet(34),
    "retinanet_resnet50": _retinanet(50),
    "retinanet_resnet101": _retinanet(101),
    "retinanet_resnet18_masks": System(
        "RetinaNet, ResNet-18, with pixel masks from prototypes",
        (352, 640),
        lambda outputs, settings, focal: MaskedRetinaNet(18, outputs),
        lambda settings, size: retinanet_shapes(settings.box_scale),
        centred=False,
        stride=8,
        **_RETINA,
    ),
    "ssd_vgg16": System(
        "SSD300, VGG16",
        network=lambda outputs, settings, focal: ssd_vgg16(outputs, focal=focal),
        shapes=lambda settings, size: vgg_shapes(min(size), settings.box_scale),
        focal=False,
        pixels=((0.48235, 0.45882, 0.40784), (1 / 255,) * 3),
        **_SSD,
    ),
    "ssd_mobilenetv1": System(
        "SSD, MobileNetV1",
        network=lambda outputs, settings, focal: ssd_mobilenetv1(outputs, settings.width, focal=focal),
        shapes=lambda settings, size: mobilenet_shapes(min(size), 0.2 * settings.box_scale),
        focal=True,
        pixels=_TENSORFLOW,
        **_SSD,
    ),
    "ssd_mobilenetv2": System(
        "SSDLite, MobileNetV2",
        network=lambda outputs, settings, focal: ssd_mobilenetv2(outputs, settings.width, focal=focal),
        shapes=lambda settings, size: mobilenet_shapes(min(size), 0.2 * settings.box_scale),
        focal=False,
        pixels=_TENSORFLOW,
        **_SSD,
    ),
    "person_detector": System(
        "small person detector, SSDLite on MobileNetV2",
        network=lambda outputs, settings, focal: person_detector(outputs, settings.width, focal=focal),
        shapes=lambda settings, size: person_shapes(smallest=16 * settings.box_scale),
        focal=True,
        pixels=_TENSORFLOW,
        **_SSD,
    ),
    "lsts_resnet18": _lsts(18),
    "lsts_resnet101": _lsts(101),
}
"""Systems by the name that a configuration gives."""


def build(name: str, labels: Sequence[str], settings: Settings | None = None) -> AnchorDetector:
    """Return a detector with fresh weights; raises ValueError for a name or an input that does not fit."""
    if name not in SYSTEMS:
        raise ValueError(f"expected a system among {', '.join(SYSTEMS)}, got {name!r}")
    system, settings = SYSTEMS[name], settings or Settings()
    size = settings.input or system.size
    if size[0] % system.stride or size[1] % system.stride:
        raise ValueError(
            f"{name}: expected an input whose sides are multiples of {system.stride}, got {list(size)}"
        )
    focal = system.focal if settings.loss is None else settings.loss == "focal"
    criterion = Criterion(focal, settings.alpha, settings.gamma, system.beta)
    outputs = criterion.outputs(len(labels))
    shapes = system.shapes(settings, size)
    with torch.device("meta"):  # only the sizes of the maps: nothing is computed
        maps = system.network(outputs, settings, focal).eval()(torch.zeros(1, 3, *size)).logits
    places = [(int(here.shape[2]), int(here.shape[3])) for here in maps]
    return AnchorDetector(
        system.network(outputs, settings, focal),
        at_every_place(shapes, places, size, centred=system.centred),
        labels,
        size,
        criterion=criterion,
        coder=system.box,
        matching=system.matching,
        mean=system.pixels[0],
        deviation=system.pixels[1],
        freeze_backbone=settings.freeze_backbone,
    )
