"""Graphs are judged by their bytes: unsafe parts are found wherever they hide, and rubbish is no surprise."""

from __future__ import annotations

import random

import pytest

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: pip install 'featurecast[train]'")

from onnx import TensorProto, helper  # noqa: E402

from task_heads.graph_bytes import count_nodes, unsafe_parts  # noqa: E402
from task_heads.registry import Registry  # noqa: E402


def model(*nodes, initializers=(), opset=18):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Identity", ["a"], ["b"])],
        "g",
        [value("a", TensorProto.FLOAT, [1])],
        [value("b", TensorProto.FLOAT, [1])],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def external():
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def test_shipped_graphs_are_safe():
    for found in Registry(installed=False):
        content = (found.folder / "head.onnx").read_bytes()
        assert unsafe_parts(content) == []
        assert count_nodes(content) == len(onnx.load_model_from_string(content).graph.node)


def test_weights_elsewhere_are_found_among_initialisers_and_in_constants():
    for made in (
        model(initializers=[external()]),
        model(helper.make_node("Constant", [], ["b"], value=external())),
    ):
        (problem,) = unsafe_parts(made.SerializeToString())
        assert "external data" in problem


def test_a_graph_inside_a_node_is_found():
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "body", [], [])
    problems = unsafe_parts(model(helper.make_node("If", ["a"], ["b"], then_branch=body)).SerializeToString())
    assert any("graph inside a node" in problem for problem in problems)
    assert any("operator If is not allowed" in problem for problem in problems)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.opset_import.append(helper.make_opsetid("com.example", 1)), "com.example"),
        (lambda m: m.opset_import[0].CopyFrom(helper.make_opsetid("", 17)), "got 17"),
        (lambda m: m.opset_import.pop(), "got None"),
        (lambda m: m.functions.add(name="f", domain="x"), "model-local functions"),
        (lambda m: setattr(m.graph.node[0], "domain", "com.example"), "operator Identity is not allowed"),
        (lambda m: m.graph.sparse_initializer.add(), "dense initialisers"),
        (lambda m: m.ClearField("graph"), "holds no graph"),
    ],
)
def test_each_unsafe_part_is_named(change, words):
    made = model()
    change(made)
    problems = unsafe_parts(made.SerializeToString())
    assert any(words in problem for problem in problems), problems


def test_rubbish_is_refused_and_raises_nothing():
    rng = random.Random(3)
    good = model().SerializeToString()
    assert unsafe_parts(good) == []
    for length in range(len(good)):
        unsafe_parts(good[:length])
    for _ in range(500):
        changed = bytearray(good)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        assert all("\n" not in problem for problem in unsafe_parts(bytes(changed)))
    assert unsafe_parts(b"") and unsafe_parts(b"\xff" * 40) and unsafe_parts(b"not a graph")
