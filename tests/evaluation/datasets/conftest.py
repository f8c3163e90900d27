"""A small video whose frames can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

MakeVideo = Callable[..., Path]


@pytest.fixture
def make_video() -> MakeVideo:
    """Write a lossless video of 64x48 whose frame number n has the grey level 10 n."""

    def make(path: Path, frames: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"qp": "0", "preset": "ultrafast"}
            for number in range(frames):
                picture = np.full((48, 64, 3), 10 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode(None))
        return path

    return make
