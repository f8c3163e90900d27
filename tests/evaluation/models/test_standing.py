from __future__ import annotations

import math

import pytest

from evaluation.models.standing import Standing, verdict


def test_points_are_hundredths_for_each_millisecond_and_thousand_bytes():
    one = Standing("a", 0.8, 0.4, 20.0, 0.3, 3000.0)
    assert one.per_ms == pytest.approx(2.0) and one.per_kb == pytest.approx(10.0)


def test_a_verdict_names_what_ours_is_ahead_in_and_what_not():
    ours = Standing("ours", 0.8, 0.4, 20.0, 0.4, 3000.0)
    better_but_slow = Standing("big", 0.9, 0.5, 400.0, 0.5, 100_000.0)
    assert verdict(ours, better_but_slow) == "ours ahead in AP per ms, AP per byte; not in AP"
    assert verdict(ours, ours) == "not in AP, AP per ms, AP per byte"


def test_what_was_not_measured_is_not_compared():
    ours = Standing("ours", 0.8, 0.4, 20.0, 0.4, 3000.0)
    assert verdict(ours, Standing("video", 0.1, 0.1, 40.0)) == "ours ahead in AP, AP per ms"
    assert verdict(ours, Standing("none", math.nan, math.nan, math.nan)) == "not compared"
