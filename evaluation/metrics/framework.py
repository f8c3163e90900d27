"""The per-frame score of the 5G-MAG AI/ML evaluation framework's calc_map.py. It is not COCO AP.

For each frame and each label that the frame's truth contains: predictions of that label above a fixed score
are matched at ten IoU thresholds, which gives ten pairs (recall, precision), one for each threshold. The
framework feeds these ten pairs to an area-under-curve routine as if they were one precision-recall curve, and
averages the result over the frames that contain the label; its overall figure is the mean over labels.

What follows from that, all of it kept here and pinned by tests:

- Scores rank nothing: everything above the threshold (strictly) counts the same.
- Recall falls along the ten pairs, so the area's steps after the first are negative. A frame whose boxes all
  match at IoU 0.5 and none at 0.55 scores 1.0, as much as perfect boxes.
- Frames without an object of a label do not count, whatever was predicted in them: false alarms in empty
  frames, and of labels that the frame does not contain, are free.
- A label without a prediction in a frame scores 0 there.
- A prediction takes every free truth that it overlaps enough, not only the best one; it is one true positive,
  but those truths are gone for the predictions after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.training.detection import box_iou
from evaluation.datasets.predictions import Prediction, Predictions, checked
from evaluation.datasets.types import Dataset, Frame
from evaluation.metrics.bootstrap import Interval, interval

__all__ = ["NOT_COMPARABLE", "FrameworkScore", "frame_score", "label_area"]

NOT_COMPARABLE = "5G-MAG frame score: not comparable with COCO AP"

_THRESHOLDS = [0.5 + step / 20 for step in range(10)]


@dataclass(frozen=True)
class FrameworkScore:
    """Mean over labels of the mean over frames, 0..1, and its interval over frames; NaN without truth."""

    mean: float
    interval: Interval
    per_label: dict[str, float]
    per_clip: dict[str, float]
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "note": NOT_COMPARABLE,
            "mean": _rounded(self.mean),
            "interval": self.interval.to_json(),
            "confidence": self.confidence,
            "labels": {name: _rounded(value) for name, value in self.per_label.items()},
            "clips": {name: _rounded(value) for name, value in self.per_clip.items()},
        }


def frame_score(
    dataset: Dataset, predictions: Predictions, *, confidence: float = 0.5, rounds: int = 300
) -> FrameworkScore:
    """Score as the framework does.

    Raises KeyError when a frame has no predictions listed, DatasetError for a box or score that is none.

    The framework knows no ignored truth: ignored things are left out of the truth here. `Clip.outside` is not
    applied either.
    """
    frames: list[dict[str, float]] = []
    per_clip = {}
    for clip in dataset.clips:
        scored = [
            _frame(
                frame, checked(predictions[clip.name, frame.name], f"{clip.name}/{frame.name}"), confidence
            )
            for frame in clip.frames
        ]
        per_clip[clip.name] = _mean_of_labels(scored)
        frames.extend(scored)
    return FrameworkScore(
        _mean_of_labels(frames),
        interval(frames, _mean_of_labels, rounds=rounds),
        _per_label(frames),
        per_clip,
        confidence,
    )


def label_area(truths: Sequence[Sequence[float]], boxes: Sequence[Sequence[float]]) -> float:
    """Return one label's score in one frame; `boxes` are those above the threshold, best score first."""
    if not boxes:
        return 0.0
    overlap = box_iou(np.array(boxes, np.float64), np.array(truths, np.float64))
    precisions, recalls = [], []
    for threshold in _THRESHOLDS:
        free = np.ones(len(truths), bool)
        hits = 0
        for row in overlap >= threshold:
            taken = free & row
            hits += bool(taken.any())
            free &= ~taken
        precisions.append(hits / len(boxes))
        recalls.append(hits / len(truths))
    return _area(np.array(precisions), np.array(recalls))


def _area(precisions: NDArray[np.float64], recalls: NDArray[np.float64]) -> float:
    """Return what the framework's routine makes of pairs whose recall does not rise."""
    recall = np.concatenate([[0.0], recalls, [1.0]])
    precision = np.concatenate([[0.0], precisions, [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))


def _frame(frame: Frame, found: Sequence[Prediction], confidence: float) -> dict[str, float]:
    truths: dict[str, list[Sequence[float]]] = {}
    for thing in frame.things:
        if not thing.ignore:
            truths.setdefault(thing.label, []).append(thing.box)
    kept = sorted((one for one in found if one.score > confidence), key=lambda one: -one.score)
    return {
        label: label_area(boxes, [one.box for one in kept if one.label == label])
        for label, boxes in truths.items()
    }


def _per_label(frames: Sequence[dict[str, float]]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for frame in frames:
        for label, area in frame.items():
            values.setdefault(label, []).append(area)
    return {label: float(np.mean(areas)) for label, areas in values.items()}


def _mean_of_labels(frames: Sequence[dict[str, float]]) -> float:
    labels = _per_label(frames)
    return float(np.mean(list(labels.values()))) if labels else math.nan


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
