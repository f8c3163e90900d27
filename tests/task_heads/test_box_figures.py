"""What finders of boxes are taught, and their recall and precision, against exact truth."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")

from task_heads.dataset import FrameTruth, Record  # noqa: E402
from task_heads.training.boxes import box_figures, box_loss, box_target  # noqa: E402

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


def taught(example, spec):
    """Return the batch of one picture that the loss takes."""
    return {name: torch.from_numpy(value[None]) for name, value in box_target(example, spec, LABELS).items()}


def test_places_around_a_centre_are_taught_the_box_and_its_label(small_spec):
    """The picture of 100 x 50 px fills an input of 64 x 32, whose maps have 16 x 8 places."""
    target = box_target(TRUTH[0], small_spec, LABELS)
    assert {name: value.shape for name, value in target.items()} == {
        "heat": (8, 16), "boxes": (4, 8, 16), "box_weight": (8, 16), "known": (), "kind": (2, 8, 16),
        "labelled": (2,),
    }  # fmt: skip
    assert np.argwhere(target["heat"] == 1).tolist() == [[3, 2], [3, 10]]
    np.testing.assert_allclose(target["boxes"][:, 3, 2] * 4, np.array([10, 10, 20, 30]) * 0.64, rtol=1e-5)
    assert np.argwhere(target["kind"] == 1).tolist() == [[0, 3, 2], [1, 3, 10]]
    assert target["box_weight"][3, [2, 10]].tolist() == [1, 1]


def test_a_picture_without_labels_teaches_nothing(small_spec):
    unlabelled = record([], ())
    unlabelled = Record(**{**vars(unlabelled), "truth": FrameTruth(None, (), None)})
    loss, _ = box_loss(torch.randn(1, 5, 8, 16), taught(unlabelled, small_spec))
    assert loss.item() == 0


def test_the_loss_knows_the_right_box(small_spec):
    target = taught(TRUTH[0], small_spec)
    x0, y0, x1, y1 = target["boxes"][0]
    down, across = torch.meshgrid(torch.arange(8.0), torch.arange(16.0), indexing="ij")
    size = torch.stack([x1 - x0, y1 - y0]).clamp(min=0.1).log()
    centre = torch.stack([(x0 + x1) / 2 - across, (y0 + y1) / 2 - down])
    heat = torch.where(target["heat"] == 1, 9.0, -9.0)
    right = torch.cat([heat, centre, size])[None]
    _, parts = box_loss(right, target)
    assert parts["box"] < 1e-3
    assert parts["heat"] < 1e-3
    off = right.clone()
    off[:, 1] += 1
    assert box_loss(off, target)[1]["box"] > 0.3
    assert box_loss(-right, target)[1]["heat"] > 1
