"""From a checkpoint to the served graph: batch norm folded, int8 calibrated per channel on real frames.

Weights are 7-bit: on processors without VNNI the u8 x s8 products of two taps are added in 16 bits and 8-bit
weights would saturate (onnxruntime's quantisation guide, "reduce_range"). The bottleneck stays in float32, so
that its rounding to symbols is not rounded twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from core_network.spec import RATES, FeatureSpec
from core_network.training.augment import full_view
from core_network.training.network import Architecture, CoreNetwork, ServedCore
from core_network.training.stills import Still

__all__ = ["RATE_STEPS", "export_core", "export_float", "load_trained_core"]

RATE_STEPS = dict(zip(RATES, (0.5, 0.75, 1.0, 1.6), strict=True))
"""Quantiser step of each rate; the network trained with all of them."""


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._left = iter(images)
        self._total, self._given = len(images), 0

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        image = next(self._left, None)
        self._given += 1
        if self._given % 20 == 0:
            print(f"calibrating {min(self._given, self._total)}/{self._total}", file=sys.stderr, flush=True)
        return None if image is None else {"image": image[None]}


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

    `stills` calibrate the activations; the loaders never give the report split.
    """
    height, width = shape
    with tempfile.TemporaryDirectory() as scratch:
        whole, folded, small = (Path(scratch) / f"{n}.onnx" for n in ("whole", "folded", "int8"))
        export_float(core, whole, shape)
        quant_pre_process(str(whole), str(folded), skip_symbolic_shape=True)
        graph = onnx.load(folded).graph
        last = [node.name for node in graph.node if node.op_type == "Conv"][-1]
        images = [full_view(still, width, height).image for still in stills]
        quantize_static(
            str(folded),
            str(small),
            _Frames(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[last],
            op_types_to_quantize=["Conv", "Add", "Concat", "Resize", "Relu"],
        )
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(small, folder / "core.onnx.tmp")
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


def export_float(core: CoreNetwork, path: Path, shape: tuple[int, int] = (352, 640)) -> None:
    """Write the float32 graph image -> latent, opset 18."""
    image = torch.zeros((1, *shape, 3), dtype=torch.uint8)
    torch.onnx.export(
        ServedCore(core).eval(),
        (image,),
        str(path),
        input_names=["image"],
        output_names=["latent"],
        opset_version=18,
        dynamo=False,
    )
