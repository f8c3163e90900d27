"""COCO's matching and averaging in arrays, so that resamples cost little; the headline comes from a library.

The rule is that of pycocotools' COCOeval: per picture and label the best 100 predictions, best score first,
each takes the free truth it overlaps most at or above the threshold; ignored truths only when no other is
left. `tests/evaluation/metrics/test_coco.py` holds it against faster-coco-eval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_network.training.detection import box_iou
from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Thing

__all__ = ["MAX_DETECTIONS", "THRESHOLDS", "LabelMatches", "match_label", "weighted_precision"]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class LabelMatches:
    """One label's predictions, best score first: hits, ignored [T, n], picture [n]; truths [pictures]."""

    hits: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    picture: NDArray[np.int64]
    truths: NDArray[np.int64]


def match_label(
    label: str, truths: Sequence[Sequence[Thing]], predictions: Sequence[Sequence[Prediction]]
) -> LabelMatches:
    """Match one label's predictions with its truths, picture by picture."""
    hits, ignored = [], []
    scores: list[float] = []
    pictures: list[int] = []
    counts = np.zeros(len(truths), np.int64)
    for number, (things, found) in enumerate(zip(truths, predictions, strict=True)):
        own = sorted((thing for thing in things if thing.label == label), key=lambda thing: thing.ignore)
        ranked = sorted((one for one in found if one.label == label), key=lambda one: -one.score)
        ranked = ranked[:MAX_DETECTIONS]
        counts[number] = sum(not thing.ignore for thing in own)
        hit, ignore = _match(own, ranked)
        hits.append(hit)
        ignored.append(ignore)
        scores.extend(one.score for one in ranked)
        pictures.extend([number] * len(ranked))
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    return LabelMatches(
        np.concatenate(hits, axis=1)[:, order] if hits else np.zeros((len(THRESHOLDS), 0), bool),
        np.concatenate(ignored, axis=1)[:, order] if ignored else np.zeros((len(THRESHOLDS), 0), bool),
        np.array(pictures, np.int64)[order],
        counts,
    )


def _match(
    things: Sequence[Thing], found: Sequence[Prediction]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    hit = np.zeros((len(THRESHOLDS), len(found)), bool)
    ignore = hit.copy()
    if not things or not found:
        return hit, ignore
    boxes = np.array([one.box for one in found])
    truths = np.array([thing.box for thing in things])
    crowd = np.array([thing.ignore for thing in things])
    overlap = box_iou(boxes, truths)
    if crowd.any():
        # Of a crowd only the prediction's own area counts.
        overlap[:, crowd] = _share_inside(boxes, truths[crowd])
    free = np.ones((len(THRESHOLDS), len(things)), bool)
    rows = np.arange(len(THRESHOLDS))
    for index in range(len(found)):
        enough = overlap[index] >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
        for kind, usable in ((False, free & enough & ~crowd), (True, enough & crowd)):
            candidates = np.where(usable, overlap[index], -1.0)
            # The last of equals, as the reference's loop leaves it.
            best = len(things) - 1 - candidates[:, ::-1].argmax(1)
            taken = usable.any(1) & ~hit[:, index]
            hit[taken, index] = True
            ignore[taken, index] = kind
            if not kind:
                free[rows[taken], best[taken]] = False
    return hit, ignore


def _share_inside(boxes: NDArray[np.float64], crowds: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], crowds[None, :, :2]
    )
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(np.clip(sides, 0, None).prod(2) / np.maximum(area, 1e-9)[:, None])


def weighted_precision(matches: LabelMatches, weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return AP at each threshold [T] with every picture counted `weights` times; NaN without a truth."""
    truths = int((matches.truths * weights).sum())
    if not truths:
        return np.full(len(THRESHOLDS), np.nan)
    each = weights[matches.picture]
    counted = ~matches.ignored
    right = _sums(matches.hits & counted, each)
    wrong = _sums(~matches.hits & counted, each)
    precision = right / np.maximum(right + wrong, np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / truths
    averages = np.zeros(len(THRESHOLDS))
    for row in range(len(THRESHOLDS)):
        places = np.searchsorted(recall[row], _RECALLS, side="left")
        reached = places < recall.shape[1]
        averages[row] = envelope[row, places[reached]].sum() / len(_RECALLS)
    return averages


def _sums(flags: NDArray[np.bool_], each: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.cumsum(flags * each, axis=1).astype(np.float64)
