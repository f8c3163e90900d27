"""`heads check`: everything that can be said about a head without trusting it, as one line per problem."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core_network.prepare import View
from core_network.spec import FeatureSpec
from task_heads.manifest import MODEL_FILE, HeadError, Manifest, check_spec, load_manifest
from task_heads.runner import HeadRunner, graph_shapes, read_model

if TYPE_CHECKING:
    import onnx

__all__ = ["ALLOWED_OPERATORS", "OPSET", "PYTHON_LIMIT_MS", "HeadCheck", "check_head"]

OPSET = 18
PYTHON_LIMIT_MS = 30.0
"""A head slower than this in Python cannot keep up with video in a browser on one thread."""

_OPERATORS = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant
ConstantOfShape Conv ConvTranspose Cos CumSum DepthToSpace Div Elu Equal Erf Exp Expand Flatten
Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mod Mul Neg
Not OneHot Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND
Shape Sigmoid Sign Sin Size Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile
TopK Transpose Trilu Unsqueeze Where Xor
"""
ALLOWED_OPERATORS = frozenset(_OPERATORS.split())
"""Operators of the default domain that onnxruntime-web runs in WASM and that end after a time known
beforehand."""


@dataclass(frozen=True)
class HeadCheck:
    """What was found: no problems means fit. `nodes` and the times are None where it did not come so far."""

    folder: Path
    problems: tuple[str, ...]
    name: str | None = None
    bytes: int | None = None
    nodes: int | None = None
    median_ms: float | None = None

    @property
    def fit(self) -> bool:
        """True when viewers may run it."""
        return not self.problems


def check_head(folder: Path | str, spec: FeatureSpec | None = None, *, frames: int = 40) -> HeadCheck:
    """Check a head's folder; `spec` is the features it is meant for (None: whatever its manifest says).

    Order: manifest, hash and size, graph, shapes, then `frames` runs on random features twice for time,
    finite
    numbers and equal results after a reset. Raises HeadError only when the onnx package is missing.
    """
    folder = Path(folder)
    try:
        manifest = load_manifest(folder)
        model = read_model(folder, manifest)
        if spec is not None:
            check_spec(manifest, spec)
    except HeadError as error:
        return HeadCheck(folder, (str(error),))
    graph_problems, nodes = _check_graph(manifest, model)
    if graph_problems:
        return HeadCheck(folder, tuple(graph_problems), manifest.name, len(model), nodes)
    try:
        problems, median = _check_runs(folder, manifest, frames)
    except HeadError as error:
        problems, median = [str(error)], None
    return HeadCheck(folder, tuple(problems), manifest.name, len(model), nodes, median)


def _check_graph(manifest: Manifest, model: bytes) -> tuple[list[str], int | None]:
    try:
        import onnx
    except ImportError:
        raise HeadError("heads check needs the onnx package: pip install 'featurecast[train]'") from None
    try:
        parsed = onnx.load_model_from_string(model)
        nodes = list(parsed.graph.node)
    except (
        Exception
    ) as error:  # the protobuf runtime's own exception types differ between its implementations
        return [f"{MODEL_FILE}: expected an ONNX model, it cannot be parsed ({type(error).__name__})"], None
    return list(_graph_problems(manifest, parsed)), len(nodes)


