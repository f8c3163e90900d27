from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from evaluation.models.counting import count


def _model(nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes,
        "counted",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _zeros(*shape):
    return np.zeros(shape, np.float32)


def test_a_grouped_convolution():
    model = _model(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], group=2)],
        {"x": [1, 4, 8, 6]},
        {"y": [1, 10, 4, 3]},
        {"w": _zeros(10, 2, 3, 3), "b": _zeros(10)},
    )
    counted = count(model)
    assert counted.parameters == 10 * 2 * 9 + 10
    assert counted.macs == 4 * 3 * 10 * 2 * 9


def test_a_transposed_convolution_counts_at_its_input():
    model = _model(
        [helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])],
        {"x": [1, 3, 4, 5]},
        {"y": [1, 7, 8, 10]},
        {"w": _zeros(3, 7, 2, 2)},
    )
    assert count(model).macs == 4 * 5 * 3 * 7 * 4


def test_products_of_matrices():
    model = _model(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Gemm", ["h", "v", "c"], ["y"], transB=1),
        ],
        {"x": [5, 8]},
        {"y": [5, 3]},
        {"w": _zeros(8, 4), "v": _zeros(3, 4), "c": _zeros(3)},
    )
    counted = count(model)
    assert counted.parameters == 32 + 12 + 3
    assert counted.macs == 5 * 4 * 8 + 5 * 3 * 4


def test_quantised_weights_count_once_and_scales_do_not():
    model = _model(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
            helper.make_node("Conv", ["x", "w"], ["y"]),
            helper.make_node("Conv", ["y", "w"], ["again"]),
        ],
        {"x": [1, 2, 3, 3]},
        {"again": [1, 2, 3, 3]},
        {"q": np.zeros((2, 2, 1, 1), np.int8), "s": np.float32(0.1), "z": np.int8(0)},
    )
    counted = count(model)
    assert counted.parameters == 4 and counted.macs == 2 * 9 * 4


def test_free_sizes_are_refused():
    model = _model(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        {"x": [1, 2, "h", 3]},
        {"y": [1, 2, "h", 3]},
        {"w": _zeros(2, 2, 1, 1)},
    )
    with pytest.raises(
        ValueError, match="Conv y: expected fixed sizes, y is .*export the network with a fixed"
    ):
        count(model)
