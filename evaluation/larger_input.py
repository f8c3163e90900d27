"""The same weights on larger pictures: the trainer's probes at three sizes, on the report split's stills.

Shipped heads are exported for one size of features; the probes take any, so they compare sizes with each
other. Latents are in float32, rounded to the step of rate `default`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluation.core_accuracy import report_football
from evaluation.core_accuracy_probes import core_maps, people_in, planes_of
from evaluation.datasets.people import people_only
from evaluation.datasets.predictions import Prediction
from evaluation.metrics.coco import CocoScore, average_precision

__all__ = ["SIZES", "probe_sizes"]

SIZES = ((352, 640), (448, 768), (544, 960))
"""Height and width, the served one first. 432 is no multiple of 32: 768x448 letterboxes a 16:9 picture to
768x432."""


def probe_sizes(root: Path, checkpoint: Path, tick: Callable[[], None]) -> dict[str, CocoScore]:
    """Return the scores of people by "WxH"; raises DatasetError when the stills are not there."""
    maps, football = core_maps(checkpoint), report_football(root)
    people, scores = people_only(football), dict[str, CocoScore]()
    for shape in SIZES:
        found: dict[tuple[str, str], list[Prediction]] = {}
        for clip, frame, planes in planes_of(football, shape):
            found[clip.name, frame.name] = people_in(maps(planes), frame, shape)
            tick()
        scores[f"{shape[1]}x{shape[0]}"] = average_precision(people, found)
    return scores
