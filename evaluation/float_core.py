"""The core in float32 under the shipped core's name and tables, to see what int8 costs."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core_network.catalogue import Core, load_core
from core_network.motion import CHANNELS, PLANES
from core_network.spec import RATES
from core_network.training.export import export_float, load_trained_core

__all__ = ["write_float_core"]


def write_float_core(core: Core, checkpoint: Path, folder: Path) -> Core:
    """Write a folder like `core`'s whose graph is the checkpoint's in float32, and return it.

    It bears the shipped fingerprint, so that the shipped heads run on it: for comparison only.
    """
    network, _ = load_trained_core(checkpoint)
    shape = core.spec.input_height, core.spec.input_width
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "float.onnx"
        export_float(network, path, shape)
        model = onnx.load(path)
    _take_bytes(model.graph, shape)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / core.model_path.name)
    (folder / "spec.json").write_text(json.dumps(core.spec.to_json()))
    for rate in RATES:
        shutil.copy(core.tables_path(rate), folder)
    return load_core(folder)


def _take_bytes(graph: onnx.GraphProto, shape: tuple[int, int]) -> None:
    """Put what `normalise` does before the graph: planes uint8 [1, H, W, PLANES] -> x."""
    constants = {"scale": np.float32(1 / 64), "zero": np.float32(2), "from": np.array([0]),
                 "to": np.array([CHANNELS]), "axis": np.array([1])}  # fmt: skip
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), f"bytes_{name}") for name, value in constants.items()
    )
    steps = [
        helper.make_node("Cast", ["planes"], ["bytes_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["bytes_float"], ["bytes_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["bytes_first", "bytes_from", "bytes_to", "bytes_axis"], ["bytes_used"]),
        helper.make_node("Mul", ["bytes_used", "bytes_scale"], ["bytes_scaled"]),
        helper.make_node("Sub", ["bytes_scaled", "bytes_zero"], ["x"]),
    ]
    for place, node in enumerate(steps):
        graph.node.insert(place, node)
    graph.input.pop()
    graph.input.append(helper.make_tensor_value_info("planes", TensorProto.UINT8, (1, *shape, PLANES)))
