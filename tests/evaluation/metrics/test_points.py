"""Points within a radius: the width they are measured at, each truth once, and numbers that are none."""

from __future__ import annotations

import math

import pytest

from core_network.training.detection import BallScore
from evaluation.metrics.points import count_points, point_score, total


@pytest.mark.parametrize(
    ("width", "away", "hits"), [(1920, 11.9, 1), (1920, 12.1, 0), (640, 3.9, 1), (640, 4.1, 0)]
)
def test_the_radius_is_12_px_at_a_width_of_1920(width: float, away: float, hits: int) -> None:
    assert count_points([(100, 50)], [(100 + away, 50, 0.3)], width).hits == hits


def test_every_ball_is_hit_once_and_the_best_score_comes_first() -> None:
    counts = count_points([(100, 50)], [(101, 50, 0.3), (100, 50, 0.9)], 1920)
    assert (counts.hits, counts.false, counts.missed) == (1, 1, 0)


def test_a_point_where_no_ball_is_seen_is_false() -> None:
    counts = count_points([], [(5, 5, 0.5)], 1920)
    assert (counts.hits, counts.false, counts.missed) == (0, 1, 0)


def test_nothing_claimed_is_precise_and_finds_nothing() -> None:
    counts = count_points([(5, 5)], [], 1920)
    assert (counts.precision, counts.recall, counts.f1) == (1, 0, 0)


@pytest.mark.parametrize(
    ("found", "width"), [((1.0, 2.0, math.nan), 1920), ((math.inf, 2.0, 0.5), 1920), ((1.0, 2.0, 0.5), 0)]
)
def test_numbers_that_are_none_are_refused(found: tuple[float, float, float], width: float) -> None:
    with pytest.raises(ValueError, match="finite points"):
        count_points([(1, 2)], [found], width)


def test_counts_add_up_over_units() -> None:
    units = [[BallScore(3, 1, 0)] * 2, [BallScore(0, 0, 2)], [BallScore(1, 0, 0)]]
    score = point_score(units)
    assert score.counts == BallScore(7, 2, 2) == total([one for unit in units for one in unit])
    assert score.counts.f1 == pytest.approx(14 / 18)
    assert score.recall_interval.low < 7 / 9 <= score.recall_interval.high
    assert score.to_json()["precision"] == pytest.approx(7 / 9, abs=1e-4)
