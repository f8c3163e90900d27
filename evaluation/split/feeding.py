"""From the pictures of a clip to the inputs of a graph: letterbox, motion and view."""

from __future__ import annotations

from collections import deque

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from core_network.motion import EARLIER, PLANES, grey, with_motion
from core_network.prepare import View, prepare
from evaluation.split.detector import DetectorError
from evaluation.split.session import Arrays, Session

__all__ = ["Feeder"]

_INPUTS = {"image": 3, "planes": PLANES}


class Feeder:
    """picture uint8 [h, w, 3] -> the inputs `image` or `planes`, and `view`; one per clip, in frame order."""

    def __init__(self, session: Session) -> None:
        """Take sizes from the graph's picture input; raises DetectorError when it has none."""
        self._name = next((name for name in _INPUTS if name in session.inputs), "")
        shape = session.inputs.get(self._name, ())
        fixed = len(shape) == 4 and shape[0] == 1 and shape[3] == _INPUTS[self._name] and min(shape[1:3]) > 0
        if not fixed or session.types[self._name] != np.uint8:
            named = ", ".join(f"{name} {list(sizes)}" for name, sizes in session.inputs.items())
            raise DetectorError(
                f"expected a network with the input image uint8 [1, H, W, 3] or planes uint8 [1, H, W, "
                f"{PLANES}], got {named}; put the normalisation into the graph, see docs/evaluation.md"
            )
        self.height, self.width = shape[1:3]
        self._earlier: deque[NDArray[np.uint8]] = deque(maxlen=EARLIER)
        self._reformatter = VideoReformatter()

    def feeds(self, picture: NDArray[np.uint8], *, fresh: bool) -> tuple[Arrays, View]:
        """Return the inputs for one RGB picture and its view; `fresh`: it does not follow the one before."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        image, view = prepare(frame, self.width, self.height, None, self._reformatter)
        if self._name == "planes":
            now = grey(image)
            if fresh:
                self._earlier.clear()
            image = with_motion(image, now, self._earlier)
            self._earlier.appendleft(now)
        return {self._name: image[None], "view": view.as_array()}, view
