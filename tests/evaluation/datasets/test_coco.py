"""COCO JSON: what is read, and what a wrong file is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.datasets.open import open_dataset
from evaluation.datasets.types import DatasetError

DOCUMENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "day/a.jpg", "width": 100, "height": 50},
        {"id": 9, "file_name": "b.jpg", "width": 100, "height": 50},
    ],
    "categories": [{"id": 1, "name": "player"}, {"id": 3, "name": "ball"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 5]},
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1, "track_id": 4},
    ],
}


def write(folder: Path, document: Any) -> Path:
    path = folder / "truth.json"
    path.write_text(json.dumps(document))
    return path


def test_boxes_become_corners_and_crowds_are_ignored(tmp_path: Path) -> None:
    dataset = open_dataset("coco", write(tmp_path, DOCUMENT))
    assert dataset.labels == ("player", "ball")
    first, second = dataset.clips[0].frames
    assert (first.name, first.file, first.width) == ("day__a", "day/a.jpg", 100)
    assert first.things[0].box == (10, 20, 40, 25)
    assert (first.things[1].ignore, first.things[1].track) == (True, 4)
    assert second.things == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotations": None}, "lists images, annotations, categories"),
        ({"images": [DOCUMENT["images"][0]] * 2}, "id 7 twice"),
        ({"annotations": [DOCUMENT["annotations"][0]] * 2}, "id 1 twice"),
        ({"annotations": [{**DOCUMENT["annotations"][0], "image_id": 8}]}, "image_id 8"),
        ({"annotations": [{**DOCUMENT["annotations"][0], "category_id": 2}]}, "category_id 2"),
        ({"annotations": [{**DOCUMENT["annotations"][0], "bbox": [1, 2, 0, 4]}]}, "x0 < x1"),
        ({"annotations": [{**DOCUMENT["annotations"][0], "bbox": [1, 2, float("nan"), 4]}]}, "x0 < x1"),
        ({"annotations": [{**DOCUMENT["annotations"][0], "bbox": "wide"}]}, "bbox x, y, width, height"),
        ({"images": [{"id": 7}]}, "file_name"),
    ],
)
def test_a_wrong_document_is_told_what_was_expected(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = write(tmp_path, {**DOCUMENT, **change})
    with pytest.raises(DatasetError, match=words) as error:
        open_dataset("coco", path)
    assert str(path) in str(error.value)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{\n "images": [,]\n}')
    with pytest.raises(DatasetError, match="line 2"):
        open_dataset("coco", path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.json"):
        open_dataset("coco", tmp_path / "gone.json")
