"""A head for whatever core there is: fixed boxes, a counter as its state, the mean of the features."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core_network.spec import FeatureSpec

_COLUMNS = ["x0", "y0", "x1", "y1", "score", "valid", "label", "id"]


def write_head(folder: Path, spec: FeatureSpec, name: str = "counter", *, ids: bool = True) -> Path:
    """Write a head whose box is the picture's middle, and whose `seen` counts frames since the reset."""
    folder.mkdir(parents=True)
    confirmed = np.array([[0.25, 0.25, 0.75, 0.5, 0.9, 1, 0, 7]], np.float32)
    detections = np.array([[0.25, 0.25, 0.75, 0.5, 0.9, 1, 0, 7], [0, 0, 0.5, 1, 0.02, 1, 1, 0]], np.float32)
    ball = np.array([[0.5, 0.25, 0.8, 1]], np.float32)
    width = len(_COLUMNS) if ids else len(_COLUMNS) - 1
    nodes = [
        helper.make_node("Identity", ["confirmed_value"], ["confirmed"]),
        helper.make_node("Identity", ["all_value"], ["detections"]),
        helper.make_node("Identity", ["ball_value"], ["ball"]),
        helper.make_node("Add", ["seen", "one"], ["seen_next"]),
        helper.make_node("Abs", ["features"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape_one"], ["mean_one"]),
        helper.make_node("Slice", ["view", "four", "six"], ["source"]),
        helper.make_node("Concat", ["seen_next", "dt", "mean_one", "source"], ["flat"], axis=0),
        helper.make_node("Reshape", ["flat", "shape_row"], ["figures"]),
    ]
    constants = {
        "confirmed_value": confirmed[:, :width],
        "all_value": detections[:, :width],
        "ball_value": ball,
        "one": np.ones(1, np.float32),
        "shape_one": np.array([1], np.int64),
        "shape_row": np.array([1, 5], np.int64),
        "four": np.array([4], np.int64),
        "six": np.array([6], np.int64),
    }

    def tensor(tensor_name: str, shape: list[int]) -> Any:
        return helper.make_tensor_value_info(tensor_name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [tensor("features", [1, *spec.shape]), tensor("view", [6]), tensor("dt", [1]), tensor("seen", [1])],
        [
            tensor("confirmed", [1, width]),
            tensor("detections", [2, width]),
            tensor("ball", [1, 4]),
            tensor("figures", [1, 5]),
            tensor("seen_next", [1]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    (folder / "head.onnx").write_bytes(content)
    statistic = {"unit": "", "definition": "for tests", "output": "figures", "decimals": 2}
    columns = ["seen", "dt", "mean", "source_width", "source_height"]
    manifest = {
        "format": 1,
        "name": name,
        "title": "Counter",
        "description": "A head for tests.",
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "spec": {"name": spec.name, "fingerprint": spec.fingerprint, "shape": list(spec.shape)},
        "model": {"file": "head.onnx", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)},
        "inputs": {"features": True, "view": True, "dt": True},
        "state": [{"name": "seen", "output": "seen_next", "shape": [1], "init": 0}],
        "outputs": [
            {"name": "confirmed", "shape": [1, width], "columns": _COLUMNS[:width]},
            {"name": "detections", "shape": [2, width], "columns": _COLUMNS[:width]},
            {"name": "ball", "shape": [1, 4], "columns": ["x", "y", "score", "valid"]},
            {"name": "figures", "shape": [1, 5], "columns": columns},
        ],
        "labels": ["player", "referee"],
        "statistics": [
            {"name": column, "title": column.title(), "column": column, **statistic} for column in columns
        ],
        "draw": [
            {"kind": "boxes", "output": "confirmed", "colour_by": "id"},
            {"kind": "boxes", "output": "detections", "when": "all"},
            {"kind": "points", "output": "ball"},
            {"kind": "text", "corner": "bottom_right", "template": "frame {seen}"},
            {"kind": "table", "title": "Counter", "statistics": ["seen", "mean"]},
        ],
    }
    (folder / "head.json").write_text(json.dumps(manifest))
    return folder
