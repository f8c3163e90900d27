"""SFU-HW-Objects and -Tracks in both published layouts, with small sequences made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.datasets.open import open_dataset
from evaluation.datasets.pictures import pictures
from evaluation.datasets.types import DatasetError

CLIP = "Pass_16x8_50"


def annotate(folder: Path, frames: int = 3) -> Path:
    """MPEG's JSON of a sequence, with a ball in every frame."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "images": [
            {"id": float(i), "file_name": f"{CLIP}_val_{i:03d}.png", "width": 16, "height": 8}
            for i in range(frames)
        ],
        "categories": [{"id": 0, "name": "Person"}, {"id": 32, "name": "Football"}],
        "annotations": [
            {"id": i, "image_id": float(i), "category_id": 32, "bbox": [i, 1, 2, 2]} for i in range(frames)
        ],
    }
    path = folder / f"{CLIP}_val.json"
    path.write_text(json.dumps(document))
    return path


def raw(path: Path, frames: int) -> None:
    """Raw video whose luma is 20, 40, 60 and so on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = (20 * (index + 1) for index in range(frames))
    path.write_bytes(b"".join(bytes([level]) * 128 + bytes([128]) * 64 for level in levels))


def brightness(folder: Path) -> list[float]:
    """Mean level of each labelled picture, back on the scale of `raw`."""
    (clip,) = open_dataset("sfu", folder, pictures=folder).clips
    return [float(picture.mean()) * 219 / 255 + 16 for _, picture in pictures(clip)]


def test_the_json_has_coco_names_and_frame_numbers(tmp_path: Path) -> None:
    dataset = open_dataset("sfu", annotate(tmp_path).parent)
    assert dataset.labels == ("sports ball",)
    (clip,) = dataset.clips
    assert (clip.name, clip.continuous) == (f"{CLIP}_val", True)
    assert [frame.index for frame in clip.frames] == [0, 1, 2]
    assert clip.frames[2].things[0].box == (2, 1, 4, 3)


def test_annotations_are_of_the_last_frames_of_a_full_sequence(tmp_path: Path) -> None:
    annotate(tmp_path / "ClassD")
    raw(tmp_path / "ClassD" / f"{CLIP}.yuv", frames=5)
    assert brightness(tmp_path) == pytest.approx([60, 80, 100], abs=1.5)


def test_a_cut_sequence_begins_with_the_first_annotation(tmp_path: Path) -> None:
    annotate(tmp_path / f"{CLIP}_val" / "annotations")
    raw(tmp_path / f"{CLIP}_val.yuv", frames=3)
    assert brightness(tmp_path) == pytest.approx([20, 40, 60], abs=1.5)


def test_png_pictures_are_taken_by_their_names(tmp_path: Path) -> None:
    annotate(tmp_path / f"{CLIP}_val" / "annotations")
    images = tmp_path / f"{CLIP}_val" / "images"
    images.mkdir()
    for index in range(3):
        Image.new("RGB", (16, 8), (10 * index,) * 3).save(images / f"{CLIP}_val_{index:03d}.png")
    (clip,) = open_dataset("sfu", tmp_path, pictures=tmp_path).clips
    assert [int(picture.mean()) for _, picture in pictures(clip)] == [0, 10, 20]


def test_pictures_among_the_annotations_need_no_name(tmp_path: Path) -> None:
    annotate(tmp_path)
    assert open_dataset("sfu", tmp_path).clips[0].pictures is None
    raw(tmp_path / f"{CLIP}.yuv", frames=4)
    assert open_dataset("sfu", tmp_path).clips[0].frames[0].index == 1


def test_a_sequence_with_too_few_frames_is_refused(tmp_path: Path) -> None:
    annotate(tmp_path)
    raw(tmp_path / f"{CLIP}.yuv", frames=2)
    with pytest.raises(DatasetError, match=r"Pass_16x8_50\.yuv.* 3 annotated frames, got 2"):
        open_dataset("sfu", tmp_path, pictures=tmp_path)


def test_missing_pictures_are_named(tmp_path: Path) -> None:
    annotate(tmp_path)
    with pytest.raises(DatasetError, match=r"Pass_16x8_50\*\.yuv"):
        open_dataset("sfu", tmp_path, pictures=tmp_path)


@pytest.mark.parametrize(("row", "track"), [("0 0.5 0.5 0.25 0.5", None), ("0 7 0.5 0.5 0.25 0.5", 7)])
def test_the_authors_text_has_objects_or_tracks(tmp_path: Path, row: str, track: int | None) -> None:
    folder = tmp_path / "ClassD" / "Pass"
    folder.mkdir(parents=True)
    for index in (0, 1, 10):
        (folder / f"{CLIP}_seq_{index:03d}.txt").write_text(row + "\n")
    (clip,) = open_dataset("sfu", tmp_path).clips
    assert [frame.index for frame in clip.frames] == [0, 1, 10]
    (thing,) = clip.frames[0].things
    assert (thing.label, thing.box, thing.track) == ("person", (6, 2, 10, 6), track)
    # These number the frames of the full sequence.
    raw(tmp_path / f"{CLIP}.yuv", frames=12)
    (clip,) = open_dataset("sfu", tmp_path, pictures=tmp_path).clips
    assert [frame.index for frame in clip.frames] == [0, 1, 10]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0 0.5 0.5 0.25", "line 1: expected a line `class"),
        ("0 0.5 0.5 0.25 0.5\n0 0.5 0.5 wide 0.5", "line 2"),
        ("0 0.5 0.5 nan 0.5", "line 1"),
        ("80 0.5 0.5 0.25 0.5", "line 1"),
        ("0 208 120 25 50", "places and sizes from 0 to 1"),
        ("0 3 0.5 0.5 0.2 0.5\n0 3 0.1 0.5 0.2 0.5", "line 2: expected each track once"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, rows: str, words: str) -> None:
    (tmp_path / f"{CLIP}_seq_000.txt").write_text(rows)
    with pytest.raises(DatasetError, match=words):
        open_dataset("sfu", tmp_path)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"_val\.json"):
        open_dataset("sfu", tmp_path)


def test_the_shared_annotations_can_be_read(data_root: Path) -> None:
    dataset = open_dataset("sfu", data_root / "annotations" / "sfu_hw_objects")
    clip = next(clip for clip in dataset.clips if clip.name.startswith("BasketballPass"))
    assert len(clip.frames) == 97
    assert {"person", "sports ball", "chair"} <= set(dataset.labels)
    assert np.isfinite([thing.box for frame in clip.frames for thing in frame.things]).all()
