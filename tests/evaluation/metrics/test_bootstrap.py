"""Intervals: reproducible, as wide as theory says, and defined for little material."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.metrics.bootstrap import blocks, interval


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).normal(10, 2, 400).tolist()
    found = interval(values, lambda drawn: float(np.mean(drawn)), rounds=2000)
    error = np.std(values) / math.sqrt(len(values))
    assert found.low == pytest.approx(np.mean(values) - 1.96 * error, abs=0.03)
    assert found.high == pytest.approx(np.mean(values) + 1.96 * error, abs=0.03)


def test_the_same_seed_gives_the_same_interval() -> None:
    once, again, other = (interval([1.0, 2.0, 5.0], lambda d: sum(d) / len(d), seed=s) for s in (1, 1, 2))
    assert once == again and once.units == 3
    assert interval(list(range(50)), lambda d: sum(d), seed=1) != interval(
        list(range(50)), lambda d: sum(d), seed=2
    )
    assert other.units == 3


def test_drawn_units_keep_their_order() -> None:
    seen: list[list[int]] = []
    interval([1, 2, 3], lambda drawn: float(seen.append(list(drawn)) or 0), rounds=20)
    assert all(drawn == sorted(drawn) and len(drawn) == 3 for drawn in seen)


@pytest.mark.parametrize("units", [[], [1.0]])
def test_fewer_than_two_units_have_no_interval(units: list[float]) -> None:
    found = interval(units, lambda drawn: sum(drawn))
    assert math.isnan(found.low) and str(found) == "-"
    assert found.to_json()["low"] is None


def test_resamples_without_a_score_are_left_out() -> None:
    found = interval([0.0, 1.0, 1.0], lambda d: math.nan if sum(d) == 0 else sum(d), rounds=200)
    assert found.low >= 1


def test_runs_cover_everything_once_and_none_is_short() -> None:
    runs = blocks(list(range(33)), 15)
    assert [len(run) for run in runs] == [15, 18]
    assert [item for run in runs for item in run] == list(range(33))
    assert [len(run) for run in blocks(list(range(38)), 15)] == [15, 15, 8]
    assert [len(run) for run in blocks([1, 2], 15)] == [2]
    assert blocks([], 15) == []
