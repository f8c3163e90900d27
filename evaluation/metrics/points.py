"""Precision, recall and F1 of points: a point within a radius of a true one is a hit, each true one once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core_network.training.detection import BallScore, ball_score
from evaluation.metrics.bootstrap import Interval, interval

__all__ = ["RADIUS_PX", "WIDTH_PX", "PointScore", "count_points", "point_score", "total"]

RADIUS_PX = 12.0
"""A hit is this near, in px of a picture WIDTH_PX wide; every picture is scaled to that width."""

WIDTH_PX = 1920.0

Place = tuple[float, float]


@dataclass(frozen=True)
class PointScore:
    """Counts over all frames, and the intervals of what follows from them."""

    counts: BallScore
    precision_interval: Interval
    recall_interval: Interval
    f1_interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "hits": self.counts.hits,
            "false": self.counts.false,
            "missed": self.counts.missed,
            "precision": round(self.counts.precision, 4),
            "recall": round(self.counts.recall, 4),
            "f1": round(self.counts.f1, 4),
            "precision_interval": self.precision_interval.to_json(),
            "recall_interval": self.recall_interval.to_json(),
            "f1_interval": self.f1_interval.to_json(),
        }


def count_points(
    truths: Sequence[Place],
    found: Sequence[tuple[float, float, float]],
    width: float,
    radius: float = RADIUS_PX,
) -> BallScore:
    """Return the counts of one frame: true x, y and found x, y, score in px of a picture `width` px wide.

    Points are taken best score first. Raises ValueError for numbers that are not finite and for a width that
    is not above 0.
    """
    values = [value for place in (*truths, *found) for value in place]
    if width <= 0 or not all(map(math.isfinite, values)):
        raise ValueError(f"expected finite points in a picture of some width, got {found} of {width} px")
    scale = WIDTH_PX / width
    there = np.array(truths, np.float64).reshape(-1, 2) * scale
    points = np.array(found, np.float64).reshape(-1, 3) * [scale, scale, 1.0]
    return ball_score([points], [there], radius, threshold=-math.inf)


def total(counts: Sequence[BallScore]) -> BallScore:
    """Return the sum of counts."""
    return BallScore(
        sum(one.hits for one in counts), sum(one.false for one in counts), sum(one.missed for one in counts)
    )


def point_score(units: Sequence[Sequence[BallScore]], *, rounds: int = 1000) -> PointScore:
    """Return the score of frames grouped into the units that are resampled: clips, or runs of frames."""
    sums = [total(unit) for unit in units]

    def spread(value: Callable[[BallScore], float]) -> Interval:
        return interval(sums, lambda drawn: value(total(drawn)), rounds=rounds)

    return PointScore(
        total(sums),
        spread(lambda score: score.precision),
        spread(lambda score: score.recall),
        spread(lambda score: score.f1),
    )
