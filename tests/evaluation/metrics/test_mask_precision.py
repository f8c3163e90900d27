"""AP of pixel masks: by hand, apart from the boxes', and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing
from evaluation.metrics.coco import average_precision
from evaluation.metrics.mask_precision import mask_precision

BOXES = ((2, 2, 10, 18), (20, 4, 30, 14))
Write = Callable[..., Path]


@pytest.fixture
def dataset() -> Dataset:
    things = tuple(Thing("person", box) for box in BOXES)
    return Dataset("d", (Clip("c", (Frame("f", 40, 24, things),)),), ("person",))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that draws rectangles as instances 1, 2, .. into a folder's c/f.png."""

    def made(name: str, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (24, 40)) -> Path:
        instances = np.zeros(size, np.uint16)
        for number, (x0, y0, x1, y1) in enumerate(boxes, 1):
            instances[y0:y1, x0:x1] = number
        (tmp_path / name / "c").mkdir(parents=True)
        Image.fromarray(instances).save(tmp_path / name / "c" / "f.png")
        return tmp_path / name

    return made


def _predicted(*scores: float) -> dict[tuple[str, str], list[Prediction]]:
    return {("c", "f"): [Prediction("person", box, score) for box, score in zip(BOXES, scores, strict=True)]}


def test_the_same_masks_score_one(dataset: Dataset, write: Write) -> None:
    score = mask_precision(dataset, _predicted(0.9, 0.8), write("truth", *BOXES), write("found", *BOXES))
    assert score.overall.ap == pytest.approx(1.0) and score.overall.truths == 2
    assert score.per_label["person"].ap == score.per_clip["c"].ap == score.overall.ap


def test_pixels_count_and_not_the_boxes(dataset: Dataset, write: Write) -> None:
    # The second mask fills 60 of 100 pixels of its thing: a hit at IoU 0.5, 0.55 and 0.6, none above.
    found = write("found", BOXES[0], (20, 4, 26, 14))
    predictions = _predicted(0.9, 0.8)
    score = mask_precision(dataset, predictions, write("truth", *BOXES), found)
    half = 51 / 101  # precision 1 up to recall 1/2
    assert score.overall.ap50 == pytest.approx(1.0)
    assert score.overall.ap == pytest.approx((3 * 1 + 7 * half) / 10, abs=1e-6)
    assert average_precision(dataset, predictions, rounds=0).overall.ap == pytest.approx(1.0)


def test_a_prediction_without_pixels_is_a_false_one(dataset: Dataset, write: Write) -> None:
    score = mask_precision(dataset, _predicted(0.8, 0.9), write("truth", *BOXES), write("found", BOXES[0]))
    assert score.overall.ap50 == pytest.approx(0.5 * 51 / 101)  # the empty one comes first


def test_what_does_not_fit_is_named(dataset: Dataset, write: Write, tmp_path: Path) -> None:
    truth = write("truth", *BOXES)
    found = write("found", *BOXES, (1, 1, 2, 2))
    with pytest.raises(DatasetError, match=r"found/c/f.png: expected numbers up to 2, one a thing, got 3"):
        mask_precision(dataset, _predicted(0.9, 0.8), truth, found)
    with pytest.raises(DatasetError, match=r"expected 40x24 numbers, got 'a picture of shape \[20, 40\]"):
        mask_precision(dataset, _predicted(0.9, 0.8), truth, write("small", size=(20, 40)))
    with pytest.raises(DatasetError, match="expected an instance picture, got 'no such file'"):
        mask_precision(dataset, _predicted(0.9, 0.8), truth, tmp_path)
