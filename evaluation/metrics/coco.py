"""COCO average precision and recall of a dataset (arXiv 1405.0312), by faster-coco-eval, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster  # type: ignore[import-untyped]
from numpy.typing import NDArray

from evaluation.datasets.predictions import Prediction, Predictions, checked
from evaluation.datasets.types import Dataset, Frame
from evaluation.metrics.bootstrap import Interval, weighted_interval
from evaluation.metrics.coco_matching import MAX_DETECTIONS, match_label, weighted_precision

__all__ = ["Averages", "CocoScore", "Evaluator", "Regions", "average_precision"]

Regions = Sequence[Sequence[Any]]
"""Of each frame the pixels of each of its things, or predictions, as the library's run lengths."""

_MIN_CLIPS = 8
"""From this many clips on, clips are resampled rather than their frames."""


@dataclass(frozen=True)
class Averages:
    """AP over IoU 0.5 to 0.95, at 0.5 and 0.75, and AR with 100 predictions; NaN where there is no truth."""

    ap: float
    ap50: float
    ap75: float
    ar: float
    truths: int
    predictions: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rounded = {
            name: None if math.isnan(value) else round(value, 4)
            for name, value in (("ap", self.ap), ("ap50", self.ap50), ("ap75", self.ap75), ("ar", self.ar))
        }
        return {**rounded, "truths": self.truths, "predictions": self.predictions}


@dataclass(frozen=True)
class CocoScore:
    """Dataset-level scores with their intervals, and the same for each label and each clip.

    `unknown`: predictions with labels that are not scored; they count for nothing. `unit`: what
    was resampled for the intervals.
    """

    overall: Averages
    ap_interval: Interval
    ap50_interval: Interval
    ap75_interval: Interval
    per_label: dict[str, Averages]
    per_clip: dict[str, Averages]
    unknown: int
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **self.overall.to_json(),
            "ap_interval": self.ap_interval.to_json(),
            "ap50_interval": self.ap50_interval.to_json(),
            "ap75_interval": self.ap75_interval.to_json(),
            "resampled": self.unit,
            "predictions_of_unknown_labels": self.unknown,
            "labels": {name: part.to_json() for name, part in self.per_label.items()},
            "clips": {name: part.to_json() for name, part in self.per_clip.items()},
        }


def average_precision(dataset: Dataset, predictions: Predictions, *, rounds: int = 300) -> CocoScore:
    """Score the predictions of every frame of `dataset`.

    Raises KeyError when a frame has none listed, DatasetError for a box or score that is none.

    A frame without things makes every prediction in it a false one. A prediction in a region that was not
    labelled (`Clip.outside`) is left out. Boxes may reach out of the picture and count as they are. `rounds`:
    resamples for the intervals, 0 for none.
    """
    frames: list[Frame] = []
    found: list[list[Prediction]] = []
    clip_of: list[int] = []
    for number, clip in enumerate(dataset.clips):
        for frame in clip.frames:
            every = checked(predictions[clip.name, frame.name], f"{clip.name}/{frame.name}")
            outside = clip.outside
            frames.append(frame)
            found.append([one for one in every if outside is None or not outside(frame, one.box)])
            clip_of.append(number)
    known = set(dataset.labels)
    unknown = sum(one.label not in known for some in found for one in some)
    evaluator = Evaluator(dataset.labels, frames, found)
    per_clip = {
        clip.name: evaluator.averages([i for i, owner in enumerate(clip_of) if owner == number])
        for number, clip in enumerate(dataset.clips)
    }
    by_clip = len(dataset.clips) >= _MIN_CLIPS
    owner = np.array(clip_of if by_clip else range(len(frames)), np.int64)
    return CocoScore(
        evaluator.averages(None),
        *_intervals(dataset.labels, frames, found, owner, rounds),
        evaluator.per_label(),
        per_clip,
        unknown,
        "clips" if by_clip else "frames",
    )


