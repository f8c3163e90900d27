"""Truth stays on its object through crops and mirrors; data that cannot be trained on is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.feed import Batches, Example, Source, load_examples, whole_view
from evaluation.baselines.matching import IGNORED, Matching
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


@pytest.fixture
def moments(tmp_path: Path) -> Path:
    """A folder of core_network.scenes: a still, and a moment whose red box moves by 40 px a frame."""
    folder = tmp_path / "procedural"
    folder.mkdir()
    for number in range(3):
        picture = np.full((180, 320, 3), 20, np.uint8)
        picture[60:120, 40 + 40 * number : 60 + 40 * number] = (250, 0, 0)
        Image.fromarray(picture).save(folder / f"m-{number}.png")
    player = {"box": [120, 60, 140, 120], "visible": 1.0}
    hidden = {"box": [10, 10, 30, 60], "visible": 0.1}
    rows = [
        {"file": "s.png", "players": [], "ball": None},
        {
            "file": "m-2.png",
            "players": [player, hidden],
            "ball": [200.0, 100.0, 4.0],
            "earlier": ["m-1.png", "m-0.png"],
        },
    ]
    (folder / "truth.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_a_moment_comes_with_its_own_past(moments: Path, tmp_path: Path) -> None:
    found = load_examples([Source("moments", moments)], Path(), ("person", "ball"), tmp_path)
    (example,) = found.items
    assert example.labels.tolist() == [0, 1] and len(example.ignored) == 1
    checked = 0
    with Batches(found.items, (180, 320), 1, seed=0, frames=3) as batches:
        for step in range(12):
            pictures, (middle, last) = batches.at(step)
            # The frame before has no labels: no anchor of it is background.
            anchors = torch.tensor([[0.0, 0, 9, 9], [300, 0, 340, 9]])
            assert Matching()(middle.boxes, middle.ignored, anchors).tolist() == [IGNORED, IGNORED]
            if not all((picture[0] - picture[2] > 0.3).any() for picture in pictures[0]):
                continue  # a part of the picture in which an earlier frame has nothing red
            boxes = [_red(picture) for picture in pictures[0]]
            steps = [boxes[k + 1][0] - boxes[k][0] for k in range(2)]
            if boxes[0][0] > 0 and boxes[0][2] < 320:
                checked += 1
                assert steps[0] == pytest.approx(steps[1], abs=4) and abs(steps[0]) > 30
                assert last.boxes[0].tolist() == pytest.approx(boxes[2], abs=3)
    assert checked >= 4


def test_small_datasets_are_seen_as_often(moments: Path, config: Callable[..., BaselineConfig]) -> None:
    sources = [Source("moments", moments), config().train[0]]
    found = load_examples(sources, Path(), ("person", "ball"), moments)
    files = [item.path.name for item in found.balanced()]
    assert len(found.items) == 9 and files.count("m-2.png") == 8 and len(files) == 16


def test_moments_that_are_none_are_refused(moments: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"truth.jsonl: expected what `python -m core_network.scenes`"):
        load_examples([Source("moments", tmp_path)], Path(), ("person", "ball"), tmp_path)
    (moments / "truth.jsonl").write_text('{"file": "a.png", "earlier": ["b.png"]}\n')
    with pytest.raises(DatasetError, match="truth.jsonl, line 1: expected a moment as JSON"):
        load_examples([Source("moments", moments)], Path(), ("person", "ball"), tmp_path)


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
