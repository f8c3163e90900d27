"""Truth stays on its object through crops and mirrors; data that cannot be trained on is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.feed import Batches, Example, Source, load_examples, whole_view
from evaluation.datasets.types import DatasetError

BOX = (300.0, 100.0, 380.0, 260.0)


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """A dark picture with one bright red box, its mask, and a blue box that does not count."""
    picture = np.full((360, 640, 3), 20, np.uint8)
    instances = np.zeros((360, 640), np.uint16)
    x0, y0, x1, y1 = map(int, BOX)
    picture[y0:y1, x0:x1] = (250, 0, 0)
    instances[y0:y1, x0:x1] = 2  # the second thing of the frame
    Image.fromarray(picture).save(tmp_path / "p.png")
    Image.fromarray(instances).save(tmp_path / "m.png")
    return Example(
        tmp_path / "p.png",
        np.array([BOX], np.float32),
        np.array([0]),
        np.array([[10, 10, 60, 60]], np.float32),
        np.array([2]),
        tmp_path / "m.png",
    )


def _red(picture: torch.Tensor) -> tuple[float, float, float, float]:
    rows, columns = torch.nonzero(picture[0] - picture[2] > 0.3, as_tuple=True)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def test_boxes_and_masks_follow_the_picture(example: Example) -> None:
    seen = 0
    with Batches([example], (176, 320), 4, seed=5) as batches:
        for step in range(5):
            pictures, truths = batches.at(step)
            for picture, truth in zip(pictures, truths, strict=True):
                if len(truth.boxes):
                    seen += 1
                    assert truth.boxes[0].tolist() == pytest.approx(_red(picture), abs=1.6)
                    assert truth.instances is not None
                    rows, columns = torch.nonzero(truth.instances == 1, as_tuple=True)
                    cells = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                    assert [4 * float(c) for c in cells] == pytest.approx(truth.boxes[0].tolist(), abs=4.1)
    assert seen > 10


def test_batches_depend_on_seed_and_step_alone(example: Example) -> None:
    with Batches([example], (64, 96), 2, seed=5) as one, Batches([example], (64, 96), 2, seed=5) as other:
        one.at(0)
        assert torch.equal(one.at(1)[0], other.at(1)[0])
        assert not torch.equal(one.at(2)[0], other.at(1)[0])


def test_three_frames_pan_and_have_truth_for_the_last_two(example: Example) -> None:
    with Batches([example], (64, 96), 2, seed=1, frames=3) as batches:
        pictures, truths = batches.at(0)
    assert pictures.shape == (2, 3, 3, 64, 96) and len(truths) == 4


def test_the_whole_picture_is_letterboxed(example: Example) -> None:
    picture, view, truth = whole_view(example, (96, 96))
    assert (view.y0 * 96, view.height * 96) == (21, 54)
    assert truth.boxes[0].tolist() == pytest.approx([45, 21 + 15, 57, 21 + 39])
    assert truth.ignored.shape == (1, 4)
    assert (picture[:20] == 114).all()


def test_labels_are_merged_or_refused(config: Callable[..., BaselineConfig], tmp_path: Path) -> None:
    folder = config().train[0].path
    with pytest.raises(DatasetError, match="has the label 'ball', this detector knows person; rename it"):
        load_examples([Source("yolo", folder)], Path(), ("person",), tmp_path)
    left = load_examples([Source("yolo", folder, leave_out=("ball",))], Path(), ("person",), tmp_path)
    assert left.boxes == 16 and all(len(item.ignored) == 1 for item in left.items)
    merged = load_examples([Source("yolo", folder, merge={"ball": "person"})], Path(), ("person",), tmp_path)
    assert merged.boxes == 24


def test_a_dataset_without_boxes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "images" / "a.png")
    source = Source("yolo", tmp_path, labels=("person",))
    with pytest.raises(DatasetError, match="expected labelled boxes, got 1 pictures without any"):
        load_examples([source], Path(), ("person",), tmp_path)


def test_other_formats_train_too(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text("a.png,10,10,30,40,person\n")
    found = load_examples([Source("csv", tmp_path / "boxes.csv")], Path(), ("person",), tmp_path)
    assert found.items[0].boxes.tolist() == [[10, 10, 30, 40]]
    assert whole_view(found.items[0], (64, 64))[0].shape == (64, 64, 3)
