"""Procedural scenes with masks: what is written trains a network that has masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluation.baselines.feed import Batches, Source, load_examples
from evaluation.baselines.masked_scenes import write_masked_scenes
from evaluation.baselines.systems import Settings, build


def test_masks_lie_in_their_boxes_and_train(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    write_masked_scenes(folder, 2, 4, (180, 320))
    source = Source("yolo", folder, masks=folder / "masks")
    found = load_examples([source], tmp_path, ("person",), tmp_path / "frames")
    checked = 0
    for item in found.items:
        assert item.instances is not None
        instances = np.asarray(Image.open(item.instances))
        for box, number in zip(item.boxes, item.things, strict=True):
            rows, columns = np.nonzero(instances == number)
            checked += len(rows) > 0
            if len(rows):
                assert columns.min() >= box[0] - 2 and columns.max() + 1 <= box[2] + 2
                assert rows.min() >= box[1] - 2 and rows.max() + 1 <= box[3] + 2
    assert checked > 5
    detector = build(
        "retinanet_resnet18_masks", ("person",), Settings(input=(96, 160), box_scale=0.3)
    ).train()
    with Batches(found.items, (96, 160), 2, seed=0) as batches:
        loss, parts = detector.loss(*batches.at(0))
    torch.autograd.backward(loss)
    assert parts["masks"] > 0
    gradient = detector.network.get_submodule("coefficients").weight.grad
    assert isinstance(gradient, torch.Tensor) and gradient.abs().sum() > 0
