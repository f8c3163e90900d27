"""COCO average precision by the overlap of pixel masks (arXiv 1405.0312), by faster-coco-eval.

Masks are pictures FOLDER/<clip>/<frame>.png: 0 is background, n the frame's n-th thing or prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as run_lengths  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from evaluation.datasets.predictions import Prediction, Predictions
from evaluation.datasets.types import Dataset, DatasetError, Frame
from evaluation.metrics.coco import Averages, Evaluator

__all__ = ["MaskScore", "mask_precision"]


@dataclass(frozen=True)
class MaskScore:
    """Scores over all frames, of each label and of each clip."""

    overall: Averages
    per_label: dict[str, Averages]
    per_clip: dict[str, Averages]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **self.overall.to_json(),
            "labels": {name: part.to_json() for name, part in self.per_label.items()},
            "clips": {name: part.to_json() for name, part in self.per_clip.items()},
        }


def mask_precision(dataset: Dataset, predictions: Predictions, truth: Path, found: Path) -> MaskScore:
    """Score the masks in `found`, which belong to `predictions`, against those in `truth`.

    Raises DatasetError for a picture that is missing, has another size, or numbers more than there are.
    """
    frames: list[Frame] = []
    kept: list[list[Prediction]] = []
    true_regions: list[list[Any]] = []
    found_regions: list[list[Any]] = []
    clip_of: list[int] = []
    for number, clip in enumerate(dataset.clips):
        for frame in clip.frames:
            some = predictions[clip.name, frame.name]
            picture = f"{clip.name}/{frame.name}.png"
            wanted = _instances(truth / picture, len(frame.things), None)
            got = _instances(found / picture, len(some), wanted.shape)
            frames.append(frame)
            kept.append(some)
            true_regions.append(_regions(wanted, len(frame.things)))
            found_regions.append(_regions(got, len(some)))
            clip_of.append(number)
    evaluator = Evaluator(dataset.labels, frames, kept, (true_regions, found_regions))
    per_clip = {
        clip.name: evaluator.averages([i for i, owner in enumerate(clip_of) if owner == number])
        for number, clip in enumerate(dataset.clips)
    }
    return MaskScore(evaluator.averages(None), evaluator.per_label(), per_clip)


def _instances(path: Path, count: int, shape: tuple[int, ...] | None) -> NDArray[Any]:
    try:
        with Image.open(path) as picture:
            values = np.asarray(picture)
    except FileNotFoundError:
        raise DatasetError.at(path, None, "an instance picture", "no such file") from None
    except (UnidentifiedImageError, OSError):
        raise DatasetError.at(path, None, "an instance picture", "a file that is none") from None
    if values.ndim != 2 or (shape is not None and values.shape != shape):
        wanted = "one number a pixel" if shape is None else f"{shape[1]}x{shape[0]} numbers"
        raise DatasetError.at(path, None, wanted, f"a picture of shape {list(values.shape)}")
    if int(values.max(initial=0)) > count:
        raise DatasetError.at(path, None, f"numbers up to {count}, one a thing", int(values.max()))
    return values


def _regions(instances: NDArray[Any], count: int) -> list[Any]:
    return [
        run_lengths.encode(np.asfortranarray(instances == number, np.uint8)) for number in range(1, count + 1)
    ]
