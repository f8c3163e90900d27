"""Runs one head on the features of successive frames, or several heads that need each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from task_heads.graph_bytes import unsafe_parts
from task_heads.manifest import (
    MODEL_FILE,
    MODEL_SIZE_LIMIT,
    HeadError,
    Manifest,
    check_model_bytes,
    check_spec,
    load_manifest,
)

__all__ = [
    "HeadRunner",
    "HeadSet",
    "graph_shapes",
    "needed_shape",
    "read_model",
    "read_named_model",
    "run_order",
]

Tables = dict[str, NDArray[np.float32]]


def graph_shapes(manifest: Manifest) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shapes of the graph's inputs and outputs that a manifest promises, without those it
    needs."""
    inputs: dict[str, tuple[int, ...]] = {"features": (1, *manifest.spec.shape)}
    if manifest.inputs.view:
        inputs["view"] = (6,)
    if manifest.inputs.dt:
        inputs["dt"] = (1,)
    inputs.update({setting.name: (1,) for setting in manifest.settings})
    inputs.update({tensor.name: tensor.shape for tensor in manifest.state})
    outputs: dict[str, tuple[int, ...]] = {output.name: output.shape for output in manifest.outputs}
    outputs.update({tensor.output: tensor.shape for tensor in manifest.state})
    return inputs, outputs


def read_named_model(folder: Path, manifest: Manifest) -> bytes:
    """Return the bytes of a head's graph, which are those that the manifest names; raises HeadError."""
    path = folder / MODEL_FILE
    if not path.is_file():
        raise HeadError(f"head {manifest.name}: expected {path}, it is missing; export the head again")
    if path.stat().st_size > MODEL_SIZE_LIMIT:
        raise HeadError(
            f"head {manifest.name}: expected a graph of at most {MODEL_SIZE_LIMIT} bytes, got "
            f"{path.stat().st_size}"
        )
    model = path.read_bytes()
    check_model_bytes(manifest, model)
    return model


def read_model(folder: Path, manifest: Manifest) -> bytes:
    """Return the bytes of a graph that viewers may run; raises HeadError with the first reason not to."""
    model = read_named_model(folder, manifest)
    for problem in unsafe_parts(model):
        raise HeadError(f"head {manifest.name}: {problem}")
    return model


class HeadRunner:
    """features -> graph -> outputs, keeping the state between frames; for one stream, not shared by
    threads."""

    def __init__(
        self, folder: Path | str, spec: FeatureSpec | None, *, settings: Mapping[str, float] | None = None
    ) -> None:
        """Load a head's folder for streams of this spec; None takes the features that the manifest names.

        Raises HeadError when the manifest is wrong, the graph is not the one it names, its shapes differ,
        or it
        was trained on other features. `settings` are checked as in `change`.
        """
        self.folder = Path(folder)
        self.manifest = load_manifest(self.folder)
        if spec is not None:
            check_spec(self.manifest, spec)
        model = read_model(self.folder, self.manifest)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # onnxruntime has no common exception type: whatever it says about a foreign graph becomes one
            # line.
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise HeadError(
                f"head {self.manifest.name}: onnxruntime cannot load {MODEL_FILE}: {first}"
            ) from None
        self._check_graph()
        self._settings = {setting.name: setting.default for setting in self.manifest.settings}
        for name, value in (settings or {}).items():
            self.change(name, value)
        self._state: Tables = {}
        self._fresh = True
        self.reset()

    def _check_graph(self) -> None:
        inputs, outputs = graph_shapes(self.manifest)
        needed = self.manifest.needed_inputs()
        for what, promised, nodes in (
            ("input", inputs, self._session.get_inputs()),
            ("output", outputs, self._session.get_outputs()),
        ):
            have = {node.name: node for node in nodes}
            extra = set(have) - set(promised) - (set(needed) if what == "input" else set())
            missing = (set(promised) | (set(needed) if what == "input" else set())) - set(have)
            for name in sorted(missing | extra):
                there = "missing in the graph" if name in missing else "not in the manifest"
                raise HeadError(f"head {self.manifest.name}: {what} {name} is {there}; make both agree")
            for name, node in have.items():
                fixed = all(isinstance(size, int) for size in node.shape)
                if (
                    node.type != "tensor(float)"
                    or not fixed
                    or (name in promised and tuple(node.shape) != promised[name])
                ):
                    wanted = (
                        f"float32 {list(promised[name])}" if name in promised else "float32 of fixed shape"
                    )
                    raise HeadError(
                        f"head {self.manifest.name}: expected {what} {name} as {wanted}, got "
                        f"{node.type} {node.shape}"
                    )

    def check_needs(self, manifests: Mapping[str, Manifest]) -> None:
        """Raise HeadError unless the heads that this one needs give tables of the shapes that the graph
        takes."""
        shapes = {node.name: tuple(node.shape) for node in self._session.get_inputs()}
        for name, (head, output) in self.manifest.needed_inputs().items():
            shape = needed_shape(self.manifest, manifests[head], output)
            if shapes[name] != shape:
                raise HeadError(
                    f"head {self.name} takes {output} of head {head} as {list(shapes[name])}, it gives "
                    f"{list(shape)}; export {self.name} again"
                )

    @property
    def name(self) -> str:
        """The head's name."""
        return self.manifest.name

    def reset(self) -> None:
        """Forget everything: the next frame is the first of a new source."""
        self._state = {
            tensor.name: np.full(tensor.shape, tensor.init, np.float32) for tensor in self.manifest.state
        }
        self._fresh = True

    def change(self, setting: str, value: float) -> None:
        """Change a setting from the next frame on; raises HeadError when it is unknown or out of range."""
        for known in self.manifest.settings:
            if known.name == setting:
                if expected := known.refusal(value):
                    raise HeadError(f"head {self.name}: expected {setting} {expected}, got {value:g}")
                self._settings[setting] = float(value)
                return
        names = ", ".join(known.name for known in self.manifest.settings) or "none"
        raise HeadError(f"head {self.name}: expected one of the settings {names}, got {setting}")

    def run(
        self,
        features: NDArray[np.float32],
        view: NDArray[np.float32],
        dt: float,
        needs: Mapping[str, Tables] | None = None,
    ) -> Tables:
        """Return the outputs of one frame by name, float32 [rows, columns], and keep the state for the next.

        features [1, C, H, W], view [6] (View.as_array), dt in seconds since the frame this head ran on before
        (ignored on the first after a reset). `needs` holds the outputs of the heads that this one needs.
        Raises ValueError on wrong shapes and HeadError when the graph puts out NaN or infinity.
        """
        manifest = self.manifest
        expected = (1, *manifest.spec.shape)
        if features.shape != expected or view.shape != (6,):
            raise ValueError(
                f"head {self.name} expected features {expected} and view (6,), got {features.shape} "
                f"and {view.shape}"
            )
        if not (math.isfinite(dt) and dt >= 0):
            raise ValueError(f"head {self.name} expected dt >= 0 seconds, got {dt}")
        feed: Tables = {"features": np.ascontiguousarray(features, np.float32), **self._state}
        if manifest.inputs.view:
            feed["view"] = np.asarray(view, np.float32)
        if manifest.inputs.dt:
            feed["dt"] = np.array([0.0 if self._fresh else dt], np.float32)
        for name, value in self._settings.items():
            feed[name] = np.array([value], np.float32)
        for name, (head, output) in manifest.needed_inputs().items():
            feed[name] = (needs or {})[head][output]
        names = [output.name for output in manifest.outputs] + [tensor.output for tensor in manifest.state]
        got = dict(zip(names, self._session.run(names, feed), strict=True))
        for name, values in got.items():
            if not np.isfinite(values).all():
                self.reset()
                raise HeadError(
                    f"head {self.name}: expected finite numbers, output {name} holds NaN or infinity"
                )
        self._state = {tensor.name: got.pop(tensor.output) for tensor in manifest.state}
        self._fresh = False
        return got


