"""`heads check`: everything that can be said about a head without trusting it, as one line per problem."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core_network.spec import FeatureSpec
from task_heads.browser_runtime import BrowserRuntime, ended, result_file, table_difference, tables_of
from task_heads.graph_bytes import ALLOWED_OPERATORS, OPSET, count_nodes, unsafe_parts
from task_heads.manifest import MODEL_FILE, HeadError, Manifest, check_spec, load_manifest
from task_heads.registry import Registry
from task_heads.runner import graph_shapes, needed_shape, read_named_model, run_order
from task_heads.trial import CPU_LIMIT_S, MEMORY_LIMIT

if TYPE_CHECKING:
    import onnx

__all__ = [
    "ALLOWED_OPERATORS",
    "BROWSER_LIMIT_MS",
    "OPSET",
    "PYTHON_LIMIT_MS",
    "HeadCheck",
    "check_head",
    "needed_heads",
]

PYTHON_LIMIT_MS = 30.0
"""Median of processor time per frame. A head slower than this in Python cannot keep up with video in a
browser on one thread."""

BROWSER_LIMIT_MS = 100.0
"""Median of processor time per frame in onnxruntime-web: slower heads are late on most frames."""

TENSOR_LIMIT = 1 << 24
"""Elements of any tensor inside the graph whose shape is known beforehand."""


@dataclass(frozen=True)
class HeadCheck:
    """What was found: no problems means fit. `nodes` and the times are None where it did not come so far;
    `left_out` says which part could not be done here, and why."""

    folder: Path
    problems: tuple[str, ...]
    name: str | None = None
    bytes: int | None = None
    nodes: int | None = None
    median_ms: float | None = None
    browser_ms: float | None = None
    left_out: str | None = None

    @property
    def fit(self) -> bool:
        """True when viewers may run it."""
        return not self.problems


def check_head(
    folder: Path | str,
    spec: FeatureSpec | None = None,
    *,
    frames: int = 40,
    others: Sequence[Path] = (),
    browser: BrowserRuntime | None = None,
) -> HeadCheck:
    """Check a head's folder; `spec` is the features it is meant for (None: whatever its manifest says).

    Order: manifest, hash, size and operators; shapes; heads that it needs (`others` are folders to find
    them in, beside the built-in and installed ones); `frames` runs on random features twice, in a process
    of its
    own, for time, memory, finite numbers and equal results after a reset; the same frames in `browser`,
    results
    compared. Raises HeadError only when the onnx package is missing.
    """
    folder = Path(folder)
    try:
        manifest = load_manifest(folder)
        model = read_named_model(folder, manifest)
        if spec is not None:
            check_spec(manifest, spec)
        needed = needed_heads(manifest, folder, others)
    except HeadError as error:
        return HeadCheck(folder, (str(error),))
    if unsafe := unsafe_parts(model):
        return HeadCheck(folder, tuple(unsafe), manifest.name, len(model))
    nodes = count_nodes(model)
    if problems := _check_graph(manifest, model, {head.name: head for head, _ in needed}):
        return HeadCheck(folder, tuple(problems), manifest.name, len(model), nodes)
    heads = [*(place for _, place in needed), folder]
    with tempfile.TemporaryDirectory(prefix="featurecast-check-") as scratch:
        problems, python_ms, browser_ms = _run(Path(scratch), manifest, heads, frames, browser)
    left_out = "not run in onnxruntime-web" if browser is None else browser.missing()
    return HeadCheck(
        folder, tuple(problems), manifest.name, len(model), nodes, python_ms, browser_ms, left_out
    )


def needed_heads(
    manifest: Manifest, folder: Path, others: Sequence[Path] = ()
) -> list[tuple[Manifest, Path]]:
    """Return the heads that must run before this one, in order; `others` are folders to find them in.

    Raises HeadError when one is not there.
    """
    if not manifest.needs:
        return []
    registry = Registry(folders=[other for other in others if other.resolve() != folder.resolve()])
    found: dict[str, tuple[Manifest, Path]] = {manifest.name: (manifest, folder)}
    waiting = list(manifest.needs)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        head = registry.get(name)
        assert head.manifest is not None
        found[name] = (head.manifest, head.folder)
        waiting.extend(head.manifest.needs)
    order = run_order([manifest, *(other for other, _ in found.values() if other is not manifest)])
    return [found[name] for name in order if name != manifest.name]


def _check_graph(manifest: Manifest, model: bytes, needed: dict[str, Manifest]) -> list[str]:
    try:
        import onnx
    except ImportError:
        raise HeadError("heads check needs the onnx package: pip install 'featurecast[train]'") from None
    try:
        parsed = onnx.load_model_from_string(model)
        inferred = onnx.shape_inference.infer_shapes(parsed, data_prop=True)
    except Exception as error:
        # The protobuf runtime's own exception types differ between its implementations.
        return [f"{MODEL_FILE}: expected an ONNX model, it cannot be parsed ({type(error).__name__})"]
    return [*_shape_problems(manifest, parsed, needed), *_size_problems(inferred)]


def _shape_problems(manifest: Manifest, model: onnx.ModelProto, needed: dict[str, Manifest]) -> Iterator[str]:
    inputs, outputs = graph_shapes(manifest)
    inputs |= {
        name: needed_shape(manifest, needed[head], output)
        for name, (head, output) in manifest.needed_inputs().items()
    }
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
        for name in sorted(set(have) - set(promised)):
            yield f"{MODEL_FILE}: {what} {name} is not in the manifest"


def _size_problems(model: onnx.ModelProto) -> Iterator[str]:
    for value in model.graph.value_info:
        elements = 1
        for d in value.type.tensor_type.shape.dim:
            elements *= max(1, d.dim_value)
        if elements > TENSOR_LIMIT:
            yield (
                f"{MODEL_FILE}: expected tensors of at most {TENSOR_LIMIT} numbers, {value.name} has "
                f"{elements}"
            )


def _run(
    scratch: Path, manifest: Manifest, heads: list[Path], frames: int, browser: BrowserRuntime | None
) -> tuple[list[str], float | None, float | None]:
    """Return problems and the median ms per frame in Python and in the browser's runtime."""
    places = [str(head.resolve()) for head in heads]
    (scratch / "job.json").write_text(json.dumps({"heads": places, "frames": frames, "cpu_s": CPU_LIMIT_S}))
    said = ended([sys.executable, "-m", "task_heads.trial", str(scratch)])
    if isinstance(said, str):
        return [f"head {manifest.name}: {said}"], None, None
    outcome = scratch / "outcome.json"
    if not outcome.is_file():
        return [_broke_off(manifest, said.returncode)], None, None
    result: dict[str, Any] = json.loads(outcome.read_text())
    problems, python_ms = list(result["problems"]), result["median_ms"]
    if python_ms is not None and python_ms > PYTHON_LIMIT_MS:
        problems.append(_slow(manifest, PYTHON_LIMIT_MS, python_ms, "in Python"))
    if problems or browser is None or browser.missing():
        return problems, python_ms, None
    medians_ms = browser.run(scratch, heads)
    if isinstance(medians_ms, str):
        return [f"head {manifest.name}: onnxruntime-web: {medians_ms}"], python_ms, None
    browser_ms = medians_ms[manifest.name]
    problems = list(islice(_unequal(manifest, scratch), 1))
    if browser_ms > BROWSER_LIMIT_MS:
        problems.append(_slow(manifest, BROWSER_LIMIT_MS, browser_ms, "in onnxruntime-web"))
    return problems, python_ms, browser_ms


def _unequal(manifest: Manifest, scratch: Path) -> Iterator[str]:
    """Yield the differences between the runtimes."""
    python = np.fromfile(scratch / "outputs.f32", "<f4")
    browser = np.fromfile(result_file(scratch, manifest.name), "<f4")
    if python.shape != browser.shape:
        yield f"head {manifest.name}: Python gives {python.size} numbers, onnxruntime-web {browser.size}"
        return
    both = zip(tables_of(manifest, python), tables_of(manifest, browser), strict=True)
    for frame, (a, b) in enumerate(both):
        for output in manifest.outputs:
            if found := table_difference(output, a[output.name], b[output.name]):
                yield f"head {manifest.name}: frame {frame}, {output.name}: {found}"


def _broke_off(manifest: Manifest, status: int) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"head {manifest.name}: expected its trial to end, it took {CPU_LIMIT_S} s of processor time"
    return f"head {manifest.name}: its trial broke off ({status}); it may use {MEMORY_LIMIT} bytes of memory"


def _slow(manifest: Manifest, limit: float, got: float, where: str) -> str:
    return f"head {manifest.name}: expected at most {limit:.0f} ms per frame {where}, got {got:.1f} ms"
