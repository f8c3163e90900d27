"""How sure a score is: percentile intervals from resampling the units it was measured on (Efron 1979)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "blocks", "interval", "weighted_interval"]

Unit = TypeVar("Unit")


@dataclass(frozen=True)
class Interval:
    """The middle `level` of the score over resamples of `units` units; NaN with fewer than two units."""

    low: float
    high: float
    units: int
    level: float = 0.95

    def __str__(self) -> str:
        """Return it as in a table."""
        return "-" if math.isnan(self.low) else f"{self.low:.3f} to {self.high:.3f}"

    def scaled(self, factor: float) -> Interval:
        """Return it in another unit: hundredths for a factor of 100."""
        return replace(self, low=factor * self.low, high=factor * self.high)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        bounds = {
            name: None if math.isnan(value) else round(value, 4)
            for name, value in (("low", self.low), ("high", self.high))
        }
        return {**bounds, "level": self.level, "units": self.units}


def interval(
    units: Sequence[Unit],
    statistic: Callable[[Sequence[Unit]], float],
    *,
    rounds: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the interval of `statistic` over resamples of `units`, drawn with replacement.

    Drawn units keep their order. Resamples whose statistic is NaN are left out.
    """

    def of_weights(weights: NDArray[np.int64]) -> float:
        return statistic([unit for unit, weight in zip(units, weights, strict=True) for _ in range(weight)])

    return weighted_interval(len(units), of_weights, rounds=rounds, seed=seed, level=level)


def weighted_interval(
    units: int,
    statistic: Callable[[NDArray[np.int64]], float],
    *,
    rounds: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the interval where `statistic` takes how often each unit was drawn, int [units]."""
    if units < 2:
        return Interval(math.nan, math.nan, units, level)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(units, np.full(units, 1 / units), size=rounds)
    values = np.array([statistic(weights) for weights in drawn], np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(math.nan, math.nan, units, level)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), units, level)


def blocks(items: Sequence[Unit], length: int) -> list[Sequence[Unit]]:
    """Return consecutive runs of `length` items: frames of a video depend on their neighbours.

    A last run shorter than half the length joins the one before it.
    """
    runs = [items[start : start + length] for start in range(0, len(items), length)]
    if len(runs) > 1 and 2 * len(runs[-1]) < length:
        runs[-2:] = [items[(len(runs) - 2) * length :]]
    return runs