def run_order(manifests: Sequence[Manifest]) -> list[str]:
    """Return the heads' names so that each comes after those it needs; raises HeadError on a missing one
    or a cycle."""
    known = {manifest.name: manifest for manifest in manifests}
    order: list[str] = []
    visiting: list[str] = []

    def visit(name: str, user: str) -> None:
        if name in order:
            return
        if name not in known:
            raise HeadError(f"head {user} needs head {name}, which is not there; add it")
        if name in visiting:
            raise HeadError(
                f"heads need each other in a circle: {' -> '.join([*visiting[visiting.index(name) :], name])}"
            )
        visiting.append(name)
        for needed, outputs in known[name].needs.items():
            visit(needed, name)
            if known[needed].spec.fingerprint != known[name].spec.fingerprint:
                raise HeadError(
                    f"head {name} needs head {needed}, which is for other features; train both on one core"
                )
            for output in outputs:
                needed_shape(known[name], known[needed], output)
        visiting.pop()
        order.append(name)

    for manifest in manifests:
        visit(manifest.name, manifest.name)
    return order


def needed_shape(manifest: Manifest, needed: Manifest, output: str) -> tuple[int, int]:
    """Return the shape of an output that a head takes from another; raises HeadError when it has none."""
    try:
        return needed.output(output).shape
    except KeyError:
        known = ", ".join(item.name for item in needed.outputs)
        raise HeadError(
            f"head {manifest.name} needs output {output} of head {needed.name}, which has {known}"
        ) from None


class HeadSet:
    """Several heads on one stream: each runs once per frame, after the heads whose outputs it needs."""

    def __init__(self, runners: Sequence[HeadRunner]) -> None:
        """Take runners of different names; raises HeadError when a needed head is missing or needs are
        circular."""
        self._runners = {runner.name: runner for runner in runners}
        self.order = run_order([runner.manifest for runner in runners])
        for runner in runners:
            runner.check_needs({name: other.manifest for name, other in self._runners.items()})

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of one of these heads."""
        return self._runners[name].manifest

    def run(self, features: NDArray[np.float32], view: NDArray[np.float32], dt: float) -> dict[str, Tables]:
        """Return the outputs of every head by name; arguments as in `HeadRunner.run`."""
        outputs: dict[str, Tables] = {}
        for name in self.order:
            outputs[name] = self._runners[name].run(features, view, dt, needs=outputs)
        return outputs

    def reset(self) -> None:
        """Reset every head."""
        for runner in self._runners.values():
            runner.reset()
