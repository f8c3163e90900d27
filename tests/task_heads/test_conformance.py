"""`heads check` finds each kind of unfit head and passes the shipped ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="heads check needs onnx: pip install 'featurecast[train]'")

from onnx import TensorProto, helper  # noqa: E402

from task_heads import browser_runtime, conformance  # noqa: E402
from task_heads.browser_runtime import BrowserRuntime, table_difference  # noqa: E402
from task_heads.conformance import check_head  # noqa: E402
from task_heads.manifest import Output  # noqa: E402
from task_heads.registry import Registry  # noqa: E402


@pytest.mark.parametrize("name", ["player_tracking", "ball_statistics"])
def test_the_shipped_heads_are_fit(name):
    found = check_head(Registry(installed=False).get(name).folder)
    assert found.problems == ()
    assert found.bytes is not None
    assert found.bytes <= 300_000


def test_a_small_head_is_fit(write_head, small_spec):
    found = check_head(write_head(), small_spec)
    assert found.fit, found.problems
    assert found.nodes == 5


WEB = Path(__file__).parents[2] / "viewer" / "web"
BROWSER = BrowserRuntime(WEB / "vendor", WEB / "head_runner.js")


@pytest.fixture
def browser():
    if reason := BROWSER.missing():
        pytest.skip(reason)
    return BROWSER


def test_a_small_head_gives_the_same_in_the_browser_runtime(write_head, small_spec, browser):
    found = check_head(write_head(), small_spec, browser=browser, frames=12)
    assert found.fit, found.problems
    assert found.browser_ms is not None
    assert found.left_out is None


def test_without_node_the_rest_is_checked_and_it_says_so(write_head, small_spec, monkeypatch):
    monkeypatch.setattr(browser_runtime.shutil, "which", lambda name: None)
    found = check_head(write_head(), small_spec, browser=BROWSER)
    assert found.fit
    assert found.left_out == "node is not installed"


def test_a_head_with_needs_is_checked_beside_them(write_head, needing_another, small_spec, browser):
    needed = write_head("first")
    folder = write_head("second", **needing_another("first"))
    found = check_head(folder, small_spec, others=[needed], browser=browser, frames=8)
    assert found.fit, found.problems
    assert found.browser_ms is not None
    assert "got first; known are" in check_head(folder, small_spec).problems[0]


TWO = Output(name="found", shape=(2, 3), columns=("x", "id", "valid"))
PYTHON = np.array([[0.25, 1, 1], [0.75, 9, 1]], np.float32)


@pytest.mark.parametrize(
    ("browser", "words"),
    [
        ([[0.2505, 1, 1], [0.75, 9, 1]], None),
        ([[0.75, 9, 1], [0.25, 1, 1]], None),
        ([[0.26, 1, 1], [0.75, 9, 1]], "x: Python gives 0.25, onnxruntime-web 0.26"),
        ([[0.25, 3, 1], [0.75, 9, 1]], "id: Python gives 1, onnxruntime-web 3"),
        ([[0.25, 1, 1], [0.25, 9, 1]], "x: Python gives 0.75"),
        ([[0.25, 1, 1], [0.75, 9, 0]], "Python gives 2 valid rows, onnxruntime-web 1"),
        ([[0.25, 1, 1], [np.nan, 9, 1]], "NaN or infinity"),
    ],
)
def test_results_that_differ_in_the_browser_are_pointed_at(browser, words):
    found = table_difference(TWO, PYTHON, np.array(browser, np.float32))
    assert found is None if words is None else words in found


def test_empty_slots_may_hold_anything():
    empty = np.array([[0.25, 1, 1], [9, 9, 0]], np.float32)
    other = np.array([[7, 7, 0], [0.25, 1, 1]], np.float32)
    assert table_difference(TWO, empty, other) is None


def test_a_graph_that_does_not_end_is_stopped(write_head, monkeypatch):
    def endless(model):
        size = [1024, 1024]
        model.graph.initializer.append(helper.make_tensor("size", TensorProto.INT64, [2], size))
        model.graph.node[0].output[0] = "calm"
        # The operand comes from the features, so that nothing can be folded away beforehand.
        model.graph.node.append(helper.make_node("Expand", ["calm", "size"], ["m0"]))
        for i in range(400):
            model.graph.node.append(helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"p{i}"]))
            model.graph.node.append(helper.make_node("Tanh", [f"p{i}"], [f"m{i + 1}"]))
        model.graph.node.append(helper.make_node("ReduceMax", ["m400"], ["top"], keepdims=0))

    monkeypatch.setattr(conformance, "CPU_LIMIT_S", 2)
    (problem,) = check_head(write_head(change_graph=endless)).problems
    assert "expected its trial to end" in problem


def huge(model):
    model.graph.initializer.append(helper.make_tensor("size", TensorProto.INT64, [2], [8192, 8192]))
    model.graph.node[0].output[0] = "calm"
    model.graph.node.append(helper.make_node("Expand", ["calm", "size"], ["wide"]))
    model.graph.node.append(helper.make_node("ReduceMax", ["wide"], ["top"], keepdims=0))


def hidden_huge(model):
    """A tensor whose size comes from the features: no shape tells of it beforehand."""
    nodes = [
        helper.make_node("Abs", ["top"], ["size_0"]),
        helper.make_node("Add", ["size_0", "million"], ["size_1"]),
        helper.make_node("Cast", ["size_1"], ["size_2"], to=TensorProto.INT64),
        helper.make_node("Unsqueeze", ["size_2", "zero"], ["size_3"]),
        helper.make_node("Concat", ["size_3", "thousands"], ["size"], axis=0),
        helper.make_node("ConstantOfShape", ["size"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["point_more"], keepdims=0),
        helper.make_node("Add", ["before", "point_more"], ["point"]),
    ]
    model.graph.initializer.append(helper.make_tensor("million", TensorProto.FLOAT, [], [1e6]))
    model.graph.initializer.append(helper.make_tensor("thousands", TensorProto.INT64, [1], [5000]))
    model.graph.node[4].output[0] = "before"
    model.graph.node.extend(nodes)


def add_operator(operator, domain=""):
    def change(model):
        model.graph.node[4].output[0] = "before"
        model.graph.node.append(helper.make_node(operator, ["before"], ["point"], domain=domain))
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))

    return change


def external(model):
    tensor = model.graph.initializer[1]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("float_data")
    tensor.external_data.add(key="location", value="weights.bin")


def loop(model):
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("c2", TensorProto.BOOL, [])],
    )
    model.graph.node.append(helper.make_node("Loop", ["", "keep"], [], body=body))


def opset(model):
    model.opset_import[0].version = 17


def dynamic(model):
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "rows"


def int_output(model):
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def divides_by_zero(model):
    model.graph.node[2].op_type = "Div"


def random(model):
    model.graph.node[1].output[0] = "calm"
    model.graph.node.append(helper.make_node("RandomNormal", [], ["top1"], shape=[1]))


@pytest.mark.parametrize(
    ("change_graph", "words"),
    [
        (add_operator("NonZero"), "operator NonZero is not allowed"),
        (add_operator("FusedThing", "com.example"), "com.example"),
        (external, "external data"),
        (loop, "operator Loop is not allowed"),
        (random, "operator RandomNormal is not allowed"),
        (opset, "expected opset 18, got 17"),
        (dynamic, "expected output point as float32"),
        (int_output, "expected output point as float32"),
        (divides_by_zero, "NaN or infinity"),
        (huge, "expected tensors of at most"),
        (hidden_huge, "onnxruntime cannot run the graph"),
    ],
)
def test_unfit_graphs_are_named(write_head, change_graph, words):
    found = check_head(write_head(change_graph=change_graph))
    assert not found.fit
    assert any(words in problem for problem in found.problems), found.problems
    assert all("\n" not in problem for problem in found.problems)


def test_wrong_hash_and_wrong_fingerprint(write_head, small_spec):
    folder = write_head()
    assert "train the head" in check_head(folder, replace(small_spec, weights_sha256="1" * 64)).problems[0]
    with (folder / "head.onnx").open("ab") as file:
        file.write(b"more")
    assert "expected head.onnx of" in check_head(folder).problems[0]


def test_no_head_at_all(tmp_path):
    assert "found no head.json" in check_head(tmp_path).problems[0]
