"""How long one run of each head takes in Python; the browser's times come with the browser bench."""

from __future__ import annotations

import statistics
import time
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import default_core
from core_network.prepare import View
from evaluation.bench.figure import Figure
from evaluation.bench.pipeline import real_clip
from stream.programme import FeatureEncoder
from stream.source import open_source
from task_heads.registry import Registry
from task_heads.runner import HeadRunner

__all__ = ["PYTHON_LIMIT_MS", "measure"]

PYTHON_LIMIT_MS = 3.0
_FRAMES = 150
_WARM_UP = 10

Seen = tuple[NDArray[np.float32], NDArray[np.float32]]


def measure(root: Path | None) -> list[Figure]:
    """Run each built-in head over successive decoded frames of the real clip, one thread, state and all."""
    spec = default_core().spec
    clip = real_clip(root)
    frames = _decoded_frames(clip)
    return [
        Figure(
            f"{name}_ms",
            f"`{name}` in Python, median",
            _median_ms(HeadRunner(Registry().get(name).folder, spec), frames),
            "ms",
            at_most=PYTHON_LIMIT_MS,
        )
        for name in Registry().names()
    ]


def _decoded_frames(clip: Path) -> list[Seen]:
    """Return features [1, C, H, W] and view [6] of the clip's first frames, as a viewer decodes them."""
    encoder = FeatureEncoder(default_core(), rate="default")
    spec = encoder.spec
    seen = []
    with open_source(str(clip)) as source:
        for frame in islice(source, _FRAMES):
            latent, _ = encoder.latent(encoder.prepare(frame)[0])
            features = spec.dequantise(spec.quantise(latent, "default"), "default")
            view = View.letterbox(
                frame.source_width, frame.source_height, spec.input_width, spec.input_height
            )
            seen.append((features, view.as_array()))
    return seen


def _median_ms(head: HeadRunner, frames: list[Seen]) -> float:
    times = []
    for features, view in frames:
        started = time.perf_counter()
        head.run(features, view, 1 / 30)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[_WARM_UP:])
