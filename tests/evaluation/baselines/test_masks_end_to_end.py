"""Pixel masks from training to their score: learned by heart, exported, `infer --mask`, `map --masks`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from evaluation.baselines.export import export_detector
from evaluation.baselines.feed import Source, load_examples, whole_view
from evaluation.baselines.systems import Settings, build
from featurecast.cli import main

SIZE = (64, 96)
STEPS = 50


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Pictures with two bright ellipses (78 % of their boxes) each, as a YOLO dataset with masks."""
    folder = tmp_path / "discs"
    masks = folder / "masks" / "discs"
    for path in (folder / "images", folder / "labels", masks):
        path.mkdir(parents=True)
    (folder / "classes.txt").write_text("person\n")
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    for number in range(3):
        picture = rng.integers(60, 90, (*SIZE, 3)).astype(np.uint8)
        instances, rows = np.zeros(SIZE, np.uint16), []
        for part in range(2):
            wide, high = rng.integers(22, 30), rng.integers(40, 52)
            middle = 24 + 48 * part + rng.integers(-6, 6), 32 + rng.integers(-4, 4)
            inside = ((x - middle[0]) / wide * 2) ** 2 + ((y - middle[1]) / high * 2) ** 2 <= 1
            picture[inside] = (240, 200, 40)
            instances[inside] = part + 1
            box = (middle[0] / SIZE[1], middle[1] / SIZE[0], wide / SIZE[1], high / SIZE[0])
            rows.append(" ".join(("0", *map(str, box))))
        Image.fromarray(picture).save(folder / "images" / f"{number}.png")
        Image.fromarray(instances).save(masks / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text("\n".join(rows) + "\n")
    return folder


def test_masks_are_learned_exported_written_and_scored(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    examples = load_examples([Source("yolo", discs, masks=discs / "masks")], Path(), ("person",), tmp_path)
    views = [whole_view(item, SIZE) for item in examples.items]
    pictures = torch.from_numpy(np.stack([view[0] for view in views])).permute(0, 3, 1, 2).float() / 255
    detector = build("retinanet_resnet18_masks", ("person",), Settings(input=SIZE, box_scale=0.9))
    optimiser = torch.optim.AdamW(detector.parameters(), 0.001)
    for step in range(STEPS):
        detector.train()
        for group in optimiser.param_groups:
            group["lr"] = 0.001 * min(1.0, (step + 1) / 5) * (0.02 + (1 - step / STEPS))
        loss, _ = detector.loss(pictures, [view[2] for view in views])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 5.0)
        optimiser.step()
    graph = tmp_path / "masks.onnx"
    onnx.save(export_detector(detector.eval()), graph)
    dataset = ["--dataset", f"yolo:{discs}"]
    found, drawn = str(tmp_path / "found"), str(tmp_path / "drawn")
    assert main(["evaluate", "infer", *dataset, "--model", str(graph), "-o", found, "--mask", drawn]) == 0
    figures = tmp_path / "figures.json"
    masks = ["--masks", str(discs / "masks"), drawn]
    assert main(["evaluate", "map", *dataset, "--predictions", found, *masks, "--json", str(figures)]) == 0
    assert "COCO, masks" in capsys.readouterr().out
    scores = json.loads(figures.read_text())
    assert scores["coco"]["ap50"] >= 0.9
    assert scores["masks"]["ap50"] >= 0.9 and scores["masks"]["truths"] == 6
