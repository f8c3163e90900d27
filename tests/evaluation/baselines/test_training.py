"""Training end to end: it learns, goes on where it stopped, becomes a graph, refuses what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from core_network.prepare import View
from evaluation.baselines import train as training
from evaluation.baselines.checkpoints import CheckpointError, load_trained
from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.detector import Inference
from evaluation.baselines.export import export_detector
from evaluation.baselines.feed import load_examples, whole_view
from evaluation.baselines.running import validate
from evaluation.baselines.systems import Settings, build
from evaluation.baselines.train import train_baseline
from evaluation.datasets.types import DatasetError
from evaluation.split.networks import convertible
from evaluation.split.session import Session

Make = Callable[..., BaselineConfig]


def test_eight_pictures_are_learned_by_heart(config: Make, tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = config()
    examples = load_examples(run.train, Path(), run.labels, tmp_path)
    views = [whole_view(item, (64, 96)) for item in examples.items]
    pictures = torch.from_numpy(np.stack([view[0] for view in views])).permute(0, 3, 1, 2).float() / 255
    truths = [view[2] for view in views]
    detector = build(run.system, run.labels, Settings(input=(64, 96), width=0.35))
    optimiser = torch.optim.AdamW(detector.parameters(), 0.003)
    steps = 60
    for step in range(steps):
        detector.train()
        for group in optimiser.param_groups:
            group["lr"] = 0.003 * min(1.0, (step + 1) / 10) * (0.01 + (1 - step / steps) ** 2)
        loss, _ = detector.loss(pictures, truths)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 5.0)
        optimiser.step()
    score = validate(detector, examples)
    assert score["ap50"] is not None and score["ap50"] >= 0.9


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train_baseline(config(), Path())
    whole = torch.load(straight, weights_only=True)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    again = config(output=tmp_path / "again")
    make = training.Batches.at

    def broken(self: training.Batches, step: int) -> object:
        if step == 3:
            raise KeyboardInterrupt
        return make(self, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Batches, "at", broken)
        train_baseline(again, Path())
    assert torch.load(again.output / "checkpoint.pt", weights_only=True)["step"] == 2
    resumed = torch.load(train_baseline(again, Path(), resume=True), weights_only=True)
    assert resumed["step"] == whole["step"] == 4
    for name, value in whole["average"].items():
        assert torch.allclose(value, resumed["average"][name], atol=1e-6), name
    record = json.loads((again.output / "record.json").read_text())
    assert record["pictures"] == 8 and record["boxes"] == 24 and record["validation"][-1]["step"] == 4


def test_a_checkpoint_becomes_a_graph_that_says_the_same(config: Make) -> None:
    checkpoint = train_baseline(config(steps=2), Path())
    graph = convertible("baseline", [checkpoint])
    session = Session(graph.SerializeToString())
    assert session.inputs == {"image": (1, 64, 96, 3), "view": (6,)}
    picture = np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)
    view = View.letterbox(200, 100, 96, 64).as_array()
    got = session.run({"image": picture, "view": view})["detections"]
    wanted = Inference(load_trained(checkpoint))(torch.from_numpy(picture), torch.from_numpy(view))[0]
    assert got.shape == (100, 7)
    assert np.allclose(np.sort(got[:, 4]), np.sort(wanted.detach().numpy()[:, 4]), atol=1e-4)


@pytest.mark.parametrize("system", ["ssd_mobilenetv1", "retinanet_resnet18_masks", "lsts_resnet18"])
def test_every_kind_of_system_becomes_a_graph(system: str) -> None:
    detector = build(system, ("person", "ball"), Settings(input=(64, 96), width=0.25))
    graph = export_detector(detector)
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"image": np.zeros((1, 64, 96, 3), np.uint8), "view": np.array([0, 0, 1, 1, 96, 64], np.float32)}
    outputs = session.run(None, feeds)
    assert outputs[0].shape[1] == 7 and np.isfinite(outputs[0]).all()
    if system.endswith("masks"):
        assert outputs[1].shape == (len(outputs[0]), 16, 24)


def test_resuming_with_other_labels_is_refused(config: Make) -> None:
    run = config(steps=1)
    train_baseline(run, Path())
    merged = tuple(replace(source, merge={"ball": "person"}) for source in run.train)
    other = config(steps=2, labels=("person",), train=merged, validation=run.validation)
    with pytest.raises(DatasetError, match="has the label 'ball'"):
        train_baseline(other, Path(), resume=True)
    held = tuple(replace(source, merge={"ball": "person"}) for source in run.validation)
    with pytest.raises(CheckpointError, match="was trained with labels .* start again without --resume"):
        train_baseline(
            config(steps=2, labels=("person",), train=merged, validation=held), Path(), resume=True
        )


def test_pictures_are_in_one_split_only(config: Make) -> None:
    with pytest.raises(DatasetError, match="is in train and in validation, as 8 pictures are"):
        train_baseline(config(validation=config().train), Path())


def test_a_configuration_says_what_is_wrong_with_it(tmp_path: Path, repository: Path) -> None:
    for path in sorted((repository / "configs" / "baselines").glob("*.yaml")):
        assert BaselineConfig.load(path).name == path.stem
    good = (repository / "configs" / "baselines" / "ssd_mobilenetv2.yaml").read_text()
    for old, new, message in (
        ("system: ssd_mobilenetv2", "system: yolo", "a system among .*got 'yolo'"),
        ("batch: ", "batch: -", "batch: expected more than 0"),
        ("steps: ", "paces: ", "unexpected keyword argument 'paces'"),
        ("labels:", "names:", "expected the key labels, it is missing"),
    ):
        (tmp_path / "c.yaml").write_text(good.replace(old, new, 1))
        with pytest.raises(ValueError, match=message):
            BaselineConfig.load(tmp_path / "c.yaml")
