"""What a graph is made of, read from its bytes: no onnx package, nothing run, nothing allocated.

ONNX is protobuf (onnx.proto, IR version 8 and later); the field numbers below are those of its messages.
"""

from __future__ import annotations

from collections.abc import Iterator

from task_heads.manifest import MODEL_FILE

__all__ = ["ALLOWED_OPERATORS", "OPSET", "count_nodes", "unsafe_parts"]

OPSET = 18

_OPERATORS = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant
ConstantOfShape Conv ConvTranspose Cos CumSum DepthToSpace Div Elu Equal Erf Exp Expand Flatten
Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mod Mul Neg
NonMaxSuppression
Not OneHot Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND
Shape Sigmoid Sign Sin Size Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile
TopK Transpose Trilu Unsqueeze Where Xor
"""
ALLOWED_OPERATORS = frozenset(_OPERATORS.split())
"""Operators of the default domain that onnxruntime-web runs in WASM and that end after a time known
beforehand."""

_MODEL = {"graph": 7, "opset": 8, "function": 25}
_GRAPH = {"node": 1, "initializer": 5, "sparse": 15}
_NODE = {"operator": 4, "attribute": 5, "domain": 7}
_ATTRIBUTE = {"tensor": (5, 10), "graph": (6, 11), "sparse": (22, 23)}
_TENSOR = {"external": 13, "location": 14}
_OPERATOR_SET = {"domain": 1, "version": 2}

_DEFAULT_DOMAINS = ("", "ai.onnx")

Value = int | memoryview


class _Broken(ValueError):
    """Not protobuf."""


def unsafe_parts(model: bytes) -> list[str]:
    """Return why viewers must not run this graph, one line each; nothing when they may."""
    try:
        return list(dict.fromkeys(_model_problems(memoryview(model))))
    except (_Broken, UnicodeDecodeError):
        return [f"{MODEL_FILE}: expected an ONNX model, it cannot be parsed"]


def count_nodes(model: bytes) -> int:
    """Return the number of nodes of a graph that `unsafe_parts` passed."""
    return sum(1 for graph in _all(memoryview(model), _MODEL["graph"]) for _ in _all(graph, _GRAPH["node"]))


def _model_problems(model: memoryview) -> Iterator[str]:
    graphs = list(_all(model, _MODEL["graph"]))
    if len(graphs) != 1:
        yield f"{MODEL_FILE}: expected an ONNX model, it holds no graph"
        return
    versions: dict[str, Value | None] = {}
    for entry in _all(model, _MODEL["opset"]):
        found = dict(_fields(entry))
        versions[_text(found.get(_OPERATOR_SET["domain"]))] = found.get(_OPERATOR_SET["version"])
    used = next((versions[domain] for domain in _DEFAULT_DOMAINS if domain in versions), None)
    if used != OPSET:
        yield f"{MODEL_FILE}: expected opset {OPSET}, got {used}; export it with opset_version={OPSET}"
    for domain in sorted(set(versions) - set(_DEFAULT_DOMAINS)):
        yield f"{MODEL_FILE}: expected the default operator domain only, got {domain}; browsers lack others"
    if any(True for _ in _all(model, _MODEL["function"])):
        yield f"{MODEL_FILE}: expected no model-local functions; inline them"
    yield from _graph_problems(graphs[0])


def _graph_problems(graph: memoryview) -> Iterator[str]:
    for number, value in _fields(graph):
        if number == _GRAPH["sparse"]:
            yield f"{MODEL_FILE}: expected dense initialisers only"
        elif number == _GRAPH["initializer"]:
            yield from _tensor_problems(_message(value))
        elif number == _GRAPH["node"]:
            yield from _node_problems(_message(value))


def _node_problems(node: memoryview) -> Iterator[str]:
    operator = domain = ""
    for number, value in _fields(node):
        if number == _NODE["operator"]:
            operator = _text(value)
        elif number == _NODE["domain"]:
            domain = _text(value)
        elif number == _NODE["attribute"]:
            yield from _attribute_problems(_message(value))
    if operator not in ALLOWED_OPERATORS or domain not in _DEFAULT_DOMAINS:
        yield f"{MODEL_FILE}: operator {operator} is not allowed; see docs/heads.md for the list"


def _attribute_problems(attribute: memoryview) -> Iterator[str]:
    for number, value in _fields(attribute):
        if number in _ATTRIBUTE["graph"]:
            yield f"{MODEL_FILE}: expected no graph inside a node, as Loop, Scan and If have"
        elif number in _ATTRIBUTE["sparse"]:
            yield f"{MODEL_FILE}: expected dense tensors only"
        elif number in _ATTRIBUTE["tensor"]:
            yield from _tensor_problems(_message(value))


def _tensor_problems(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == _TENSOR["external"] or (number == _TENSOR["location"] and value == 1):
            yield f"{MODEL_FILE}: expected all weights inside, found external data; save it as one file"


def _all(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (_message(value) for number, value in _fields(message) if number == wanted)


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise _Broken
    return value


def _text(value: Value | None) -> str:
    return "" if value is None else bytes(_message(value)).decode()


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield field number and value: an integer, or the bytes of everything else (protobuf encoding)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise _Broken
        if at + size > len(message):
            raise _Broken
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _Broken
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _Broken
