"""Checkpoints with the originals' key names and shapes load; what differs is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from evaluation.baselines.backbones.mobilenet import MobileNetV2
from evaluation.baselines.backbones.resnet import ResNet
from evaluation.baselines.backbones.vgg import VggFeatures
from evaluation.baselines.checkpoints import CheckpointError, initialise, load_original, load_trained
from evaluation.baselines.retinanet import RetinaNet
from evaluation.baselines.systems import Settings, build


def _norm(name: str, channels: int) -> dict[str, Tensor]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": torch.rand(channels) for part in parts}


def _resnet(prefix: str, blocks: tuple[int, ...], wide: bool) -> dict[str, Tensor]:
    """Return weights with torchvision's names and shapes, written down independently of ours."""
    made = {f"{prefix}conv1.weight": torch.rand(64, 3, 7, 7), **_norm(f"{prefix}bn1", 64)}
    inputs = 64
    for number, count in enumerate(blocks):
        width, outputs = 64 * 2**number, 64 * 2**number * (4 if wide else 1)
        for block in range(count):
            at = f"{prefix}layer{number + 1}.{block}."
            shapes = (
                [(width, inputs, 1, 1), (width, width, 3, 3), (outputs, width, 1, 1)]
                if wide
                else [(width, inputs, 3, 3), (width, width, 3, 3)]
            )
            for place, shape in enumerate(shapes, 1):
                made[f"{at}conv{place}.weight"] = torch.rand(shape)
                made.update(_norm(f"{at}bn{place}", shape[0]))
            if block == 0 and inputs != outputs:
                made[f"{at}downsample.0.weight"] = torch.rand(outputs, inputs, 1, 1)
                made.update(_norm(f"{at}downsample.1", outputs))
            inputs = outputs
    return made


def _retinanet(older: bool) -> dict[str, Tensor]:
    """Return retinanet_resnet50_fpn with 91 labels; frozen batch norms have no counters."""
    made = _resnet("backbone.body.", (3, 4, 6, 3), wide=True)
    inside = "" if older else ".0"

    def conv(name: str, outputs: int, inputs: int, size: int) -> None:
        made[f"{name}.weight"] = torch.rand(outputs, inputs, size, size)
        made[f"{name}.bias"] = torch.rand(outputs)

    for number, inputs in enumerate((512, 1024, 2048)):
        conv(f"backbone.fpn.inner_blocks.{number}{inside}", 256, inputs, 1)
        conv(f"backbone.fpn.layer_blocks.{number}{inside}", 256, 256, 3)
    conv("backbone.fpn.extra_blocks.p6", 256, 256, 3)
    conv("backbone.fpn.extra_blocks.p7", 256, 256, 3)
    for branch, last, outputs in (("classification", "cls_logits", 819), ("regression", "bbox_reg", 36)):
        for number in range(4):
            place = str(2 * number) if older else f"{number}.0"
            conv(f"head.{branch}_head.conv.{place}", 256, 256, 3)
        conv(f"head.{branch}_head.{last}", outputs, 256, 3)
    return made


@pytest.mark.parametrize("older", [False, True])
def test_torchvisions_retinanet_loads_with_both_generations_of_names(older: bool) -> None:
    network = RetinaNet(50, 91)
    weights = _retinanet(older)
    load_original(network, weights)
    third = network.state_dict()["head.regression_head.conv.3.0.weight"]
    assert torch.equal(third, weights[f"head.regression_head.conv.{'6' if older else '3.0'}.weight"])


def test_torchvisions_resnet18_loads_without_its_classifier() -> None:
    weights = _resnet("", (2, 2, 2, 2), wide=False)
    weights |= {"fc.weight": torch.rand(1000, 512), "fc.bias": torch.rand(1000)}
    network = ResNet(18)
    load_original(network, weights)
    assert torch.equal(network.state_dict()["layer4.1.conv2.weight"], weights["layer4.1.conv2.weight"])


def test_torchvisions_vgg16_and_mobilenetv2_names_are_ours() -> None:
    vgg = VggFeatures().state_dict()
    for number, (outputs, inputs) in {0: (64, 3), 5: (128, 64), 21: (512, 512)}.items():
        assert vgg[f"features.{number}.weight"].shape == (outputs, inputs, 3, 3)
    assert vgg["extra.0.7.1.weight"].shape == (1024, 512, 3, 3)  # fc6
    assert vgg["extra.4.2.weight"].shape == (256, 128, 3, 3)  # conv11_2
    mobile = MobileNetV2().state_dict()
    assert mobile["features.0.0.weight"].shape == (32, 3, 3, 3)
    assert mobile["features.1.conv.0.0.weight"].shape == (32, 1, 3, 3)
    assert mobile["features.1.conv.1.weight"].shape == (16, 32, 1, 1)
    assert mobile["features.17.conv.3.running_var"].shape == (320,)
    assert mobile["features.18.0.weight"].shape == (1280, 320, 1, 1)
    assert len([name for name in mobile if name.endswith(".weight") and mobile[name].ndim == 4]) == 52


def test_what_differs_from_the_original_is_named() -> None:
    weights = _resnet("", (2, 2, 2, 2), wide=False)
    missing = {name: value for name, value in weights.items() if name != "layer1.0.conv1.weight"}
    with pytest.raises(CheckpointError, match="expected weights for layer1.0.conv1.weight"):
        load_original(ResNet(18), missing)
    with pytest.raises(CheckpointError, match=r"conv1.weight: expected the shape \[64, 3, 7, 7\], got \[1\]"):
        load_original(ResNet(18), {**weights, "conv1.weight": torch.rand(1)})
    with pytest.raises(CheckpointError, match="the checkpoint has layer9"):
        load_original(ResNet(18), {**weights, "layer9": torch.rand(1)})


def test_a_run_begins_with_what_fits(tmp_path: Path) -> None:
    settings = Settings(input=(64, 64))
    detector = build("retinanet_resnet18", ("person",), settings)
    weights = _resnet("", (2, 2, 2, 2), wide=False)
    torch.save(weights, tmp_path / "resnet.pth")
    taken, total = initialise(detector, tmp_path / "resnet.pth")
    assert taken == total == len(weights)
    assert torch.equal(detector.body.state_dict()["conv1.weight"], weights["conv1.weight"])
    torch.save({"other.weight": torch.rand(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="none has its names and shapes"):
        initialise(detector, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(CheckpointError, match="expected a torch file of weights"):
        initialise(detector, tmp_path / "text.pth")
    with pytest.raises(CheckpointError, match="found no file"):
        load_trained(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError, match="got another file"):
        load_trained(tmp_path / "other.pth")


def test_folded_convolutions_fill_convolution_and_batch_norm(tmp_path: Path) -> None:
    detector = build("person_detector", ("person",), Settings(input=(64, 64), width=0.35)).eval()
    body = detector.body
    first = body.state_dict()["features.0.0.weight"].shape
    weight, bias = np.random.default_rng(0).normal(size=first), np.random.default_rng(1).normal(size=first[0])
    wrong = {"01_dw.weight": np.zeros((1, 1, 3, 3)), "01_dw.bias": np.zeros(1)}
    np.savez(tmp_path / "w.npz", **{"00_conv.weight": weight, "00_conv.bias": bias, **wrong})
    assert initialise(detector, tmp_path / "w.npz") == (1, 52)
    x = torch.rand(1, 3, 8, 8)
    got = body.get_submodule("features.0.1")(body.get_submodule("features.0.0")(x))
    wanted = torch.nn.functional.conv2d(
        x, torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), stride=2, padding=1
    )
    assert torch.allclose(got, wanted, atol=1e-4)
