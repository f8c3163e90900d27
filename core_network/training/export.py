"""From a checkpoint to the served graph: batch norm folded, int8 calibrated per channel on real frames.

Weights are 7-bit: on processors without VNNI the u8 x s8 products of two taps are added in 16 bits and 8-bit
weights would saturate (onnxruntime's quantisation guide, "reduce_range"). The bottleneck stays in float32, so
that its rounding to symbols is not rounded twice, and is fitted anew to what it then gets (`refit`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from core_network.motion import CHANNELS, PLANES
from core_network.spec import RATES, FeatureSpec
from core_network.training.augment import Sample, random_view
from core_network.training.network import Architecture, CoreNetwork, ServedCore, normalise
from core_network.training.refit import refit_bottleneck
from core_network.training.stills import Still
from core_network.training.trainee import USUAL_STEP

__all__ = ["RATE_STEPS", "export_core", "export_float", "load_trained_core", "quantise_graph"]

RATE_STEPS = dict(zip(RATES, (0.5, 0.6, USUAL_STEP, 1.9), strict=True))
"""Quantiser step of each rate; the network trained with steps of .5 to 1.7 (`trainee.STEP_SHARES`)."""
_RANGE_FOLLOWS = 0.05
"""By how much a calibration picture moves the range of an activation towards its own."""


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, samples: Sequence[Sample]) -> None:
        self._left = iter(samples)
        self._total, self._given = len(samples), 0

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        sample = next(self._left, None)
        self._given += 1
        if self._given % 20 == 0:
            print(f"calibrating {min(self._given, self._total)}/{self._total}", file=sys.stderr, flush=True)
        return None if sample is None else {"x": _network_input(sample)}


def load_trained_core(checkpoint: Path) -> tuple[CoreNetwork, dict[str, Any]]:
    """Return the averaged core of a checkpoint, in evaluation mode, and the record of its run."""
    state = torch.load(checkpoint, weights_only=False)
    core = CoreNetwork(state["architecture"])
    prefix = "core."
    core.load_state_dict({k[len(prefix) :]: v for k, v in state["average"].items() if k.startswith(prefix)})
    return core.eval(), state["record"]


def export_core(
    core: CoreNetwork,
    name: str,
    folder: Path,
    stills: Sequence[Still],
    *,
    shape: tuple[int, int] = (352, 640),
) -> FeatureSpec:
    """Write `core.onnx` (int8) and `spec.json` to `folder` and return the spec.

    `stills` calibrate the activations, half of those without a past get one; the loaders never give the
    report split.
    """
    height, width = shape
    with tempfile.TemporaryDirectory() as scratch:
        whole, folded, small = (Path(scratch) / f"{n}.onnx" for n in ("whole", "folded", "int8"))
        export_float(core, whole, shape)
        quant_pre_process(str(whole), str(folded), skip_symbolic_shape=True)
        graph = onnx.load(folded).graph
        bottleneck = [node for node in graph.node if {"coarse", "fine"} & set(node.input)]
        halves = {node.output[0] for node in bottleneck}
        bottleneck += [node for node in graph.node if halves & set(node.input)]
        rng = np.random.default_rng(9)
        samples = [random_view(still, width, height, rng, full_share=1.0) for still in stills]
        quantise_graph(folded, small, _Frames(samples), [node.name for node in bottleneck])
        model = onnx.load(small)
        refit_bottleneck(model, core, map(_network_input, samples))
        _take_bytes(model, shape)
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(model, folder / "core.onnx.tmp")
        os.replace(folder / "core.onnx.tmp", folder / "core.onnx")
    architecture: Architecture = core.architecture
    spec = FeatureSpec(
        name=name,
        input_height=height,
        input_width=width,
        shape=(architecture.channels, height // 8, width // 8),
        stride=8,
        symbol_max=15,
        steps={rate: (step,) * architecture.channels for rate, step in RATE_STEPS.items()},
        weights_sha256=hashlib.sha256((folder / "core.onnx").read_bytes()).hexdigest(),
    )
    (folder / "spec.json").write_text(json.dumps(spec.to_json(), indent=1) + "\n")
    return spec


def quantise_graph(
    folded: Path,
    quantised: Path,
    frames: CalibrationDataReader,
    in_float: Sequence[str],
    kinds: Sequence[str] = ("Conv", "Add", "Concat", "Resize", "Relu"),
) -> None:
    """Write a float graph as int8: 7-bit weights per channel, activations by `frames`.

    Nodes of these `kinds` are quantised, those named `in_float` stay as they are.
    """
    quantize_static(
        str(folded),
        str(quantised),
        frames,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(in_float),
        op_types_to_quantize=list(kinds),
        # A rare large value would else make every step coarser.
        extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": _RANGE_FOLLOWS},
    )


def export_float(core: CoreNetwork, path: Path, shape: tuple[int, int] = (352, 640)) -> None:
    """Write the float32 graph x [1, 5, H, W] (see `normalise`) -> latent; opset 18."""
    torch.onnx.export(
        ServedCore(core).eval(),
        (torch.zeros((1, CHANNELS, *shape)),),
        str(path),
        input_names=["x"],
        output_names=["latent"],
        opset_version=18,
        dynamo=False,
    )


def _network_input(sample: Sample) -> NDArray[np.float32]:
    planes = torch.from_numpy(sample.planes).permute(2, 0, 1)[None]
    return np.ascontiguousarray(normalise(planes).numpy())


def _take_bytes(model: onnx.ModelProto, shape: tuple[int, int]) -> None:
    """Make the quantised graph take uint8 planes [1, H, W, PLANES] as they come.

    The bytes are the first layer's quantised input already, and channels last is how its kernel wants them.
    Two pixels become one of twice the planes: onnxruntime reads an int8 convolution's input in place only
    where its channels come in fours, and gathers it tap by tap otherwise.
    """
    graph = model.graph
    (quantise,) = (node for node in graph.node if node.op_type == "QuantizeLinear" and "x" in node.input)
    (dequantise,) = (node for node in graph.node if quantise.output[0] in node.input)
    graph.node.remove(quantise)
    for unused in [init for init in graph.initializer if init.name in quantise.input]:
        graph.initializer.remove(unused)
    dequantise.input[:] = ["channels_first", "byte_scale", "byte_zero"]
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / 64, np.float32), "byte_scale"),
            numpy_helper.from_array(np.array(128, np.uint8), "byte_zero"),
        ]
    )
    height, width = shape
    _take_pairs(graph, next(node for node in graph.node if dequantise.output[0] in node.input))
    graph.initializer.append(
        numpy_helper.from_array(np.array([1, height, width // 2, 2 * PLANES], np.int64), "in_pairs")
    )
    graph.node.insert(0, helper.make_node("Reshape", ["planes", "in_pairs"], ["pairs"]))
    graph.node.insert(1, helper.make_node("Transpose", ["pairs"], ["channels_first"], perm=[0, 3, 1, 2]))
    graph.input.pop()
    graph.input.append(helper.make_tensor_value_info("planes", TensorProto.UINT8, (1, *shape, PLANES)))
    del graph.value_info[:]
    onnx.checker.check_model(model)


def _take_pairs(graph: onnx.GraphProto, first: onnx.NodeProto) -> None:
    """Let the first layer, 3x3 with stride 2, read pairs of pixels: 3x2 with stride 2 down and 1 across.

    Its place x reads the pixels 2x - 1, 2x and 2x + 1: the second half of pair x - 1, and pair x.
    """
    (dequantise,) = (node for node in graph.node if first.input[1] in node.output)
    (stored,) = (init for init in graph.initializer if init.name == dequantise.input[0])
    weights = numpy_helper.to_array(stored)
    outputs, channels, rows, _ = weights.shape
    paired = np.zeros((outputs, 2 * PLANES, rows, 2), weights.dtype)
    paired[:, PLANES : PLANES + channels, :, 0] = weights[..., 0]
    paired[:, :channels, :, 1] = weights[..., 1]
    paired[:, PLANES : PLANES + channels, :, 1] = weights[..., 2]
    stored.CopyFrom(numpy_helper.from_array(paired, stored.name))
    kept = [attribute for attribute in first.attribute if attribute.name in ("dilations", "group")]
    del first.attribute[:]
    first.attribute.extend(kept)
    for name, value in (("kernel_shape", [rows, 2]), ("pads", [1, 1, 1, 0]), ("strides", [2, 1])):
        first.attribute.append(helper.make_attribute(name, value))
