"""Detection measures on stills: average precision of boxes, recall and precision of ball points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BallScore", "ball_score", "average_precision", "box_iou"]

Boxes = NDArray[np.floating]


def box_iou(a: Boxes, b: Boxes) -> Boxes:
    """Return IoU [n, m] of boxes x0 y0 x1 y1 [n, 4] and [m, 4]."""
    overlap = np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.clip(overlap, 0, None).prod(2)
    area_a, area_b = (a[:, 2:4] - a[:, :2]).prod(1), (b[:, 2:4] - b[:, :2]).prod(1)
    union = area_a[:, None] + area_b[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def average_precision(
    detections: Sequence[Boxes], truths: Sequence[Boxes], iou: float = 0.5
) -> tuple[float, float]:
    """Return (AP, recall at the lowest score); per picture detections [n, 5], score last, and truths [m, 4].

    Area under the interpolated precision-recall curve (all points, PASCAL VOC 2010 development kit); each
    detection, best score first, takes the free truth it overlaps most.
    """
    scores: list[float] = []
    hits: list[bool] = []
    for found, truth in zip(detections, truths, strict=True):
        free = np.ones(len(truth), bool)
        overlaps = (
            box_iou(found[:, :4], truth) if len(found) and len(truth) else np.zeros((len(found), len(truth)))
        )
        for index in np.argsort(-found[:, 4], kind="stable") if len(found) else []:
            candidates = np.where(free, overlaps[index], -1.0)
            best = int(candidates.argmax()) if len(truth) else -1
            hit = best >= 0 and candidates[best] >= iou
            if hit:
                free[best] = False
            scores.append(float(found[index, 4]))
            hits.append(bool(hit))
    total = sum(len(t) for t in truths)
    if not total or not hits:
        return 0.0, 0.0
    order = np.argsort(-np.array(scores), kind="stable")
    true = np.cumsum(np.array(hits)[order])
    precision = true / np.arange(1, len(true) + 1)
    recall = true / total
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * envelope)), float(recall[-1])


@dataclass(frozen=True)
class BallScore:
    """Counts of ball points within the radius, and what follows from them."""

    hits: int
    false: int
    missed: int

    @property
    def recall(self) -> float:
        """Share of the true balls that were found, 0..1."""
        return self.hits / max(self.hits + self.missed, 1)

    @property
    def precision(self) -> float:
        """Share of the points that are on a ball, 0..1; 1 when nothing was claimed."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision, 0..1."""
        return 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)


def ball_score(
    points: Sequence[Boxes], truths: Sequence[Boxes], radius: float, threshold: float
) -> BallScore:
    """Match points x, y, score [n, 3] of each picture with true centres [m, 2] within `radius` px."""
    hits = false = missed = 0
    for found, truth in zip(points, truths, strict=True):
        kept = found[found[:, 2] >= threshold] if len(found) else found.reshape(0, 3)
        free = np.ones(len(truth), bool)
        for x, y, _ in kept[np.argsort(-kept[:, 2], kind="stable")]:
            gap = (
                np.where(free, np.hypot(truth[:, 0] - x, truth[:, 1] - y), np.inf)
                if len(truth)
                else np.array([np.inf])
            )
            best = int(gap.argmin())
            if gap[best] <= radius:
                free[best] = False
                hits += 1
            else:
                false += 1
        missed += int(free.sum())
    return BallScore(hits, false, missed)
