"""From outputs to the result in source pixels: the rules of docs/heads.md."""

from __future__ import annotations

import json

import numpy as np
import pytest

from task_heads.manifest import parse_manifest
from task_heads.result import result_from

BOX = ["x0", "y0", "x1", "y1", "score"]
SPEED = {
    "name": "speed",
    "title": "Speed",
    "unit": "px/s",
    "definition": "d",
    "output": "stats",
    "column": "speed",
}
COUNT = {
    "name": "count",
    "title": "Count",
    "unit": "",
    "definition": "d",
    "output": "stats",
    "column": "count",
}
DOCUMENT = {
    "format": 1,
    "name": "both",
    "title": "Both",
    "description": "Everything at once.",
    "version": "1.0.0",
    "licence": "Apache-2.0",
    "spec": {"name": "small", "fingerprint": "0" * 64, "shape": [2, 4, 8]},
    "model": {"file": "head.onnx", "sha256": "0" * 64, "size": 1},
    "inputs": {},
    "outputs": [
        {"name": "shown", "shape": [2, 9], "columns": [*BOX, "label", "id", "team", "valid"]},
        {"name": "every", "shape": [2, 6], "columns": [*BOX, "valid"]},
        {"name": "ball", "shape": [1, 4], "columns": ["x", "y", "score", "valid"]},
        {"name": "line", "shape": [3, 3], "columns": ["x", "y", "valid"]},
        {"name": "stats", "shape": [1, 3], "columns": ["speed", "moving", "count"]},
    ],
    "labels": ["player", "referee"],
    "statistics": [{**SPEED, "valid": "moving"}, COUNT],
    "draw": [
        {"kind": "boxes", "output": "shown"},
        {"kind": "boxes", "output": "every", "when": "all"},
        {"kind": "points", "output": "ball"},
        {"kind": "trail", "output": "line"},
    ],
}


@pytest.fixture
def manifest():
    return parse_manifest(DOCUMENT, "test")


@pytest.fixture
def outputs():
    return {
        "shown": np.array(
            [[0.1, 0.2, 0.3, 0.4, 0.9, 1, 7, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.9, 0, 8, 1, 0]], np.float32
        ),
        "every": np.array([[0.1, 0.2, 0.3, 0.4, 0.9, 1], [0.5, 0.5, 0.6, 0.6, 0.02, 1]], np.float32),
        "ball": np.array([[0.5, 0.25, 0.75, 1]], np.float32),
        "line": np.array([[0, 0, 1], [0.3, 0.3, 0], [0.5, 0.5, 1]], np.float32),
        "stats": np.array([[120, 0, 3]], np.float32),
    }


def test_the_confirmed_view(manifest, outputs):
    result = result_from(manifest, outputs, 1000, 500)
    (box,) = result.boxes
    np.testing.assert_allclose(box.xyxy, [100, 100, 300, 200], rtol=1e-6)
    assert (box.label, box.id, box.team) == ("referee", 7, 0)
    assert result.points[0].xy == (500, 125)
    assert result.trails[0].xy == [(0, 0), (500, 250)]
    assert result.stats == {"count": 3.0}, "a statistic that is not valid is left out"


def test_the_view_of_every_detection(manifest, outputs):
    result = result_from(manifest, outputs, 1000, 500, every_detection=True)
    assert [round(box.score, 2) for box in result.boxes] == [0.9, 0.02]
    assert [box.label for box in result.boxes] == ["player", "player"], (
        "without a label column it is the first"
    )
    assert result.boxes[0].id is None
    assert len(result.points) == 1, "a kind without an entry for all shows its confirmed ones"


def test_the_json_line(manifest, outputs):
    line = result_from(manifest, outputs, 1000, 500).to_json_line(4, 14400, "a.jpg")
    assert "\n" not in line
    row = json.loads(line)
    assert list(row)[:4] == ["frame", "pts", "source", "head"]
    assert row["boxes"] == [
        {"xyxy": [100.0, 100.0, 300.0, 200.0], "score": 0.9, "label": "referee", "id": 7, "team": 0}
    ]
    assert row["points"] == [{"xy": [500.0, 125.0], "score": 0.75, "label": "player"}]
    assert (row["frame"], row["pts"], row["source"], row["head"]) == (4, 14400, "a.jpg", "both")


def test_mot_lines_count_from_one(manifest, outputs):
    lines = result_from(manifest, outputs, 1000, 500).to_mot_lines(0)
    assert lines == ["1,7,100.00,100.00,200.00,100.00,0.9000,-1,-1,-1"]
