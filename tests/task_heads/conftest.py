"""Simulated network outputs for the heads' post-processing, and small head folders."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
import pytest

SHAPE = (24, 44, 80)
VIEW = np.array([0.0, 0.0, 1.0, 1.0, 1280.0, 704.0], np.float32)


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def _fill(maps: np.ndarray, x: float, y: float, score: float, values: list[float]) -> None:
    """Write a peak of `score` at x, y (px of the input) into stride-4 maps [n, 88, 160]; values fill its
    neighbourhood."""
    column, row = int(x / 4), int(y / 4)
    if not (0 <= column < 160 and 0 <= row < 88):
        return
    for yy in range(max(0, row - 1), min(88, row + 2)):
        for xx in range(max(0, column - 1), min(160, column + 2)):
            at_centre = (xx, yy) == (column, row)
            logit = _logit(score) - (0.0 if at_centre else 1.5)
            if logit > maps[0, yy, xx]:
                maps[0, yy, xx] = logit
                maps[1:, yy, xx] = [x / 4 - xx, y / 4 - yy, *values]


def _unshuffle(maps: np.ndarray) -> np.ndarray:
    """Return raw [1, 4n, 44, 80] of stride-4 maps [n, 88, 160]: the inverse of pixel_shuffle."""
    count = len(maps)
    return maps.reshape(count, 44, 2, 80, 2).transpose(0, 2, 4, 1, 3).reshape(1, 4 * count, 44, 80)


@pytest.fixture
def view():
    return VIEW.copy()


@pytest.fixture
def player_raw():
    """A function people -> raw [1, 23, 44, 80]; each of people is x, y, w, h (px of the input), score,
    role 0..2."""

    def make(people):
        maps = np.zeros((5, 88, 160), np.float32)
        maps[0] = -9.0
        roles = np.zeros((3, 44, 80), np.float32)
        roles[0] = 4.0
        for x, y, w, h, score, role in people:
            _fill(maps, x, y, score, [math.log(w / 4), math.log(h / 4)])
            cell = (
                slice(max(0, int(y / 8) - 1), int(y / 8) + 2),
                slice(max(0, int(x / 8) - 1), int(x / 8) + 2),
            )
            roles[:, cell[0], cell[1]] = 0.0
            roles[int(role), cell[0], cell[1]] = 4.0
        return np.concatenate([_unshuffle(maps)[0], roles])[None]

    return make


@pytest.fixture(scope="session")
def ball_maps():
    """A function places -> maps [1, 3, 88, 160]; each of places is x, y (px of the input), score."""

    def make(places):
        maps = np.zeros((3, 88, 160), np.float32)
        maps[0] = -9.0
        for x, y, score in places:
            _fill(maps, x, y, score, [])
        return maps[None]

    return make


@pytest.fixture
def small_spec():
    from core_network.spec import RATES, FeatureSpec

    return FeatureSpec(
        name="small",
        input_height=32,
        input_width=64,
        shape=(2, 4, 8),
        stride=8,
        symbol_max=15,
        steps={rate: (1.0, 1.0) for rate in RATES},
        weights_sha256="0" * 64,
    )


@pytest.fixture
def write_head(tmp_path, small_spec):
    """A function that writes the folder of a small head: it counts seconds and says how strong the
    features are.

    `change(document)` edits the manifest, `change_graph(model)` the ONNX model before its hash is taken.
    """
    onnx = pytest.importorskip(
        "onnx", reason="small heads are made with onnx: pip install 'featurecast[train]'"
    )
    from onnx import TensorProto, helper

    def write(name="counter", *, parent=None, change=None, change_graph=None):
        value = helper.make_tensor_value_info
        nodes = [
            helper.make_node("ReduceMax", ["features"], ["top"], keepdims=0),
            helper.make_node("Unsqueeze", ["top", "zero"], ["top1"]),
            helper.make_node("Add", ["seconds", "dt"], ["seconds_next"]),
            helper.make_node("Concat", ["top1", "seconds_next", "gain", "one"], ["flat"], axis=0),
            helper.make_node("Reshape", ["flat", "shape"], ["point"]),
        ]
        graph = helper.make_graph(
            nodes,
            "small",
            [
                value("features", TensorProto.FLOAT, [1, 2, 4, 8]),
                value("dt", TensorProto.FLOAT, [1]),
                value("gain", TensorProto.FLOAT, [1]),
                value("seconds", TensorProto.FLOAT, [1]),
            ],
            [value("point", TensorProto.FLOAT, [1, 4]), value("seconds_next", TensorProto.FLOAT, [1])],
            [
                helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
                helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
                helper.make_tensor("shape", TensorProto.INT64, [2], [1, 4]),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        if change_graph:
            change_graph(model)
        content = model.SerializeToString()
        document = {
            "format": 1,
            "name": name,
            "title": "Counter",
            "description": "Counts seconds.",
            "version": "1.0.0",
            "licence": "Apache-2.0",
            "spec": {"name": "small", "fingerprint": small_spec.fingerprint, "shape": [2, 4, 8]},
            "model": {
                "file": "head.onnx",
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            },
            "inputs": {"features": True, "dt": True},
            "state": [{"name": "seconds", "output": "seconds_next", "shape": [1], "init": 0.5}],
            "settings": [
                {"name": "gain", "title": "Gain", "type": "number", "min": 0.0, "max": 2.0, "default": 1.0}
            ],
            "outputs": [{"name": "point", "shape": [1, 4], "columns": ["x", "y", "score", "valid"]}],
            "statistics": [
                {
                    "name": "seconds",
                    "title": "Seconds",
                    "unit": "s",
                    "definition": "Seconds since the reset, from one half.",
                    "output": "point",
                    "column": "y",
                }
            ],
            "draw": [
                {"kind": "points", "output": "point"},
                {"kind": "text", "corner": "top_left", "template": "{seconds} s"},
            ],
        }
        if change:
            change(document)
        folder = (parent or tmp_path) / name
        folder.mkdir(parents=True)
        (folder / "head.onnx").write_bytes(content)
        (folder / "head.json").write_text(json.dumps(document))
        return folder

    assert onnx
    return write


@pytest.fixture
def needing_another():
    """A function head -> changes for `write_head` that let the small head take its point, not a setting."""

    def needing(other):

        def change(document):
            document["settings"] = []
            document["needs"] = {other: ["point"]}

        def change_graph(model):
            del model.graph.input[2]
            del model.graph.node[3].input[:]
            model.graph.node[3].input.extend(["top1", "seconds_next", "gain", "one"])
            from onnx import TensorProto, helper

            model.graph.input.append(
                helper.make_tensor_value_info(f"{other}__point", TensorProto.FLOAT, [1, 4])
            )
            model.graph.node.insert(
                0, helper.make_node("ReduceMin", [f"{other}__point", "one_axis"], ["low"], keepdims=0)
            )
            model.graph.initializer.append(helper.make_tensor("one_axis", TensorProto.INT64, [1], [1]))
            model.graph.node.insert(1, helper.make_node("Identity", ["low"], ["gain"]))

        return {"change": change, "change_graph": change_graph}

    return needing
