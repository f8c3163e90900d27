"""A short procedural clip on disk, as footage without labels."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from core_network.scenes.still import random_still
from evaluation.rate_accuracy.footage import footage_of

FRAMES = 4


@pytest.fixture(scope="session")
def footage(tmp_path_factory):
    """Four frames of 320 x 180 px in which the camera moves two px a frame."""
    folder = tmp_path_factory.mktemp("footage") / "clips" / "moving"
    folder.mkdir(parents=True)
    path = folder / "match.mp4"
    wide = random_still(11, 336, 180).image
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(FRAMES):
            picture = np.ascontiguousarray(wide[:, 2 * number : 2 * number + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return footage_of(path, 50)
