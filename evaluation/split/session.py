"""One graph under onnxruntime with one thread, as every figure here is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from core_network.motion import grey, with_motion
from core_network.scenes.still import random_still
from evaluation.split.detector import KEY, DetectorError

__all__ = ["Arrays", "Session", "example_feeds"]

Arrays = dict[str, NDArray[Any]]

_TYPES = {"tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(float)": np.float32,
          "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32}  # fmt: skip


class Session:
    """A loaded graph; `inputs` and `outputs` map names to shapes, 0 where a size is not fixed."""

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        """Load a file or its bytes; raises DetectorError when onnxruntime cannot."""
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        where = str(model) if isinstance(model, Path) else "the graph"
        if isinstance(model, Path) and not model.is_file():
            raise DetectorError(f"{model}: expected an ONNX file, found none")
        try:
            self._session = ort.InferenceSession(
                str(model) if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # onnxruntime has no common exception type; whatever it says becomes one line.
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DetectorError(f"{where}: onnxruntime cannot load it: {first}") from None
        self.inputs = {node.name: _sizes(node.shape) for node in self._session.get_inputs()}
        self.outputs = {node.name: _sizes(node.shape) for node in self._session.get_outputs()}
        self.types = {node.name: _TYPES.get(node.type, np.float32) for node in self._session.get_inputs()}
        self.metadata: str | None = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        self.last_ms = 0.0

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return every output by name for the inputs among `feeds`; `last_ms` is the time it took.

        Raises DetectorError when an input is missing or has another shape.
        """
        for name, shape in self.inputs.items():
            if name not in feeds:
                raise DetectorError(f"expected the input {name} {list(shape)}, it is missing")
            got = feeds[name].shape
            if len(got) != len(shape) or any(w and w != g for w, g in zip(shape, got, strict=True)):
                raise DetectorError(f"expected the input {name} as {list(shape)}, got {list(got)}")
        taken = {name: feeds[name] for name in self.inputs}
        started = time.perf_counter()
        values = self._session.run(list(self.outputs), taken)
        self.last_ms = (time.perf_counter() - started) * 1e3
        return dict(zip(self.outputs, values, strict=True))


def example_feeds(session: Session, seed: int = 0) -> Arrays:
    """Return an input for each of the graph's; free sizes become 1.

    `image` and `planes` are a procedural football picture, `view` all of it, anything else noise.
    """
    rng = np.random.default_rng(seed)
    feeds: Arrays = {}
    for name, sizes in session.inputs.items():
        shape, kind = tuple(size or 1 for size in sizes), session.types[name]
        if name in ("image", "planes") and len(shape) == 4 and kind == np.uint8:
            image = random_still(seed, shape[2], shape[1]).image
            moved = [grey(np.roll(image, step, 1)) for step in (2, 4)]
            feeds[name] = with_motion(image, grey(image), moved)[None, ..., : shape[3]]
        elif name == "view":
            feeds[name] = np.array([0, 0, 1, 1, 1280, 704], np.float32)
        elif np.issubdtype(kind, np.integer):
            feeds[name] = rng.integers(0, 128 if kind == np.int8 else 256, shape).astype(kind)
        else:
            feeds[name] = rng.standard_normal(shape).astype(kind)
    return feeds


def _sizes(shape: list[Any]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else 0 for size in shape)
