"""Equal totals: the finest rate that fits, local inference between its points, what the video gives up."""

from __future__ import annotations

import pytest

from evaluation.rate_accuracy.equal_total import MEASURES, crossing, equal_total
from evaluation.rate_accuracy.scoring import Accuracy
from evaluation.rate_accuracy.study import LOCAL, Point, Study

NOTHING = (float("nan"), float("nan"))


def accuracy(ap: float, f1: float | None = 0.5) -> Accuracy:
    return Accuracy(ap, NOTHING, ap, NOTHING, f1, NOTHING)


def local(height: int, kbps: float, ap: float, psnr: float | None = None) -> Point:
    return Point(LOCAL, f"{height}p, {kbps:.0f} kbit/s asked", kbps, 0.0, 1.0, accuracy(ap), psnr)


def ours(rate: str, kbps: float, ap: float) -> Point:
    return Point("ours", rate, None, kbps, 1.0, accuracy(ap, None))


STUDY = Study(
    "clip",
    10,
    30.0,
    "labels",
    (
        local(720, 400, 0.4, 30.0), local(720, 1600, 0.6, 38.0), local(360, 100, 0.3), local(360, 1600, 0.58),
        ours("default", 300, 0.55), ours("low", 200, 0.5),
    ),
)  # fmt: skip


def test_the_finest_rate_that_fits_is_compared_with_the_best_height() -> None:
    found = equal_total(STUDY, 800)
    assert found is not None and found.rate == "low"
    # Half way between 400 and 1600 on a logarithmic scale; 360p has .51 there.
    assert found.ahead["people AP"] == pytest.approx(0.5 - 0.51)
    assert found.ahead["ball F1"] is None
    assert found.psnr_given_up_db == pytest.approx(34.0 - 32.34, abs=0.01)
    assert equal_total(STUDY, 900).rate == "default"  # type: ignore[union-attr]
    assert equal_total(STUDY, 599) is None


def test_where_the_curves_cross() -> None:
    measure = MEASURES["people AP"]
    low = crossing(STUDY, "low", measure)
    assert low is not None and equal_total(STUDY, 700) is not None
    assert 700 < low < 800
    assert crossing(STUDY, "default", measure) > low  # type: ignore[operator]
    assert crossing(STUDY, "low", MEASURES["ball F1"]) is None
