"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from evaluation.baselines.losses import focal_loss, hard_negative_loss, smooth_l1
from evaluation.baselines.masks import mask_loss, mixed_masks


def test_focal_loss_is_equation_5_of_its_paper() -> None:
    logits = torch.tensor([math.log(3), math.log(3)])  # p = 0.75
    truth = torch.tensor([1.0, 0.0])
    found = -0.25 * 0.25**2 * math.log(0.75)
    missed = -0.75 * 0.75**2 * math.log(0.25)
    assert float(focal_loss(logits, truth)) == pytest.approx(found + missed, rel=1e-5)
    plain = -math.log(0.75) - math.log(0.25)
    assert float(focal_loss(logits, truth, 0.5, 0.0)) == pytest.approx(plain / 2, rel=1e-5)


def test_of_the_negatives_only_the_worst_three_for_each_positive_count() -> None:
    # One positive and five negatives with rising doubt; one more is ignored.
    doubt = [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    logits = torch.tensor([[[0.0, 2.0], *[[0.0, d] for d in doubt]]])
    labels = torch.zeros(1, 7, dtype=torch.long)
    labels[0, 0] = 1
    counted = torch.ones(1, 7, dtype=torch.bool)
    counted[0, 6] = False
    positive = math.log(1 + math.exp(-2))
    worst = sum(math.log(1 + math.exp(d)) for d in (4.0, 3.0, 2.0))
    assert float(hard_negative_loss(logits, labels, counted)) == pytest.approx(positive + worst, rel=1e-5)
    assert float(hard_negative_loss(logits, torch.zeros_like(labels), counted)) == 0


def test_smooth_l1_is_a_parabola_near_zero() -> None:
    got, wanted = torch.tensor([0.5, 3.0]), torch.zeros(2)
    assert float(smooth_l1(got, wanted)) == pytest.approx(0.125 + 2.5)
    assert float(smooth_l1(got, wanted, 1 / 9)) == pytest.approx(0.5 - 1 / 18 + 3 - 1 / 18)


def test_a_mask_counts_inside_its_box_alone() -> None:
    prototypes = torch.zeros(1, 4, 4)
    prototypes[0, :, 2:] = 10.0  # the right half
    boxes = torch.tensor([[0.0, 0, 16, 8]])  # the upper half of 4x4 cells
    chance = mixed_masks(torch.ones(1, 1), prototypes, boxes)[0]
    assert chance[0].tolist() == pytest.approx([0.5, 0.5, 1.0, 1.0], abs=1e-4)
    assert not chance[2:].any()
    instances = torch.zeros(4, 4, dtype=torch.long)
    instances[:, 2:] = 1
    loss = mask_loss(torch.ones(1, 1), prototypes, boxes, torch.tensor([1]), instances)
    assert float(loss) == pytest.approx(4 * math.log(2) / 8, rel=1e-3)  # four of eight cells undecided
