"""The encoder that serves: the core network's ONNX graph under onnxruntime."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.motion import EARLIER, grey, with_motion

__all__ = ["Encoder"]


class Encoder:
    """image uint8 [H, W, 3] -> core network -> latent float32 [C, h, w]; one per broadcast.

    It remembers the grey pictures of the last frames, so frames come in order.
    """

    def __init__(self, core: Core, threads: int = 1) -> None:
        """Load the core's graph; `threads` is the number of onnxruntime threads of one run."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take the second core away from the video encoder.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.spec = core.spec
        self._earlier: deque[NDArray[np.uint8]] = deque(maxlen=EARLIER)
        self._session = ort.InferenceSession(
            str(core.model_path), options, providers=["CPUExecutionProvider"]
        )

    def latent(self, image: NDArray[np.uint8], *, fresh: bool) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of one prepared image [H, W, 3]; raises ValueError on another shape.

        `fresh`: the frame before has nothing to do with this one (a still, a cut, a jump of the source).
        """
        now = self._grey(image)
        if fresh:
            self._earlier.clear()
        latent = self._run(with_motion(image, now, self._earlier))
        self._earlier.appendleft(now)
        return latent

    def latent_after(
        self, image: NDArray[np.uint8], earlier: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return the latent of an image whose past is given: images [H, W, 3], newest first, or none."""
        return self._run(with_motion(image, self._grey(image), [self._grey(before) for before in earlier]))

    def _grey(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        expected = (self.spec.input_height, self.spec.input_width, 3)
        if image.shape != expected:
            raise ValueError(
                f"core {self.spec.name} expected an image {expected}, got {image.shape}; use prepare()"
            )
        return grey(image)

    def _run(self, planes: NDArray[np.uint8]) -> NDArray[np.float32]:
        (latent,) = self._session.run(["latent"], {"planes": planes[None]})
        return np.asarray(latent[0], np.float32)
