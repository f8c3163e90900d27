"""`heads check`: everything that can be said about a head without trusting it, as one line per problem."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from task_heads.graph_bytes import ALLOWED_OPERATORS, OPSET, count_nodes, unsafe_parts
from task_heads.manifest import MODEL_FILE, HeadError, Manifest, Output, check_spec, load_manifest
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
    "BrowserRuntime",
    "HeadCheck",
    "check_head",
]

PYTHON_LIMIT_MS = 30.0
"""Median of processor time per frame. A head slower than this in Python cannot keep up with video in a
browser on one thread."""

BROWSER_LIMIT_MS = 100.0
"""Median of processor time per frame in onnxruntime-web: slower heads are late on most frames."""

TRIAL_LIMIT_S = 600
"""A trial that takes longer, start included, is ended, however busy the machine."""

TENSOR_LIMIT = 1 << 24
"""Elements of any tensor inside the graph whose shape is known beforehand."""

_EXACT = ("id", "valid", "label", "team")
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class BrowserRuntime:
    """Where the browser's onnxruntime and the player's own runner of heads lie."""

    runtime: Path
    runner: Path

    def missing(self) -> str | None:
        """Return why nothing can be run in it, or None."""
        if shutil.which("node") is None:
            return "node is not installed"
        if not (self.runtime / "ort.wasm.min.mjs").is_file():
            return "onnxruntime-web is missing: python -m viewer.vendor_files"
        return None


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
        needed = _needed(manifest, folder, others)
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


def _needed(manifest: Manifest, folder: Path, others: Sequence[Path]) -> list[tuple[Manifest, Path]]:
    """Return the heads that must run before this one, in order; raises HeadError when one is not there."""
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
    said = _ended([sys.executable, "-m", "task_heads.trial", str(scratch)], f"head {manifest.name}")
    outcome = scratch / "outcome.json"
    if isinstance(said, str) or not outcome.is_file():
        return [said if isinstance(said, str) else _broke_off(manifest, said.returncode)], None, None
    result: dict[str, Any] = json.loads(outcome.read_text())
    problems, python_ms = list(result["problems"]), result["median_ms"]
    if python_ms is not None and python_ms > PYTHON_LIMIT_MS:
        problems.append(_slow(manifest, PYTHON_LIMIT_MS, python_ms, "in Python"))
    if problems or browser is None or browser.missing():
        return problems, python_ms, None
    job = {
        "heads": places,
        "runtime": str(browser.runtime.resolve()),
        "runner": str(browser.runner.resolve()),
    }
    (scratch / "browser.json").write_text(json.dumps(job))
    script = Path(__file__).with_name("browser_trial.mjs")
    said = _ended(["node", str(script), str(scratch)], f"head {manifest.name} in onnxruntime-web")
    if isinstance(said, str):
        return [said], python_ms, None
    answer = json.loads(said.stdout or '{"problem": "it broke off"}')
    if "problem" in answer:
        return [f"head {manifest.name}: onnxruntime-web: {answer['problem']}"], python_ms, None
    problems = list(islice(_unequal(manifest, scratch), 1))
    if answer["median_ms"] > BROWSER_LIMIT_MS:
        problems.append(_slow(manifest, BROWSER_LIMIT_MS, answer["median_ms"], "in onnxruntime-web"))
    return problems, python_ms, answer["median_ms"]


def _broke_off(manifest: Manifest, status: int) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"head {manifest.name}: expected its trial to end, it took {CPU_LIMIT_S} s of processor time"
    return f"head {manifest.name}: its trial broke off ({status}); it may use {MEMORY_LIMIT} bytes of memory"


def _slow(manifest: Manifest, limit: float, got: float, where: str) -> str:
    return f"head {manifest.name}: expected at most {limit:.0f} ms per frame {where}, got {got:.1f} ms"


def _ended(command: list[str], who: str) -> subprocess.CompletedProcess[str] | str:
    """Run a trial; return what came of it, or why it was ended."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TRIAL_LIMIT_S, cwd=Path(__file__).parents[1]
        )
    except subprocess.TimeoutExpired:
        return f"{who}: expected its trial to end, it was stopped after {TRIAL_LIMIT_S} s"


def _unequal(manifest: Manifest, scratch: Path) -> Iterator[str]:
    """Yield the differences between the runtimes: ids exactly, numbers to a small tolerance.

    Of a table with a `valid` column the valid rows count, in any order: rows whose scores differ by rounding
    alone may change places.
    """
    python = np.fromfile(scratch / "outputs.f32", "<f4")
    browser = np.fromfile(scratch / "browser.f32", "<f4")
    size = sum(output.shape[0] * output.shape[1] for output in manifest.outputs)
    if python.shape != browser.shape:
        yield f"head {manifest.name}: Python gives {python.size} numbers, onnxruntime-web {browser.size}"
        return
    for frame, (a, b) in enumerate(zip(python.reshape(-1, size), browser.reshape(-1, size), strict=True)):
        at = 0
        for output in manifest.outputs:
            end = at + output.shape[0] * output.shape[1]
            found = _table_difference(
                output, a[at:end].reshape(output.shape), b[at:end].reshape(output.shape)
            )
            at = end
            if found:
                yield f"head {manifest.name}: frame {frame}, {output.name}: {found}"


def _table_difference(
    output: Output, python: NDArray[np.float32], browser: NDArray[np.float32]
) -> str | None:
    if not np.isfinite(browser).all():
        return "onnxruntime-web gives NaN or infinity"
    if "valid" in output.columns:
        column = output.columns.index("valid")
        python, browser = python[python[:, column] >= 0.5], browser[browser[:, column] >= 0.5]
        if len(python) != len(browser):
            return f"Python gives {len(python)} valid rows, onnxruntime-web {len(browser)}"
    exact = np.array([column in _EXACT for column in output.columns])
    left = list(range(len(browser)))
    for row in python:
        room = np.where(exact, 0, _TOLERANCE * np.maximum(1, np.abs(row)))
        same = next((other for other in left if (np.abs(browser[other] - row) <= room).all()), None)
        if same is None:
            nearest = browser[min(left, key=lambda other: float(np.abs(browser[other] - row).sum()))]
            worst = int(np.argmax(np.abs(nearest - row) - room))
            return f"{output.columns[worst]}: Python gives {row[worst]:g}, onnxruntime-web {nearest[worst]:g}"
        left.remove(same)
    return None
