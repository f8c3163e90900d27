from __future__ import annotations

import pytest

from evaluation.rate_accuracy.comparison import break_evens, efficient, rate_at, rate_differences
from evaluation.rate_accuracy.scoring import Accuracy
from evaluation.rate_accuracy.study import BOXES, LOCAL, Point, Study


def _point(method, setting, size, ap, video=None):
    nothing = (float("nan"), float("nan"))
    kbps = size * 0.2
    return Point(
        method, setting, video, 0.0 if video else kbps, size, Accuracy(ap, nothing, ap, nothing, None, None)
    )


def _study(*points):
    return Study("clip", 10, 25.0, "labels", points)


def _curve(method, scale):
    return [_point(method, str(n), scale * 1000 * 2**n, 0.5 + 0.1 * n) for n in range(4)]


def test_points_that_a_cheaper_one_equals_are_left_out():
    sizes = (("a", 100, 0.5), ("b", 200, 0.5), ("c", 300, 0.7), ("d", 300, 0.6), ("e", 400, 0.65))
    points = [_point("ours", name, size, ap) for name, size, ap in sizes]
    assert [point.setting for point in efficient(points)] == ["a", "c"]


def test_half_the_bits_are_minus_fifty_percent():
    study = _study(*_curve("ours", 1.0), *_curve("x265 mosaic", 2.0), _point(BOXES, "", 50, 0.9))
    (row,) = rate_differences(study)  # boxes are one point, not a curve
    assert row.anchor == "x265 mosaic" and row.bd is not None
    assert row.bd.percent == pytest.approx(-50)


def test_a_curve_with_too_few_points_says_so():
    study = _study(*_curve("ours", 1.0), *_curve("zstd", 2.0)[:2])
    (row,) = rate_differences(study)
    assert row.bd is None and "4 or more points" in row.reason


def test_rates_between_points_are_interpolated_on_a_logarithmic_scale():
    points = [_point("zstd", "a", 500, 0.4), _point("zstd", "b", 2000, 0.6)]  # 100 and 400 kbit/s
    assert rate_at(points, 0.5) == pytest.approx(200)
    assert rate_at(points, 0.6) == pytest.approx(400)
    assert rate_at(points, 0.39) is None and rate_at(points, 0.61) is None


def test_local_inference_is_compared_at_the_smallest_video_that_does():
    study = _study(
        _point(LOCAL, "720p", 0, 0.8, video=1000.0),
        _point(LOCAL, "540p", 0, 0.8, video=700.0),
        _point(LOCAL, "360p", 0, 0.3, video=200.0),
        _point("ours", "low", 1000, 0.75),
        _point("ours", "high", 2000, 0.85),
        _point("zstd", "8 bit", 4000, 0.75),
        _point("zstd", "9 bit", 5000, 0.8),
        _point(BOXES, "", 50, 0.9),
    )
    low, high = break_evens(study)
    assert (low.rate, low.feature_kbps, low.total_kbps) == ("low", 200.0, 400.0)
    assert low.local_kbps_ap50 == low.local_kbps_ap == 700.0
    assert high.local_kbps_ap50 is None
    assert low.beside_kbps == {"zstd": pytest.approx(800)} and high.beside_kbps == {"zstd": None}
