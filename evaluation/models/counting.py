"""Parameters and multiply-accumulates of an ONNX graph, counted from its nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto

__all__ = ["Count", "count"]

Shapes = dict[str, tuple[int, ...]]
_TRANSPARENT = {"DequantizeLinear", "QuantizeLinear", "Transpose", "Reshape", "Identity", "Cast"}
"""Between a stored weight and the node that multiplies with it."""


@dataclass(frozen=True)
class Count:
    """Learned numbers, multiply-accumulates of one run, and nodes. Bias, activations and sums cost no MAC."""

    parameters: int
    macs: int
    nodes: int


def count(model: ModelProto) -> Count:
    """Count weights and biases of convolutions and matrix products, and their MACs at the graph's sizes.

    Normalisation's four vectors count as parameters as well. Raises ValueError when a size is not fixed.
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = inferred.graph
    shapes: Shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes.setdefault(value.name, tuple(d.dim_value for d in value.type.tensor_type.shape.dim))
    maker = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name for tensor in graph.initializer}
    learned: set[str] = set()
    macs = 0
    for node in graph.node:
        operands = _LEARNED.get(node.op_type)
        if operands is None:
            continue
        for position in operands:
            if position < len(node.input) and (name := _origin(node.input[position], maker, stored)):
                learned.add(name)
        if node.op_type in _MACS:
            macs += _MACS[node.op_type](node, shapes)
    return Count(sum(math.prod(shapes[name]) for name in learned), macs, len(graph.node))


def _origin(name: str, maker: dict[str, NodeProto], stored: set[str]) -> str | None:
    """Return the stored tensor behind a weight, through what only re-arranges or re-scales it."""
    while name not in stored:
        node = maker.get(name)
        if node is None or (node.op_type not in _TRANSPARENT and node.op_type != "Constant"):
            return None
        if node.op_type == "Constant":
            return None
        name = node.input[0]
    return name


def _size(shapes: Shapes, name: str, node: NodeProto) -> tuple[int, ...]:
    shape = shapes.get(name, ())
    if not shape or not all(shape):
        raise ValueError(
            f"{node.op_type} {node.output[0]}: expected fixed sizes, {name} is "
            f"{list(shape) or 'unknown'}; export the network with a fixed input"
        )
    return shape


def _conv(node: NodeProto, shapes: Shapes) -> int:
    weight = _size(shapes, node.input[_WEIGHT[node.op_type]], node)
    # Each output of a convolution, each input of a transposed one, meets every tap of its group's filters.
    places = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
    positions = math.prod(_size(shapes, places, node)[2:])
    batch = _size(shapes, node.input[0], node)[0]
    return batch * positions * math.prod(weight)


def _product(node: NodeProto, shapes: Shapes) -> int:
    result = _size(shapes, node.output[0], node)
    return math.prod(result) * _size(shapes, node.input[0], node)[-1]


def _gemm(node: NodeProto, shapes: Shapes) -> int:
    result = _size(shapes, node.output[0], node)
    first = _size(shapes, node.input[0], node)
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(result) * first[0 if transposed else -1]


_WEIGHT = {"Conv": 1, "ConvTranspose": 1, "ConvInteger": 1, "QLinearConv": 3}
_LEARNED = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "ConvInteger": (1,), "QLinearConv": (3, 8),
    "Gemm": (1, 2), "MatMul": (0, 1), "QLinearMatMul": (0, 3), "BatchNormalization": (1, 2, 3, 4),
    "LayerNormalization": (1, 2), "PRelu": (1,),
}  # fmt: skip
"""Where an operator's learned tensors are among its inputs."""
_MACS: dict[str, Callable[[NodeProto, Shapes], int]] = {
    "Conv": _conv, "ConvTranspose": _conv, "ConvInteger": _conv, "QLinearConv": _conv,
    "MatMul": _product, "QLinearMatMul": _product, "Gemm": _gemm,
}  # fmt: skip
