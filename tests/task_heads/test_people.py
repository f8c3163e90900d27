"""Heads of given people: reading features inside boxes, who is met by whom, what the loss knows."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")

from task_heads.dataset import FrameTruth, Record  # noqa: E402
from task_heads.training.people import (  # noqa: E402
    given_people,
    people_loss,
    people_target,
    sample_boxes,
    shaken,
)

VIEW = np.array([0, 0.125, 1, 0.75, 100, 50], np.float32)
LABELS = ("referee",)


def record(boxes, labels):
    truth = FrameTruth(np.array(boxes, np.float32).reshape(-1, 4), labels)
    return Record(np.zeros((1, 1, 1), np.int8), "default", VIEW, "a", 0, "", truth)


def taught(boxes, labels, spec):
    """Return the batch of one picture that the loss takes."""
    target = people_target(record(boxes, labels), spec, LABELS)
    return {name: torch.from_numpy(np.asarray(value)[None]) for name, value in target.items()}


def test_features_are_read_linearly_between_cells():
    across, down = torch.meshgrid(torch.arange(8.0), torch.arange(4.0), indexing="xy")
    features = torch.stack([across + 0.5, down + 0.5])[None]  # what is read is the place, in cells
    boxes = torch.tensor([[[0.25, 0.25, 0.75, 0.75]]])
    read = sample_boxes(features, boxes, 2, 2, 1.0).reshape(2, 2, 2)
    np.testing.assert_allclose(read[0], [[3, 5], [3, 5]], rtol=1e-6)
    np.testing.assert_allclose(read[1], [[1.5, 1.5], [2.5, 2.5]], rtol=1e-6)
    twice = sample_boxes(features, boxes, 2, 2, 2.0).reshape(2, 2, 2)
    np.testing.assert_allclose(twice[0], [[2, 6], [2, 6]], rtol=1e-6)


def test_nobody_is_given_twice():
    """A box that a better one covers is empty; who stands beside somebody stays, as does who is covered by an
    empty row."""
    rows = torch.tensor(
        [
            [0.1, 0.1, 0.2, 0.5, 0.9],
            [0.11, 0.1, 0.21, 0.5, 0.8],
            [0.16, 0.1, 0.26, 0.5, 0.7],
            [0.6, 0.1, 0.7, 0.5, 0.6],
        ]
    )
    table = torch.cat([rows, torch.zeros(4, 2), torch.ones(4, 1)], 1)[None]
    view = torch.tensor([[0.0, 0, 1, 1, 640, 352]])
    assert given_people(table, view)[1][0].tolist() == pytest.approx([0.9, 0, 0.7, 0.6])
    table[0, 0, 7] = 0.0
    assert given_people(table, view)[1][0].tolist() == pytest.approx([0, 0.8, 0.7, 0.6])


def test_outside_the_features_the_nearest_cell_is_read():
    features = torch.arange(8.0).reshape(1, 1, 1, 8)
    read = sample_boxes(features, torch.tensor([[[-0.5, 0, -0.25, 1], [1.5, 0, 2, 1]]]), 1, 1, 1.0)
    assert read.flatten().tolist() == [0, 7]


def test_every_picture_of_a_batch_is_read_by_itself():
    features = torch.stack([torch.zeros(2, 4, 8), torch.ones(2, 4, 8)])
    boxes = torch.tensor([0.2, 0.2, 0.6, 0.9]).expand(2, 3, 4)
    read = sample_boxes(features, boxes, 2, 1, 1.0)
    assert read.shape == (2, 3, 4)
    assert (read[0] == 0).all()
    assert (read[1] == 1).all()


def test_labelled_and_given_people_lie_in_the_same_coordinates(small_spec):
    target = taught([[10, 10, 20, 30], [60, 10, 70, 30]], ("referee", "player"), small_spec)
    table = torch.zeros(1, 3, 8)
    table[0, :2, :4] = torch.tensor([[0.1, 0.2, 0.2, 0.6], [0.6, 0.2, 0.7, 0.6]])
    table[0, :, 4] = 0.5
    table[0, :2, 7] = 1
    boxes, score = given_people(table, target["view"])
    np.testing.assert_allclose(boxes[0, :2], target["boxes"][0, :2], rtol=1e-6)
    assert score.tolist() == [[0.5, 0.5, 0]]
    assert target["kind"][0, :3].tolist() == [0, 1, -1]


def test_the_loss_knows_who_is_who(small_spec):
    target = taught([[10, 10, 20, 30], [60, 10, 70, 30]], ("referee", "player"), small_spec)
    referee, player = target["boxes"][0, :2]
    beside = referee + 0.02  # covers the referee too, less well: nobody
    boxes = torch.stack([beside, player, referee, torch.zeros(4)])[None]
    score = torch.tensor([[0.9, 0.9, 0.5, 0]])
    right = torch.nn.functional.one_hot(torch.tensor([[2, 1, 0, 0]]), 3) * 20.0
    loss, parts = people_loss(right, boxes, boxes, score, target)
    assert loss < 1e-3
    assert set(parts) == {"kind", "box"}
    wrong = right[:, [1, 0, 2, 3]]
    assert people_loss(wrong, boxes, boxes, score, target)[1]["kind"] > 5
    assert people_loss(right, boxes + 0.02, boxes, score, target)[1]["box"] > 0.2


def test_a_picture_without_people_teaches_that_nobody_is_there(small_spec):
    target = taught([], (), small_spec)
    boxes, score = torch.rand(1, 4, 4), torch.full((1, 4), 0.5)
    nobody = torch.tensor([0.0, 0.0, 20.0]).expand(1, 4, 3)
    assert people_loss(nobody, boxes, boxes, score, target)[0] < 1e-3


def test_shaken_people_stay_where_they_are_and_empty_rows_empty():
    torch.manual_seed(1)
    boxes = torch.tensor([[0.1, 0.1, 0.2, 0.4]]).expand(1, 200, 4)
    score = torch.full((1, 200), 0.5)
    score[0, 100:] = 0
    moved, noisy = shaken(boxes, score)
    assert (moved - boxes).abs().mean(1).max() < 0.05
    assert (moved - boxes).std() > 0
    assert (noisy[0, 100:] == 0).all()
    assert (noisy[0, :100] > 0).all()
