"""Heads for the browser tests: one that reads the frame number from the features, and ones that misbehave."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core_network.spec import FeatureSpec
from evaluation.numbered_server import BITS

_FLOAT = TensorProto.FLOAT


def write_heads(folder: Path, spec: FeatureSpec) -> Path:
    """Write every test head into a sub-folder of `folder` and return it."""
    _write(folder, spec, "number_reader", *_number_reader(spec))
    _write(folder, spec, "whole_picture", *_whole_picture())
    _write(folder, spec, "pair_of_boxes", *_pair_of_boxes())
    _write(folder, spec, "second_reader", *_second_reader())
    _write(folder, spec, "endless", *_endless())
    _write(folder, spec, "failing", *_failing())
    _write(folder, spec, "hungry", *_hungry())
    _write(folder, spec, "no_numbers", *_no_numbers())
    other = FeatureSpec.from_json({**spec.to_json(), "weights_sha256": "0" * 64})
    _write(folder, other, "foreign", *_whole_picture())
    broken = folder / "broken"
    broken.mkdir()
    (broken / "head.json").write_text("{}")
    return folder


def _value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _FLOAT, shape)


def _constant(name: str, values: Any, kind: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, kind), name)


def _number_reader(spec: FeatureSpec) -> tuple[onnx.GraphProto, dict[str, Any]]:
    """The number from the stamp, and a count of the frames since the reset as state."""
    nodes = [
        helper.make_node("Slice", ["features", "starts", "ends", "axes"], ["stamp"]),
        helper.make_node("Reshape", ["stamp", "flat"], ["bits"]),
        helper.make_node("Greater", ["bits", "zero"], ["is_one"]),
        helper.make_node("Cast", ["is_one"], ["ones"], to=_FLOAT),
        helper.make_node("MatMul", ["ones", "powers"], ["number"]),
        helper.make_node("Add", ["count", "one"], ["count_next"]),
        helper.make_node("Reshape", ["count_next", "cell"], ["count_cell"]),
        helper.make_node("Reshape", ["dt", "cell"], ["dt_cell"]),
        helper.make_node("Concat", ["number", "count_cell", "dt_cell"], ["stats"], axis=1),
    ]
    initializers = [
        _constant("starts", [0, 0, 0, 0], np.int64),
        _constant("ends", [1, 1, 1, BITS], np.int64),
        _constant("axes", [0, 1, 2, 3], np.int64),
        _constant("flat", [1, BITS], np.int64),
        _constant("cell", [1, 1], np.int64),
        _constant("zero", 0.0),
        _constant("one", [1.0]),
        _constant("powers", [[2.0**bit] for bit in range(BITS)]),
    ]
    inputs = [_value("features", 1, *spec.shape), _value("count", 1), _value("dt", 1)]
    outputs = [_value("stats", 1, 3), _value("count_next", 1)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    units = {"number": "", "count": "frames", "dt": "s"}
    return graph, {
        "inputs": {"features": True, "dt": True},
        "state": [{"name": "count", "output": "count_next", "shape": [1], "init": 0}],
        "outputs": [{"name": "stats", "shape": [1, 3], "columns": ["number", "count", "dt"]}],
        "statistics": [
            {"name": name, "title": name, "unit": unit, "definition": name, "output": "stats", "column": name}
            for name, unit in units.items()
        ],
        "draw": [{"kind": "table", "title": "Numbers", "statistics": ["number", "count", "dt"]}],
    }


def _whole_picture() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """A box around the whole picture, its score from a setting."""
    nodes = [
        helper.make_node("Reshape", ["strength", "cell"], ["score"]),
        helper.make_node("Concat", ["corners", "score", "yes"], ["box"], axis=1),
    ]
    initializers = [
        _constant("cell", [1, 1], np.int64),
        _constant("corners", [[0.0, 0.0, 1.0, 1.0]]),
        _constant("yes", [[1.0]]),
    ]
    graph = helper.make_graph(nodes, "g", [_value("strength", 1)], [_value("box", 1, 6)], initializers)
    return graph, {
        "inputs": {"features": True},
        "settings": [{"name": "strength", "title": "Strength", "type": "number", "default": 0.5}],
        "outputs": [{"name": "box", "shape": [1, 6], "columns": ["x0", "y0", "x1", "y1", "score", "valid"]}],
        "draw": [{"kind": "boxes", "output": "box"}],
    }


def _pair_of_boxes() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """Two boxes with the ids 7 and 8, and every kind of setting, given back as statistics."""
    names = ["side", "loud", "follow"]
    nodes = [
        helper.make_node("Concat", names, ["row"], axis=0),
        helper.make_node("Reshape", ["row", "cells"], ["stats"]),
        # The boxes are constant; a graph's output must still come from a node.
        helper.make_node("Identity", ["boxes"], ["box"]),
    ]
    initializers = [
        _constant("cells", [1, 3], np.int64),
        _constant("boxes", [[0.1, 0.4, 0.2, 0.6, 0.9, 7, 1], [0.7, 0.4, 0.8, 0.6, 0.9, 8, 1]]),
    ]
    inputs = [_value(name, 1) for name in names]
    outputs = [_value("stats", 1, 3), _value("box", 2, 7)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    choices = [{"value": -1, "title": "Both"}, {"value": 0, "title": "Left"}, {"value": 1, "title": "Right"}]
    return graph, {
        "schema_version": "1.1",
        "inputs": {"features": True},
        "settings": [
            {"name": "side", "title": "Show", "type": "choice", "choices": choices, "default": -1},
            {"name": "loud", "title": "Loud", "type": "boolean", "default": 0},
            {"name": "follow", "title": "Follow", "type": "object", "output": "box"},
        ],
        "outputs": [
            {"name": "stats", "shape": [1, 3], "columns": names},
            {"name": "box", "shape": [2, 7], "columns": ["x0", "y0", "x1", "y1", "score", "id", "valid"]},
        ],
        "statistics": [
            {"name": name, "title": name, "unit": "", "definition": name, "output": "stats", "column": name}
            for name in names
        ],
        "draw": [{"kind": "boxes", "output": "box", "colour_by": "id"}],
    }


def _second_reader() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """The number as another head, number_reader, read it on the same frame."""
    nodes = [helper.make_node("Identity", ["number_reader__stats"], ["stats"])]
    graph = helper.make_graph(nodes, "g", [_value("number_reader__stats", 1, 3)], [_value("stats", 1, 3)])
    return graph, {
        "inputs": {"features": True},
        "needs": {"number_reader": ["stats"]},
        "outputs": [{"name": "stats", "shape": [1, 3], "columns": ["number", "count", "dt"]}],
        "statistics": [
            {
                "name": "number",
                "title": "Number",
                "unit": "",
                "definition": "Of the frame.",
                "output": "stats",
                "column": "number",
            }
        ],
    }


def _endless() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """Products of large matrices: far more than two seconds in any browser, for every frame."""
    nodes = [helper.make_node("Expand", ["dt", "square"], ["m0"])]
    for i in range(40):
        nodes.append(helper.make_node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}"]))
    nodes.append(helper.make_node("Slice", ["m40", "starts", "ends", "axes"], ["stats"]))
    initializers = [
        _constant("square", [2048, 2048], np.int64),
        _constant("starts", [0, 0], np.int64),
        _constant("ends", [1, 1], np.int64),
        _constant("axes", [0, 1], np.int64),
    ]
    graph = helper.make_graph(nodes, "g", [_value("dt", 1)], [_value("stats", 1, 1)], initializers)
    return graph, _one_figure({"features": True, "dt": True})


def _failing() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """A graph that loads and then asks for an element that is not there."""
    nodes = [
        helper.make_node("Cast", ["dt"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "far"], ["index"]),
        helper.make_node("Gather", ["dt", "index"], ["picked"]),
        helper.make_node("Reshape", ["picked", "cell"], ["stats"]),
    ]
    initializers = [_constant("far", [999], np.int64), _constant("cell", [1, 1], np.int64)]
    graph = helper.make_graph(nodes, "g", [_value("dt", 1)], [_value("stats", 1, 1)], initializers)
    return graph, _one_figure({"features": True, "dt": True})


def _hungry() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """20 GB for one tensor, whose size no shape tells of beforehand."""
    nodes = [
        helper.make_node("Cast", ["dt"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "million"], ["rows"]),
        helper.make_node("Concat", ["rows", "thousands"], ["size"], axis=0),
        helper.make_node("ConstantOfShape", ["size"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["top"], keepdims=0),
        helper.make_node("Reshape", ["top", "cell"], ["stats"]),
    ]
    initializers = [
        _constant("million", [1_000_000], np.int64),
        _constant("thousands", [5000], np.int64),
        _constant("cell", [1, 1], np.int64),
    ]
    graph = helper.make_graph(nodes, "g", [_value("dt", 1)], [_value("stats", 1, 1)], initializers)
    return graph, _one_figure({"features": True, "dt": True})


def _no_numbers() -> tuple[onnx.GraphProto, dict[str, Any]]:
    """Nothing divided by nothing."""
    nodes = [
        helper.make_node("Sub", ["dt", "dt"], ["nothing"]),
        helper.make_node("Div", ["nothing", "nothing"], ["undefined"]),
        helper.make_node("Reshape", ["undefined", "cell"], ["stats"]),
    ]
    initializers = [_constant("cell", [1, 1], np.int64)]
    graph = helper.make_graph(nodes, "g", [_value("dt", 1)], [_value("stats", 1, 1)], initializers)
    return graph, _one_figure({"features": True, "dt": True})


def _one_figure(inputs: dict[str, bool]) -> dict[str, Any]:
    return {"inputs": inputs, "outputs": [{"name": "stats", "shape": [1, 1], "columns": ["value"]}]}


def _write(folder: Path, spec: FeatureSpec, name: str, graph: onnx.GraphProto, rest: dict[str, Any]) -> None:
    # Every graph takes the features, whether it looks at them or not.
    if not any(item.name == "features" for item in graph.input):
        graph.input.append(_value("features", 1, *spec.shape))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    manifest = {
        "format": 1,
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "description": "A head of the browser tests.",
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "spec": {"name": spec.name, "fingerprint": spec.fingerprint, "shape": list(spec.shape)},
        "model": {"file": "head.onnx", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)},
        **rest,
    }
    (folder / name).mkdir()
    (folder / name / "head.onnx").write_bytes(data)
    (folder / name / "head.json").write_text(json.dumps(manifest))