class Evaluator:
    """Truth and predictions in the library's tables; pictures are numbered from 1, and so are labels."""

    def __init__(
        self,
        labels: Sequence[str],
        frames: Sequence[Frame],
        found: Sequence[Sequence[Prediction]],
        regions: tuple[Regions, Regions] | None = None,
    ) -> None:
        """Compare boxes or, with `regions` of all things and all predictions, pixels."""
        self._labels, self._kind = list(labels), "bbox" if regions is None else "segm"
        number = {label: index for index, label in enumerate(labels, 1)}
        tables: dict[str, Any] = {
            "images": [{"id": index, "width": 1, "height": 1} for index in range(1, len(frames) + 1)],
            "categories": [{"id": index, "name": label} for label, index in number.items()],
        }

        def shape(side: int, image: int, position: int) -> dict[str, Any]:
            return {} if regions is None else {"segmentation": regions[side][image - 1][position]}

        truths = [
            _annotation(
                image, number[thing.label], thing.box, iscrowd=int(thing.ignore), **shape(0, image, position)
            )
            for image, frame in enumerate(frames, 1)
            for position, thing in enumerate(frame.things)
        ]
        guesses = [
            _annotation(
                image, number[one.label], one.box, iscrowd=0, score=one.score, **shape(1, image, position)
            )
            for image, some in enumerate(found, 1)
            for position, one in enumerate(some)
            if one.label in number
        ]
        self._truth = COCO({**tables, "annotations": _numbered(truths)})
        self._guess = COCO({**tables, "annotations": _numbered(guesses)})
        self._truths = [(row["image_id"], row["category_id"]) for row in truths if not row["iscrowd"]]
        self._guesses = [(row["image_id"], row["category_id"]) for row in guesses]
        self._whole = self._evaluate(None)

    def averages(self, pictures: Sequence[int] | None) -> Averages:
        """Return the scores over all labels for some pictures, or for all of them."""
        if pictures is None:
            return self._read(self._whole, None, None)
        images = {index + 1 for index in pictures}
        return self._read(self._evaluate(sorted(images)), images, None)

    def per_label(self) -> dict[str, Averages]:
        """Return the scores of each label over all pictures."""
        return {label: self._read(self._whole, None, index) for index, label in enumerate(self._labels)}

    def _evaluate(self, images: list[int] | None) -> dict[str, Any]:
        evaluation = COCOeval_faster(self._truth, self._guess, self._kind)
        if images is not None:
            evaluation.params.imgIds = images
        evaluation.params.maxDets = [1, 10, MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
        return dict(evaluation.eval)

    def _read(self, result: dict[str, Any], images: set[int] | None, label: int | None) -> Averages:
        # precision [thresholds, recalls, labels, areas, limits], recall [thresholds, labels, areas, limits]
        precision = np.asarray(result["precision"])[:, :, :, 0, -1]
        recall = np.asarray(result["recall"])[:, :, 0, -1]
        if label is not None:
            precision, recall = precision[:, :, label : label + 1], recall[:, label : label + 1]

        def count(rows: list[tuple[int, int]]) -> int:
            return sum(
                (images is None or image in images) and (label is None or category == label + 1)
                for image, category in rows
            )

        return Averages(
            _mean(precision),
            _mean(precision[0]),
            _mean(precision[5]),
            _mean(recall),
            count(self._truths),
            count(self._guesses),
        )


def _mean(values: NDArray[np.float64]) -> float:
    """Return the mean of what exists; the library marks labels without truth with -1."""
    there = values[values > -1]
    return float(there.mean()) if there.size else math.nan


def _annotation(image: int, category: int, box: tuple[float, ...], **more: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    return {
        "image_id": image,
        "category_id": category,
        "bbox": [x0, y0, width, height],
        "area": width * height,
        **more,
    }


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "id": index} for index, row in enumerate(rows, 1)]


def _intervals(
    labels: Sequence[str],
    frames: Sequence[Frame],
    found: Sequence[Sequence[Prediction]],
    owner: NDArray[np.int64],
    rounds: int,
) -> tuple[Interval, Interval, Interval]:
    truths = [frame.things for frame in frames]
    matched = [match_label(label, truths, found) for label in labels]
    units = int(owner.max()) + 1 if len(owner) else 0
    drawn: dict[bytes, NDArray[np.float64]] = {}

    def precisions(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean over labels at each threshold, once for all intervals."""
        key = weights.tobytes()
        if key not in drawn:
            each = np.array([weighted_precision(matches, weights[owner]) for matches in matched])
            there = ~np.isnan(each[:, 0])
            drawn[key] = each[there].mean(0) if there.any() else np.full(each.shape[1], np.nan)
        return drawn[key]

    if not rounds:
        nothing = Interval(math.nan, math.nan, units)
        return nothing, nothing, nothing
    return (
        weighted_interval(units, lambda weights: float(precisions(weights).mean()), rounds=rounds),
        weighted_interval(units, lambda weights: float(precisions(weights)[0]), rounds=rounds),
        weighted_interval(units, lambda weights: float(precisions(weights)[5]), rounds=rounds),
    )
