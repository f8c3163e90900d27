"""How long one run of each head takes in Python; the browser's times come with the browser bench."""

from __future__ import annotations

import statistics
from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.figure import Figure
from evaluation.bench.pipeline import real_clip
from evaluation.decoded import decoded_frames, heads_on
from task_heads.registry import Registry

__all__ = ["PYTHON_LIMIT_MS", "measure"]

PYTHON_LIMIT_MS = 3.0
_FRAMES = 150
_WARM_UP = 10


def measure(root: Path | None) -> list[Figure]:
    """Run the built-in heads over successive decoded frames of the real clip, one thread, state and all."""
    core = default_core()
    names = Registry(installed=False).names()
    # All frames first: the core's run would leave the caches cold for the heads.
    frames = list(decoded_frames(str(real_clip(root)), core, last=_FRAMES - 1))
    times: dict[str, list[float]] = {name: [] for name in names}
    for _, outcomes in heads_on(iter(frames), core, names):
        for name, outcome in outcomes.items():
            times[name].append(outcome.ms)
    return [
        Figure(
            f"{name}_ms",
            f"`{name}` in Python, median",
            statistics.median(times[name][_WARM_UP:]),
            "ms",
            at_most=PYTHON_LIMIT_MS,
        )
        for name in names
    ]
