"""How sure a difference is: both systems are scored on the same resampled pictures, whose luck cancels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core_network.training.detection import BallScore
from evaluation.datasets.predictions import Predictions
from evaluation.datasets.types import Dataset
from evaluation.metrics.bootstrap import Interval, interval, weighted_interval
from evaluation.metrics.coco_matching import LabelMatches, match_label, weighted_precision
from evaluation.metrics.points import total

__all__ = ["ap50_difference", "f1_difference"]


def ap50_difference(
    dataset: Dataset, first: Predictions, second: Predictions, *, rounds: int = 300
) -> Interval:
    """Return the interval of AP50 of `first` minus that of `second`; resampled are the frames.

    The dataset has one label. Raises KeyError when a frame has no predictions listed.
    """
    (label,) = dataset.labels
    keys = [(clip.name, frame.name) for clip in dataset.clips for frame in clip.frames]
    truths = [frame.things for clip in dataset.clips for frame in clip.frames]
    one, other = (match_label(label, truths, [found[key] for key in keys]) for found in (first, second))

    def ap50(matches: LabelMatches, weights: NDArray[np.int64]) -> float:
        return float(weighted_precision(matches, weights)[0])

    return weighted_interval(
        len(keys), lambda weights: ap50(one, weights) - ap50(other, weights), rounds=rounds
    )


def f1_difference(first: Sequence[BallScore], second: Sequence[BallScore], *, rounds: int = 1000) -> Interval:
    """Return the interval of F1 of `first` minus that of `second`, both counts of the same frames."""
    pairs = list(zip(first, second, strict=True))
    return interval(
        pairs,
        lambda drawn: total([a for a, _ in drawn]).f1 - total([b for _, b in drawn]).f1,
        rounds=rounds,
    )
