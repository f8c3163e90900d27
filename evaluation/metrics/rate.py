"""Bjontegaard's rate difference: how many bits one curve saves against another at equal quality.

G. Bjontegaard, VCEG-M33 (2001), with the piecewise cubic interpolation that JVET uses since (JCTVC-B055);
scipy's PCHIP over log10 of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator  # type: ignore[import-untyped]

__all__ = ["MIN_OVERLAP", "MIN_POINTS", "BdRate", "CurveError", "bd_rate"]

MIN_POINTS = 4

MIN_OVERLAP = 0.5
"""The qualities both curves reach must be at least this share of the narrower curve's range."""

Point = tuple[float, float]


class CurveError(ValueError):
    """Two curves have no rate difference; one line says why."""


@dataclass(frozen=True)
class BdRate:
    """`percent` more bits than the anchor on average (below 0: fewer), over the qualities `low` to `high`.

    `overlap`: what share of the narrower curve's range of quality that is.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate(anchor: Sequence[Point], test: Sequence[Point]) -> BdRate:
    """Return the rate difference of `test` against `anchor`; points are (rate, quality), in any order.

    Raises CurveError when a curve has fewer than MIN_POINTS points, rates that are not above 0, quality that
    does not rise with the rate, or too little quality in common with the other.
    """
    curves = [_checked(points, name) for points, name in ((anchor, "anchor"), (test, "test"))]
    (_, first), (_, second) = curves
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    narrower = min(first[-1] - first[0], second[-1] - second[0])
    overlap = max(0.0, high - low) / narrower
    if overlap < MIN_OVERLAP:
        raise CurveError(
            f"expected curves that share at least {MIN_OVERLAP:.0%} of the narrower one's quality, got "
            f"{first[0]:.4g} to {first[-1]:.4g} and {second[0]:.4g} to {second[-1]:.4g}"
        )
    areas = [
        float(PchipInterpolator(quality, np.log10(rate)).integrate(low, high)) for rate, quality in curves
    ]
    return BdRate(100 * (10 ** ((areas[1] - areas[0]) / (high - low)) - 1), low, high, overlap)


def _checked(points: Sequence[Point], name: str) -> tuple[list[float], list[float]]:
    ordered = sorted((float(rate), float(quality)) for rate, quality in points)
    if len(ordered) < MIN_POINTS:
        raise CurveError(f"expected {MIN_POINTS} or more points of the {name} curve, got {len(ordered)}")
    if any(not math.isfinite(rate) or not math.isfinite(quality) or rate <= 0 for rate, quality in ordered):
        raise CurveError(f"expected finite points with rates above 0 of the {name} curve, got {ordered}")
    for (rate, quality), (more, better) in pairwise(ordered):
        if more == rate or better <= quality:
            raise CurveError(
                f"expected quality of the {name} curve to rise with the rate, got {quality:.4g} at "
                f"{rate:.4g} and {better:.4g} at {more:.4g}"
            )
    return [rate for rate, _ in ordered], [quality for _, quality in ordered]
