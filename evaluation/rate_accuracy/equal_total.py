"""Features beside a smaller video against the same network run on a video that gets all of the bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import log
from types import MappingProxyType

from core_network.spec import RATES
from evaluation.rate_accuracy.comparison import OURS
from evaluation.rate_accuracy.study import LOCAL, Point, Study

__all__ = ["MEASURES", "SHARE", "TOTALS", "EqualTotal", "crossing", "equal_total"]

TOTALS = (600.0, 700.0, 800.0, 900.0, 1000.0)
"""kbit/s of video and features together."""
SHARE = 1 / 3
"""Of a total, what features may take at most."""

Measure = Callable[[Point], float | None]
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "people AP50": lambda point: point.accuracy.ap50,
        "people AP": lambda point: point.accuracy.ap,
        "ball F1": lambda point: point.accuracy.f1,
    }
)
_STEPS = 400


@dataclass(frozen=True)
class EqualTotal:
    """One total in kbit/s, the finest rate that fits, and by measure how far ours is ahead.

    `psnr_given_up_db`: luma PSNR that the video loses by making room, at the source's size. Values are None
    where what was measured does not reach.
    """

    total_kbps: float
    rate: str
    feature_kbps: float
    ahead: Mapping[str, float | None]
    psnr_given_up_db: float | None


def equal_total(study: Study, total_kbps: float) -> EqualTotal | None:
    """Return ours beside local inference at one total; None when no rate fits into its share.

    Ours sees the source, so only its bits depend on the video. Local inference gets the best of the measured
    heights for each measure, between their points on a logarithmic scale of bits.
    """
    fitting = [
        point
        for rate in RATES
        for point in study.of(OURS)
        if point.setting == rate and point.feature_kbps <= total_kbps * SHARE
    ]
    if not fitting:
        return None
    ours = fitting[0]
    ahead = {}
    for name, measure in MEASURES.items():
        mine, theirs = measure(ours), _local(study, total_kbps, measure)
        ahead[name] = None if mine is None or theirs is None else mine - theirs
    whole, rest = (_psnr(study, kbps) for kbps in (total_kbps, total_kbps - ours.feature_kbps))
    given_up = None if whole is None or rest is None else whole - rest
    return EqualTotal(total_kbps, ours.setting, ours.feature_kbps, ahead, given_up)


def crossing(study: Study, rate: str, measure: Measure) -> float | None:
    """Return the total from which local inference is as good as ours at a rate; None: nowhere measured."""
    (ours,) = (point for point in study.of(OURS) if point.setting == rate)
    wanted = measure(ours)
    measured = [point.video_kbps for point in study.of(LOCAL) if point.video_kbps is not None]
    if wanted is None or not measured:
        return None
    least, most = min(measured), max(measured)
    for step in range(_STEPS + 1):
        total: float = least * (most / least) ** (step / _STEPS)
        theirs = _local(study, total, measure)
        if theirs is not None and theirs >= wanted:
            return total
    return None


def _local(study: Study, kbps: float, measure: Measure) -> float | None:
    heights = {point.setting.partition("p,")[0] for point in study.of(LOCAL)}
    curves = ([point for point in study.of(LOCAL) if point.setting.startswith(f"{h}p,")] for h in heights)
    return max(
        (value for curve in curves if (value := _between(curve, kbps, measure)) is not None), default=None
    )


def _psnr(study: Study, kbps: float) -> float | None:
    return _between(study.of(LOCAL), kbps, lambda point: point.psnr_db)


def _between(points: Iterable[Point], kbps: float, measure: Measure) -> float | None:
    known = sorted(
        (point.video_kbps, value)
        for point in points
        if point.video_kbps is not None and (value := measure(point)) is not None
    )
    for (low, before), (high, after) in pairwise(known):
        if low <= kbps <= high:
            return before + (after - before) * (log(kbps / low) / log(high / low) if high > low else 0.0)
    return None
