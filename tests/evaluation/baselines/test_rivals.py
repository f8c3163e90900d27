"""The rows of a table: configurations, their graphs once trained, and what is cited."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
import yaml

from evaluation.baselines.rivals import rivals
from evaluation.baselines.systems import Settings, build
from evaluation.split.detector import DetectorError


@pytest.fixture
def configs(tmp_path: Path, repository: Path) -> Path:
    """A folder with one configuration of a slim network."""
    document = yaml.safe_load((repository / "configs" / "baselines" / "person_detector.yaml").read_text())
    document |= {"settings": {"input": [64, 64], "width": 0.1}, "output": str(tmp_path / "run")}
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "person_detector.yaml").write_text(yaml.safe_dump(document))
    return tmp_path / "configs"


def test_a_rival_that_was_not_trained_says_so_with_its_cited_figure(configs: Path) -> None:
    (row,) = rivals(configs)
    assert row.model is None and not row.video
    assert row.remark.startswith("not trained here; cited: ")
    assert row.counted.macs > 0


def test_a_trained_rival_has_its_graph(configs: Path, tmp_path: Path) -> None:
    detector = build("person_detector", ("person",), Settings(input=(64, 64), width=0.1))
    state = {
        "system": "person_detector",
        "labels": ["person"],
        "settings": {"input": [64, 64], "width": 0.1},
        "average": detector.network.state_dict(),
    }
    (tmp_path / "run").mkdir()
    torch.save(state, tmp_path / "run" / "checkpoint.pt")
    (tmp_path / "run" / "record.json").write_text(
        '{"minutes": 60.0, "pictures": 210, "curve": [{"step": 20}, {"step": 618}]}'
    )
    (row,) = rivals(configs)
    assert row.model is not None
    assert row.remark.startswith("trained: 60 min of one core, 2472 views of 210 pictures; cited: ")
    assert row.entrant().trained == row.trained
    graph = onnx.load(row.model)
    assert [value.name for value in graph.graph.output] == ["detections"]
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"cut off")
    with pytest.raises(DetectorError, match="expected a checkpoint"):
        rivals(configs)
