"""What the core's time is held against: MobileNetV2 at half width with a feature pyramid, at the same input.

Weights are random: only its time is asked for. It is quantised by the core's recipe (per channel, 7-bit
weights, bottleneck in float32) and takes its input as quantised bytes already, channels last, as the core
does. It sees colours alone, as such a network would in life; a fourth, spare byte of each pixel lets
onnxruntime's first layer read its input in place. That is its fastest form here: three bytes are up to a
tenth slower, and pairs of pixels, which help the core's six bytes, gain it nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from core_network.training.export import quantise_graph
from evaluation.baselines.backbones.mobilenet import MobileNetV2
from evaluation.baselines.layers import conv_norm

__all__ = ["BYTES", "SmallBackbone", "write_small_backbone"]

_TAPS = (6, 13, 17)  # the last blocks at stride 8, 16 and 32
_WIDTH, _PYRAMID, _LATENT = 0.5, 64, 24
_COLOURS, BYTES = 3, 4
_CALIBRATION = 4


class SmallBackbone(nn.Module):
    """x [B, 3, H, W] -> latent [B, 24, H/8, W/8]; sides are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_norm(_COLOURS, 16, 3, 2)
        self.blocks = nn.ModuleList(list(MobileNetV2(_WIDTH).features)[1 : _TAPS[-1] + 1])
        widths = (16, 48, 160)  # of the taps' blocks at half width
        self.laterals = nn.ModuleList(nn.Conv2d(width, _PYRAMID, 1) for width in widths)
        self.smooth = conv_norm(_PYRAMID, _PYRAMID)
        self.bottleneck = nn.Conv2d(_PYRAMID, _LATENT, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the latent."""
        x = self.stem(x)
        levels = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in _TAPS:
                levels.append(x)
        top = self.laterals[2](levels[2])
        for lateral, level in zip((self.laterals[1], self.laterals[0]), (levels[1], levels[0]), strict=True):
            top = lateral(level) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        latent: Tensor = self.bottleneck(self.smooth(top))
        return latent


class _Noise(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, shape: tuple[int, int]) -> None:
        self._left = self._made(shape)

    @staticmethod
    def _made(shape: tuple[int, int]) -> Iterator[dict[str, NDArray[np.float32]]]:
        rng = np.random.default_rng(0)
        for _ in range(_CALIBRATION):
            yield {"x": rng.uniform(-2, 2, (1, _COLOURS, *shape)).astype(np.float32)}

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._left, None)


def write_small_backbone(path: Path, shape: tuple[int, int]) -> None:
    """Write its int8 graph for inputs of (height, width): planes uint8 [1, H, W, BYTES] -> latent."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        whole, folded, small = (Path(scratch) / f"{name}.onnx" for name in ("whole", "folded", "int8"))
        torch.onnx.export(
            SmallBackbone().eval(),
            (torch.zeros((1, _COLOURS, *shape)),),
            str(whole),
            input_names=["x"],
            output_names=["latent"],
            opset_version=18,
            dynamo=False,
        )
        quant_pre_process(str(whole), str(folded), skip_symbolic_shape=True)
        graph = onnx.load(folded).graph
        last = [node.name for node in graph.node if "latent" in node.output]
        quantise_graph(folded, small, _Noise(shape), last, ("Conv", "Add", "Resize", "Relu", "Clip"))
        model = onnx.load(small)
    _take_bytes(model.graph, shape)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _take_bytes(graph: onnx.GraphProto, shape: tuple[int, int]) -> None:
    """Let the graph begin with what its first QuantizeLinear would have made, pixel by pixel."""
    (quantise,) = (node for node in graph.node if node.op_type == "QuantizeLinear" and "x" in node.input)
    (dequantise,) = (node for node in graph.node if quantise.output[0] in node.input)
    graph.node.remove(quantise)
    dequantise.input[0] = "channels_first"
    first = next(node for node in graph.node if dequantise.output[0] in node.input)
    weights_of = next(node for node in graph.node if first.input[1] in node.output)
    (stored,) = (init for init in graph.initializer if init.name == weights_of.input[0])
    weights = numpy_helper.to_array(stored)
    spare = np.zeros((len(weights), BYTES - _COLOURS, *weights.shape[2:]), weights.dtype)
    stored.CopyFrom(numpy_helper.from_array(np.concatenate([weights, spare], 1), stored.name))
    graph.node.insert(0, helper.make_node("Transpose", ["planes"], ["channels_first"], perm=[0, 3, 1, 2]))
    graph.input.pop()
    graph.input.append(helper.make_tensor_value_info("planes", TensorProto.UINT8, (1, *shape, BYTES)))
    del graph.value_info[:]
