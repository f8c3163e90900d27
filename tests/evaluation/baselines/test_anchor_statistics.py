"""Sizes of boxes in a detector's input, their best anchors, and the command that prints them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from evaluation.baselines.anchor_statistics import anchor_statistics
from evaluation.baselines.config import BaselineConfig
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing
from featurecast.cli import main


def test_boxes_are_measured_as_the_detector_sees_them() -> None:
    things = (Thing("person", (0, 0, 40, 80)), Thing("person", (0, 0, 9, 9), ignore=True))
    frame = Frame("a", 640, 320, things)
    dataset = Dataset("d", (Clip("c", (frame,)),), ("person", "ball"))
    anchors = torch.tensor([[0.0, 80, 20, 120], [0, 80, 40, 120]])
    rows, _ = anchor_statistics(dataset, anchors, (320, 320))  # halved, 80 px of border above
    (row,) = rows
    assert row.boxes == 1 and row.width[2] == 20 and row.height[2] == 40 and row.ratio[2] == 2
    assert row.best_overlap == pytest.approx(1.0) and row.matched == 1
    with pytest.raises(DatasetError, match="expected boxes, got 1 frames without any"):
        anchor_statistics(Dataset("d", (Clip("c", (Frame("a", 9, 9),)),), ("x",)), anchors, (320, 320))


def test_the_command_prints_writes_and_draws(
    config: Callable[..., BaselineConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"yolo:{config().train[0].path}"
    plot, figures = tmp_path / "anchors.png", tmp_path / "anchors.json"
    command = ["evaluate", "anchors", "--data", data, "--system", "person_detector"]
    assert main([*command, "--plot", str(plot), "--json", str(figures)]) == 0
    assert "person" in capsys.readouterr().out
    written = json.loads(figures.read_text())
    assert written["anchors"] == 3860 and {row["label"] for row in written["labels"]} == {"person", "ball"}
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_command_refuses_what_it_does_not_know(
    config: Callable[..., BaselineConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"yolo:{config().train[0].path}"
    assert main(["evaluate", "anchors", "--data", data, "--system", "yolo"]) == 2
    assert "a system among" in capsys.readouterr().err
    assert main(["evaluate", "anchors", "--data", data, "--input", "300"]) == 2
    assert "HEIGHTxWIDTH" in capsys.readouterr().err
