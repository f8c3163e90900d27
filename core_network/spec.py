"""The feature spec: what the core network's output means, and the fingerprint that heads bind to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATES", "FeatureSpec"]

RATES = ("lossless", "high", "default", "low")
"""Names of the rates; the position is the rate index on the wire."""


@dataclass(frozen=True)
class FeatureSpec:
    """Shape, range and steps of the features that one set of core weights produces.

    Latents are float32 [C, H, W]; on the wire they are symbols, int8 [C, H, W] in
    [-symbol_max, symbol_max]; heads receive `symbol * step[rate][channel]`.
    """

    name: str
    input_height: int
    input_width: int
    shape: tuple[int, int, int]
    stride: int
    symbol_max: int
    steps: dict[str, tuple[float, ...]]
    weights_sha256: str

    def __post_init__(self) -> None:
        channels, height, width = self.shape
        if (height * self.stride, width * self.stride) != (self.input_height, self.input_width):
            rows, columns = self.input_height // self.stride, self.input_width // self.stride
            raise ValueError(
                f"feature spec {self.name}: a {self.input_width}x{self.input_height} input "
                f"at stride {self.stride} expects a {columns}x{rows} grid, got {width}x{height}"
            )
        for rate in RATES:
            steps = len(self.steps.get(rate, ()))
            if steps != channels:
                raise ValueError(
                    f"feature spec {self.name}: expected {channels} steps for rate {rate}, got {steps}"
                )

    def quantise(self, latent: NDArray[np.float32], rate: str) -> NDArray[np.int8]:
        """Return the symbols of a latent [C, H, W]: rounded to the nearest step, clipped to the range."""
        step = np.asarray(self.steps[rate], np.float32)[:, None, None]
        scaled = latent / step
        np.rint(scaled, scaled)
        np.clip(scaled, -self.symbol_max, self.symbol_max, scaled)
        symbols: NDArray[np.int8] = scaled.astype(np.int8)
        return symbols

    def dequantise(self, symbols: NDArray[np.int8], rate: str) -> NDArray[np.float32]:
        """Return what heads see, float32 [1, C, H, W], of symbols int8 [C, H, W]."""
        step = np.asarray(self.steps[rate], np.float32)[:, None, None]
        return (symbols.astype(np.float32) * step)[None]

    @property
    def fingerprint(self) -> str:
        """The sha256 (64 hex digits) of the canonical JSON: sorted keys, no spaces."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON values."""
        return {
            "name": self.name,
            "input": [self.input_height, self.input_width],
            "shape": list(self.shape),
            "stride": self.stride,
            "symbol_max": self.symbol_max,
            "steps": {rate: list(self.steps[rate]) for rate in RATES},
            "weights_sha256": self.weights_sha256,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> FeatureSpec:
        """Read what `to_json` wrote; raises ValueError naming the field that is missing or wrong."""
        try:
            height, width = document["input"]
            channels, rows, columns = document["shape"]
            return cls(
                name=str(document["name"]),
                input_height=int(height),
                input_width=int(width),
                shape=(int(channels), int(rows), int(columns)),
                stride=int(document["stride"]),
                symbol_max=int(document["symbol_max"]),
                steps={rate: tuple(float(v) for v in document["steps"][rate]) for rate in RATES},
                weights_sha256=str(document["weights_sha256"]),
            )
        except KeyError as error:
            raise ValueError(
                f"feature spec: expected the field {error}, it is missing; export the core again"
            ) from error
