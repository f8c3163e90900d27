"""Detection measures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core_network.training.detection import average_precision, ball_score, box_iou

TRUTH = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float64)


def found(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 5)


def test_iou_of_equal_half_and_disjoint_boxes() -> None:
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]], np.float64)
    assert box_iou(TRUTH[:1], others)[0].tolist() == pytest.approx([1, 1 / 3, 0])


def test_perfect_detections_have_an_ap_of_one() -> None:
    detections = found((0, 0, 10, 10, 0.9), (20, 0, 30, 10, 0.8))
    assert average_precision([detections], [TRUTH]) == (1.0, 1.0)


def test_a_false_alarm_between_two_hits_costs_what_the_curve_says() -> None:
    # Precision 1 up to recall 1/2, then 2/3 up to recall 1.
    detections = found((0, 0, 10, 10, 0.9), (50, 0, 60, 10, 0.8), (20, 0, 30, 10, 0.7))
    ap, recall = average_precision([detections], [TRUTH])
    assert (ap, recall) == (pytest.approx(0.5 + 0.5 * 2 / 3), 1.0)


def test_a_second_box_on_the_same_person_is_a_false_alarm() -> None:
    detections = found((0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8), (20, 0, 30, 10, 0.7))
    ap, _ = average_precision([detections], [TRUTH])
    assert ap == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_scores_rank_over_all_pictures_together() -> None:
    confident_miss, late_hit = found((50, 50, 60, 60, 0.9)), found((0, 0, 10, 10, 0.1))
    ap, recall = average_precision([confident_miss, late_hit], [TRUTH[:1], TRUTH[:1]])
    assert (ap, recall) == (pytest.approx(0.5 * 0.5), 0.5)


def test_nothing_found_scores_nothing() -> None:
    assert average_precision([found()], [TRUTH]) == (0.0, 0.0)


def test_balls_are_matched_once_and_within_the_radius() -> None:
    points = [np.array([[0, 0, 0.9], [1, 0, 0.8], [90, 90, 0.7]]), np.zeros((0, 3))]
    truths = [np.array([[0.0, 3.0]]), np.array([[5.0, 5.0]])]
    score = ball_score(points, truths, radius=4, threshold=0.5)
    assert (score.hits, score.false, score.missed) == (1, 2, 1)
    assert (score.recall, score.precision, score.f1) == (0.5, pytest.approx(1 / 3), pytest.approx(0.4))


def test_points_below_the_threshold_do_not_count() -> None:
    points, truths = [np.array([[0, 0, 0.4]])], [np.array([[0.0, 0.0]])]
    score = ball_score(points, truths, radius=4, threshold=0.5)
    assert (score.hits, score.false, score.missed) == (0, 0, 1)