def _graph_problems(manifest: Manifest, model: onnx.ModelProto) -> Iterator[str]:
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    if versions.get("ai.onnx") != OPSET:
        yield (
            f"{MODEL_FILE}: expected opset {OPSET}, got {versions.get('ai.onnx')}; export it with "
            f"opset_version={OPSET}"
        )
    for domain in sorted(set(versions) - {"ai.onnx"}):
        yield (
            f"{MODEL_FILE}: expected the default operator domain only, got {domain}; browsers do not have it"
        )
    if model.functions:
        yield f"{MODEL_FILE}: expected no model-local functions, got {model.functions[0].name}; inline them"
    if model.graph.sparse_initializer:
        yield f"{MODEL_FILE}: expected dense initialisers only"
    for tensor in _tensors(model.graph):
        if tensor.data_location == 1 or tensor.external_data:  # TensorProto.EXTERNAL
            yield (
                f"{MODEL_FILE}: expected all weights inside, {tensor.name} is external data; save it as "
                "one file"
            )
            break
    bad = sorted(
        {node.op_type for node in model.graph.node if node.op_type not in ALLOWED_OPERATORS or node.domain}
    )
    for operator in bad:
        yield f"{MODEL_FILE}: operator {operator} is not allowed; see docs/heads.md for the list"
    inputs, outputs = graph_shapes(manifest)
    for name, (head, _) in manifest.needed_inputs().items():
        if name not in {value.name for value in model.graph.input}:
            yield f"{MODEL_FILE}: expected the input {name}, because the head needs {head}"
    for what, promised, values in (
        ("input", inputs, model.graph.input),
        ("output", outputs, model.graph.output),
    ):
        have = {value.name: value.type.tensor_type for value in values}
        for name, shape in promised.items():
            if name not in have:
                yield f"{MODEL_FILE}: expected the {what} {name} that the manifest names, the graph has none"
                continue
            got = [
                d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in have[name].shape.dim
            ]
            if have[name].elem_type != 1 or got != list(shape):  # TensorProto.FLOAT
                yield (
                    f"{MODEL_FILE}: expected {what} {name} as float32 {list(shape)}, got type "
                    f"{have[name].elem_type} {got}"
                )
        for name in sorted(set(have) - set(promised) - set(manifest.needed_inputs())):
            yield f"{MODEL_FILE}: {what} {name} is not in the manifest"


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _random_frames(manifest: Manifest, count: int) -> Iterator[dict[str, Any]]:
    """Yield features from silence to the extreme, views of several shapes and irregular times, all from
    one seed."""
    rng = np.random.default_rng(1)
    channels, height, width = manifest.spec.shape
    needed = {
        head: {name: np.zeros((1, 1), np.float32) for name in names} for head, names in manifest.needs.items()
    }
    for number in range(count):
        scale = (1.0, 0.0, 3.0, 15.0)[number % 4] if number < 8 else 1.0
        features = np.rint(rng.normal(0, 1, (1, channels, height, width)) * scale).astype(np.float32)
        source = ((1920, 1080), (608, 1080), (640, 480))[number // 8 % 3]
        view = View.letterbox(*source, width * 8, height * 8).as_array()
        yield {
            "features": features,
            "view": view,
            "dt": float(rng.choice([0.0, 0.02, 0.04, 0.5, 5.0])),
            "needs": needed,
        }


def _check_runs(folder: Path, manifest: Manifest, frames: int) -> tuple[list[str], float | None]:
    if manifest.needs:
        return [], None  # runs only beside the heads it needs; the runner checks it there
    runner = HeadRunner(folder, None)
    passes: list[list[dict[str, NDArray[np.float32]]]] = []
    times: list[float] = []
    for _ in range(2):
        runner.reset()
        outputs = []
        for frame in _random_frames(manifest, frames):
            started = time.perf_counter()
            outputs.append(runner.run(**frame))
            times.append((time.perf_counter() - started) * 1000)
        passes.append(outputs)
    problems = []
    for number, (a, b) in enumerate(zip(*passes, strict=True)):
        unequal = [name for name in a if not np.array_equal(a[name], b[name])]
        if unequal:
            problems.append(
                f"head {manifest.name}: output {unequal[0]} of frame {number} differs after a "
                "reset; results must repeat"
            )
            break
    median = statistics.median(times)
    if median > PYTHON_LIMIT_MS:
        problems.append(
            f"head {manifest.name}: expected at most {PYTHON_LIMIT_MS:.0f} ms per frame, got {median:.1f} ms"
        )
    return problems, median
