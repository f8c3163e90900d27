"""The encoder that serves: the core network's ONNX graph under onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from core_network.catalogue import Core

__all__ = ["Encoder"]


class Encoder:
    """image uint8 [H, W, 3] -> core network -> latent float32 [C, h, w]; one per broadcast."""

    def __init__(self, core: Core, threads: int = 1) -> None:
        """Load the core's graph; `threads` is the number of onnxruntime threads of one run."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take the second core away from the video encoder.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.spec = core.spec
        self._session = ort.InferenceSession(
            str(core.model_path), options, providers=["CPUExecutionProvider"]
        )

    def latent(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of one prepared image [H, W, 3]; raises ValueError on another shape."""
        expected = (self.spec.input_height, self.spec.input_width, 3)
        if image.shape != expected:
            raise ValueError(
                f"core {self.spec.name} expected an image {expected}, got {image.shape}; use prepare()"
            )
        (latent,) = self._session.run(["latent"], {"image": image[None]})
        return np.asarray(latent[0], np.float32)
