"""Intervals of differences: nothing between equals, sure where one is always better, blind to shared luck."""

from __future__ import annotations

import numpy as np

from core_network.training.detection import BallScore
from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, Frame, Thing
from evaluation.metrics.paired import ap50_difference, f1_difference

BOX = (10.0, 10.0, 30.0, 50.0)
NAMES = [f"{n:02}" for n in range(20)]


def pictures() -> Dataset:
    frames = tuple(Frame(name, 100, 100, (Thing("person", BOX),)) for name in NAMES)
    return Dataset("d", (Clip("c", frames),), ("person",))


def found(hits: set[str]) -> dict[tuple[str, str], list[Prediction]]:
    away = (60.0, 60.0, 80.0, 99.0)
    return {("c", name): [Prediction("person", BOX if name in hits else away, 0.9)] for name in NAMES}


def test_equals_do_not_differ_however_hard_the_pictures_are() -> None:
    half = found(set(NAMES[:10]))
    same = ap50_difference(pictures(), half, half)
    assert (same.low, same.high, same.units) == (0.0, 0.0, 20)


def test_the_better_one_is_surely_better() -> None:
    spread = ap50_difference(pictures(), found(set(NAMES)), found(set(NAMES[:10])))
    assert 0 < spread.low < 0.5 < spread.high <= 1.0
    turned = ap50_difference(pictures(), found(set(NAMES[:10])), found(set(NAMES)))
    assert turned.high < 0


def test_f1_is_compared_frame_by_frame() -> None:
    hit, missed = BallScore(1, 0, 0), BallScore(0, 0, 1)
    rng = np.random.default_rng(0)
    luck = [hit if rng.random() < 0.5 else missed for _ in range(60)]
    assert (f1_difference(luck, luck).low, f1_difference(luck, luck).high) == (0.0, 0.0)
    worse = [missed if n % 3 == 0 else one for n, one in enumerate(luck)]
    assert f1_difference(luck, worse).low > 0
