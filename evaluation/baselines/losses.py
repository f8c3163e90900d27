"""Focal loss, softmax with hard negatives, and smooth L1, each summed over what it is given."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["focal_loss", "hard_negative_loss", "smooth_l1"]


def focal_loss(logits: Tensor, truth: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the sum of -alpha_t (1 - p_t)^gamma log p_t (arXiv 1708.02002, eq. 5); both [..., labels]."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    chance = torch.sigmoid(logits)
    miss = chance + truth - 2 * chance * truth  # 1 - p_t
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return (weight * miss**gamma * entropy).sum()


def hard_negative_loss(logits: Tensor, labels: Tensor, counted: Tensor, ratio: float = 3.0) -> Tensor:
    """Return the summed cross entropy of positives and the worst negatives (arXiv 1512.02325, section 2.2).

    logits [B, A, 1 + labels] with background first, labels [B, A] with 0 = background, counted bool [B, A].
    Of each picture `ratio` negatives for each positive count.
    """
    entropy = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    positive = (labels > 0) & counted
    negative = torch.where(counted & ~positive, entropy.detach(), entropy.new_tensor(-1.0))
    rank = negative.argsort(1, descending=True).argsort(1)
    kept = (rank < ratio * positive.sum(1, keepdim=True)) & (negative >= 0)
    return (entropy * (positive | kept)).sum()


def smooth_l1(got: Tensor, wanted: Tensor, beta: float = 1.0) -> Tensor:
    """Return the sum of d^2 / 2 beta where d = |got - wanted| < beta, else d - beta / 2 (Fast R-CNN)."""
    return F.smooth_l1_loss(got, wanted, beta=beta, reduction="sum")
