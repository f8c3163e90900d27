"""Labelled stills: boxes and balls in pixels, splits from the folders above, mistakes by file and line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from task_heads.dataset import DatasetError
from task_heads.training.yolo import labelled_folder

CLASSES = ("ball", "flag")


@pytest.fixture
def stills(tmp_path):
    """Two pictures of 100 x 50 px, the second for the report split, and one without labels."""
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir()
    labels.mkdir()
    for name in "abc":
        Image.new("RGB", (100, 50)).save(images / f"{name}.png")
    (labels / "a.txt").write_text("1 0.5 0.5 0.2 0.4\n\n0 0.1 0.2 0.02 0.04\n")
    (labels / "b.txt").write_text("")
    (tmp_path / "splits.csv").write_text("file,group,split\nimages/a.png,1,train\nimages/b.png,2,report\n")
    return images, labels


def test_boxes_and_balls_are_in_pixels(stills):
    first, second = labelled_folder(*stills, CLASSES)
    np.testing.assert_allclose(first.still.people, [[40, 15, 60, 35]], rtol=1e-6)
    np.testing.assert_allclose(first.still.balls, [[10, 10]], rtol=1e-6)
    assert first.roles == ("flag",)
    assert first.still.pixels().shape == (50, 100, 3)
    assert len(second.still.people) == 0
    assert (first.split, second.split) == ("train", "report")


def test_without_a_ball_class_balls_are_not_labelled(stills):
    images, labels = stills
    (labels / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    assert labelled_folder(images, labels, ("flag",))[0].still.balls is None


def test_one_split_is_taken(stills):
    assert [item.still.name for item in labelled_folder(*stills, CLASSES, "report")] == ["b.png"]
    with pytest.raises(DatasetError, match="no picture of the split validation"):
        labelled_folder(*stills, CLASSES, "validation")
    (stills[0].parent / "splits.csv").unlink()
    with pytest.raises(DatasetError, match=r"expected a splits\.csv"):
        labelled_folder(*stills, CLASSES, "train")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 0.5 0.5 0.2 0.4", "class from 0 to 1"),
        ("-1 0.5 0.5 0.2 0.4", "class from 0 to 1"),
        ("1 0.5 0.5 0.2", "class cx cy w h"),
        ("flag 0.5 0.5 0.2 0.4", "class cx cy w h"),
        ("1 nan 0.5 0.2 0.4", "class cx cy w h"),
    ],
)
def test_a_wrong_line_is_named(stills, text, words):
    images, labels = stills
    (labels / "a.txt").write_text(f"\n{text}\n")
    with pytest.raises(DatasetError, match=words) as caught:
        labelled_folder(images, labels, CLASSES)
    assert "a.txt:2" in str(caught.value)


def test_a_picture_that_is_none_is_named(stills):
    (stills[0] / "a.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"a\.png: expected a picture"):
        labelled_folder(*stills, CLASSES)
