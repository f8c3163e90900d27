"""`featurecast train baseline` from a file: what it leaves behind, and the one line it says of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from evaluation.baselines import train as training
from featurecast.cli import main

Write = Callable[..., str]


@pytest.fixture
def write(config: Callable[..., Any], tmp_path: Path) -> Write:
    """Return a function that writes the slim configuration of conftest, changed, and returns its path."""

    def made(**changes: Any) -> str:
        document = {**config().to_json(), **changes}
        document["settings"] = {"input": [64, 96], "width": 0.1}
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    return made


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "expected" in one or "label" in one]
    return line


def test_a_run_that_was_interrupted_is_resumed(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 1)
    assert main(["train", "baseline", write(steps=1), "--resume"]) == 0
    assert main(["train", "baseline", write(steps=2), "--resume"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == str(tmp_path / "run" / "checkpoint.pt")
    assert "resuming" in err and "at step 1" in err
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert [entry["step"] for entry in record["validation"]] == [1, 2]


def test_a_dataset_without_boxes_is_one_line(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "train" / "labels").iterdir():
        path.write_text("")
    assert "expected labelled boxes, got 8 pictures without any" in _refused(
        capsys, "train", "baseline", write()
    )
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_class_that_the_detector_does_not_know_is_one_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _refused(capsys, "train", "baseline", write(labels=["person"]))
    assert "has the label 'ball', this detector knows person; rename it with merge" in line


def test_weights_of_another_shape_are_one_line(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(steps=1)
    assert main(["train", "baseline", path]) == 0
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    name = next(name for name, value in state["network"].items() if value.ndim == 4)
    for part in ("network", "average"):
        state[part][name] = torch.zeros(1, 2, 3, 3)
    torch.save(state, checkpoint)
    capsys.readouterr()
    line = _refused(capsys, "train", "baseline", write(steps=2), "--resume")
    assert f"checkpoint.pt: {name}: expected the shape" in line and "got [1, 2, 3, 3]" in line
    line = _refused(capsys, "evaluate", "convert", "baseline", str(checkpoint), "-o", str(tmp_path / "graph"))
    assert f"{name}: expected the shape" in line and not list(tmp_path.glob("graph/*.onnx"))
