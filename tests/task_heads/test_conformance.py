"""`heads check` finds each kind of unfit head and passes the shipped ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("onnx", reason="heads check needs onnx: pip install 'featurecast[train]'")

from onnx import TensorProto, helper  # noqa: E402

from task_heads.conformance import check_head  # noqa: E402
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
