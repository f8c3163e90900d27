"""Golden vectors of the built-in heads: python -m task_heads.training.vectors, after every export.

    tests/vectors/heads/vectors.json          sizes, steps, view, dt of each frame, sha256 of each graph
    tests/vectors/heads/features.i8.gz        symbols int8 [frames, C, H, W] of a procedural match
    tests/vectors/heads/<head>.f32.gz         the outputs float32, frame by frame in the manifest's order

pytest and node read them: both runtimes must give equal ids and equal numbers to a small tolerance.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import default_core
from core_network.encoder import Encoder
from core_network.prepare import View, prepare
from core_network.scenes import Match
from task_heads.registry import Registry
from task_heads.runner import HeadRunner, HeadSet

__all__ = ["write_vectors"]

FRAMES = 20
RATE = "default"
_LOST = {7: 0.12, 13: 0.2}
"""Frames that come late, as after packet loss: number -> dt in seconds."""


def write_vectors(folder: Path) -> None:
    """Encode a short procedural match with the default core and store what each usable built-in head says."""
    core = default_core()
    encoder = Encoder(core)
    spec = core.spec
    symbols: list[NDArray[np.int8]] = []
    view = View.letterbox(1280, 720, spec.input_width, spec.input_height)
    for number, scene in enumerate(Match(11, 1280, 720, fps=25.0).frames(FRAMES)):
        frame = av.VideoFrame.from_ndarray(scene.image, format="rgb24")
        image, view = prepare(frame, spec.input_width, spec.input_height)
        symbols.append(spec.quantise(encoder.latent(image, fresh=number == 0), RATE))
    times = [0.0, *(_LOST.get(number, 0.04) for number in range(1, FRAMES))]
    folder.mkdir(parents=True, exist_ok=True)
    heads = HeadSet([HeadRunner(found.folder, spec) for found in Registry(installed=False)])
    values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in heads.order}
    for frame_symbols, dt in zip(symbols, times, strict=True):
        tables = heads.run(spec.dequantise(frame_symbols, RATE), view.as_array(), dt)
        for name in heads.order:
            values[name].extend(tables[name][output.name].ravel() for output in heads.manifest(name).outputs)
    for name, parts in values.items():
        _write(folder / f"{name}.f32.gz", np.concatenate(parts).astype("<f4").tobytes())
    _write(folder / "features.i8.gz", np.stack(symbols).tobytes())
    description = {
        "frames": FRAMES,
        "shape": list(spec.shape),
        "fingerprint": spec.fingerprint,
        "step": list(spec.steps[RATE]),
        "view": [float(value) for value in view.as_array()],
        "dt": times,
        "heads": {name: {"sha256": heads.manifest(name).model.sha256} for name in heads.order},
    }
    (folder / "vectors.json").write_text(json.dumps(description, indent=1) + "\n")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m task_heads.training.vectors", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("tests/vectors/heads"))
    write_vectors(parser.parse_args().output)
