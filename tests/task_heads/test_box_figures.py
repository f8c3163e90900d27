"""Recall and precision of boxes against exact truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")

from task_heads.dataset import FrameTruth, Record  # noqa: E402
from task_heads.training.boxes import box_figures  # noqa: E402

VIEW = np.array([0, 0, 1, 1, 100, 50], np.float32)


def record(boxes, labels):
    truth = FrameTruth(np.array(boxes, np.float32).reshape(-1, 4), labels)
    return Record(np.zeros((1, 1, 1), np.int8), "default", VIEW, "a", 0, "", truth)


def found(*rows):
    """Rows in pixels of the picture, score, label."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    table[:, :4] /= np.tile(VIEW[4:], 2)
    return lambda _: {"found": table}


TRUTH = [record([[10, 10, 20, 30], [60, 10, 70, 30]], ("flag", "post"))]
LABELS = ("flag", "post")


def test_right_boxes_count_once_and_by_kind():
    run = found(
        (10, 10, 20, 30, 0.9, 0),  # right
        (11, 10, 21, 30, 0.8, 0),  # the same one again
        (60, 10, 70, 30, 0.7, 0),  # right place, wrong kind
    )
    figures = box_figures(run, TRUTH, LABELS, 0.5)
    assert figures["recall"] == pytest.approx(1 / 2)
    assert figures["precision"] == pytest.approx(1 / 3)


def test_boxes_below_the_threshold_do_not_count():
    run = found((10, 10, 20, 30, 0.9, 0), (60, 10, 70, 30, 0.4, 1), (0, 0, 5, 5, 0.2, 0))
    assert box_figures(run, TRUTH, LABELS, 0.5)["recall"] == 0.5
    best = box_figures(run, TRUTH, LABELS, None)
    assert best["recall"] == best["precision"] == 1
    assert 0.2 < best["threshold"] <= 0.4


def test_half_of_the_union_is_needed():
    half = found((10, 10, 20, 20, 0.9, 0))
    assert box_figures(half, TRUTH, LABELS, 0.5)["recall"] == 0.5
    less = found((10, 10, 20, 19.5, 0.9, 0))
    assert box_figures(less, TRUTH, LABELS, 0.5)["recall"] == 0


def test_labels_of_others_and_pictures_without_labels_do_not_count():
    others = [record([[10, 10, 20, 30]], ("ball",)), record([], ())]
    assert box_figures(found(), others, LABELS, 0.5) == {
        "f1": 0, "recall": 0, "precision": 0, "threshold": 0.5
    }  # fmt: skip
