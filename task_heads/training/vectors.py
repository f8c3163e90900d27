"""Golden vectors of the built-in heads: python -m task_heads.training.vectors, after every export."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import default_core
from core_network.encoder import Encoder
from core_network.prepare import View, prepare
from core_network.scenes import Match
from task_heads.golden import write_golden
from task_heads.registry import Registry

__all__ = ["write_vectors"]

FRAMES = 20
RATE = "default"
_LOST = {7: 0.12, 13: 0.2}
"""Frames that come late, as after packet loss: number -> dt in seconds."""


def write_vectors(folder: Path, heads: Sequence[Path], frames: int = FRAMES) -> None:
    """Encode a short procedural match with the default core and store what the heads in these folders say.

    Raises HeadError for a head that is for another core, or needs one that is not among them.
    """
    core = default_core()
    encoder = Encoder(core)
    spec = core.spec
    symbols: list[NDArray[np.int8]] = []
    view = View.letterbox(1280, 720, spec.input_width, spec.input_height)
    for number, scene in enumerate(Match(11, 1280, 720, fps=25.0).frames(frames)):
        frame = av.VideoFrame.from_ndarray(scene.image, format="rgb24")
        image, view = prepare(frame, spec.input_width, spec.input_height)
        symbols.append(spec.quantise(encoder.latent(image, fresh=number == 0), RATE))
    times = [0.0, *(_LOST.get(number, 0.04) for number in range(1, frames))]
    write_golden(folder, spec, heads, np.stack(symbols), RATE, view.as_array(), times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m task_heads.training.vectors", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("tests/vectors/heads"))
    write_vectors(parser.parse_args().output, [head.folder for head in Registry(installed=False)])
