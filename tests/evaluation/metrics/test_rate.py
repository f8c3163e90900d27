"""Bjontegaard's rate difference: curves whose answer is known, and curves that have none."""

from __future__ import annotations

import math

import pytest

from evaluation.metrics.rate import CurveError, bd_rate

ANCHOR = [(100.0, 30.0), (200.0, 33.0), (400.0, 36.0), (800.0, 39.0)]


def test_half_the_bits_at_every_quality_is_minus_fifty_percent() -> None:
    halved = [(rate / 2, quality) for rate, quality in ANCHOR]
    result = bd_rate(ANCHOR, halved)
    assert result.percent == pytest.approx(-50)
    assert (result.low, result.high, result.overlap) == (30, 39, 1)
    assert bd_rate(halved, ANCHOR).percent == pytest.approx(100)


def test_the_order_of_the_points_does_not_matter() -> None:
    assert bd_rate(ANCHOR[::-1], ANCHOR).percent == pytest.approx(0)


def test_only_the_common_quality_counts() -> None:
    # Twice the rate everywhere, on a curve that begins 3 higher: 1 doubling of the rate is 3 of quality.
    higher = [(2 * rate * 2, quality + 3) for rate, quality in ANCHOR]
    result = bd_rate(ANCHOR, higher)
    assert (result.low, result.high) == (33, 39)
    assert result.percent == pytest.approx(100, abs=1e-6)
    assert result.overlap == pytest.approx(2 / 3)


def test_a_curve_between_known_points_is_monotone() -> None:
    # A flat start would make a cubic polynomial overshoot; the average must stay between both extremes.
    bent = [(100.0, 30.0), (110.0, 38.0), (700.0, 38.5), (800.0, 39.0)]
    assert -90 < bd_rate(ANCHOR, bent).percent < 0


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (ANCHOR[:3], "4 or more points of the test curve, got 3"),
        ([(0.0, 29.0), *ANCHOR], "rates above 0"),
        ([*ANCHOR, (900.0, math.nan)], "finite points"),
        ([*ANCHOR, (900.0, 38.0)], "rise with the rate"),
        ([*ANCHOR, (800.0, 40.0)], "rise with the rate"),
        ([(rate, quality + 6) for rate, quality in ANCHOR], "share at least 50%"),
        ([(rate, quality + 20) for rate, quality in ANCHOR], "share at least 50%"),
    ],
)
def test_curves_without_an_answer_are_refused(curve: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(CurveError, match=words):
        bd_rate(ANCHOR, curve)
