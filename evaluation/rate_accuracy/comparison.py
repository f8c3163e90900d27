"""What the points of a study say together: rate differences, and what local inference needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evaluation.metrics.rate import BdRate, CurveError, bd_rate
from evaluation.rate_accuracy.study import BOXES, LOCAL, Point, Study

__all__ = ["BreakEven", "RateDifference", "break_evens", "efficient", "rate_at", "rate_differences"]

OURS = "ours"


@dataclass(frozen=True)
class RateDifference:
    """Bits of our features against another method's at equal people AP, or why there is no such number."""

    anchor: str
    bd: BdRate | None
    reason: str = ""


@dataclass(frozen=True)
class BreakEven:
    """One of our rates with the smallest video measured, and what the other ways need to be as accurate.

    `local_kbps_ap50`, `local_kbps_ap`: the smallest video with which local inference has the AP50 or AP for
    people. `beside_kbps`: of each other feature codec, between its points, the rate on a logarithmic scale.
    None: not with what was measured.
    """

    rate: str
    feature_kbps: float
    total_kbps: float
    local_kbps_ap50: float | None
    local_kbps_ap: float | None
    beside_kbps: dict[str, float | None]


def efficient(points: Sequence[Point]) -> list[Point]:
    """Return the points that no cheaper point equals in people AP (0.5 to 0.95), cheapest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.bytes_per_frame, -p.accuracy.ap)):
        if not kept or point.accuracy.ap > kept[-1].accuracy.ap:
            kept.append(point)
    return kept


def rate_at(points: Sequence[Point], ap: float) -> float | None:
    """Return the kbit/s at which the efficient points reach an AP; None outside what they reach."""
    for cheap, dear in pairwise(efficient(points)):
        if cheap.accuracy.ap <= ap <= dear.accuracy.ap:
            share = (ap - cheap.accuracy.ap) / (dear.accuracy.ap - cheap.accuracy.ap)
            rate: float = cheap.feature_kbps ** (1 - share) * dear.feature_kbps**share
            return rate
    return None


def rate_differences(study: Study) -> list[RateDifference]:
    """Return ours against each other way to send features, over the efficient points of both.

    A Bjontegaard difference needs curves that rise; points that cost more without being more accurate are
    left out of both, which favours neither.
    """
    ours = _curve(study.of(OURS))
    found = []
    for method in study.methods():
        curve = _curve(study.of(method))
        if method == OURS or len(study.of(method)) < 2:
            continue
        try:
            found.append(RateDifference(method, bd_rate(curve, ours)))
        except CurveError as error:
            found.append(RateDifference(method, None, str(error)))
    return found


def break_evens(study: Study) -> list[BreakEven]:
    """Return, for each of our rates, what local inference needs to be as accurate for people."""
    local = [(point.video_kbps or 0.0, point.accuracy) for point in study.of(LOCAL)]
    least = min(kbps for kbps, _ in local)
    others = [method for method in study.methods() if method not in (OURS, BOXES)]
    rows = []
    for point in study.of(OURS):
        ours = point.accuracy
        rows.append(
            BreakEven(
                point.setting,
                point.feature_kbps,
                least + point.feature_kbps,
                min((kbps for kbps, theirs in local if theirs.ap50 >= ours.ap50), default=None),
                min((kbps for kbps, theirs in local if theirs.ap >= ours.ap), default=None),
                {method: rate_at(study.of(method), ours.ap) for method in others},
            )
        )
    return rows


def _curve(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(point.bytes_per_frame, point.accuracy.ap) for point in efficient(points)]
