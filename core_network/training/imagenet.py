"""General features to imitate: MobileNetV2 (arXiv 1801.04381) as ImageNet trained it, up to stride 8.

Weights: ../shared/data/weights/mobilenetv2_1.0_imagenet; its README says how they were taken from an int8
graph.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CHANNELS", "WEIGHTS", "ImageNetFeatures"]

WEIGHTS = "weights/mobilenetv2_1.0_imagenet/mobilenetv2_1.0_imagenet_dequant_fp16.npz"
CHANNELS = 32
"""What the last block at stride 8 gives."""
_LAST = "17_conv"
_RELU6, _NO_ACTIVATION = 3, 0


class ImageNetFeatures(nn.Module):
    """RGB [B, 3, H, W], -2..2 as the core sees it -> [B, CHANNELS, H/8, W/8], mean 0, deviation 1 a place."""

    def __init__(self, weights: Path) -> None:
        """Read the convolutions up to the last block at stride 8; raises ValueError without the file."""
        super().__init__()
        if not weights.is_file():
            raise ValueError(f"{weights}: expected the weights to imitate, there is no such file")
        with np.load(weights) as arrays:
            operations = json.loads(str(arrays["_ops"]))
            end = next(n for n, op in enumerate(operations) if op.get("w") == _LAST)
            # The block's own sum follows its last convolution.
            self._operations: list[dict[str, Any]] = operations[1 : end + 2]
            for op in self._operations:
                if name := op.get("w"):
                    for part in ("weight", "bias"):
                        value = torch.from_numpy(arrays[f"{name}.{part}"].astype(np.float32))
                        if value.dim() == 4:
                            value = value.contiguous(memory_format=torch.channels_last)
                        self.register_buffer(f"{name}_{part}", value, persistent=False)
        self._first: int = operations[0]["out"]

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return the features, normalised at each place."""
        # Values -2..2 are what the network was trained on, -1..1, at twice the scale.
        values = {self._first: (x / 2).contiguous(memory_format=torch.channels_last)}
        for op in self._operations:
            if op["op"] == "ADD":
                result = values[op["in"][0]] + values[op["in"][1]]
            else:
                result = self._convolved(values[op["in"][0]], op)
            values[op["out"]] = result
        return F.layer_norm(result.permute(0, 2, 3, 1), (CHANNELS,)).permute(0, 3, 1, 2)

    def _convolved(self, x: Tensor, op: dict[str, Any]) -> Tensor:
        weight = self.get_buffer(f"{op['w']}_weight")
        stride, side = op["stride"], weight.shape[-1]
        padding = side // 2
        if stride == 2:  # TensorFlow's SAME of even sizes: to the right and below only
            x, padding = F.pad(x, (0, 1, 0, 1)), 0
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        result = F.conv2d(x, weight, self.get_buffer(f"{op['w']}_bias"), stride, padding, groups=groups)
        if op["act"] == _RELU6:
            return result.clamp_(0, 6)
        assert op["act"] == _NO_ACTIVATION, op
        return result
