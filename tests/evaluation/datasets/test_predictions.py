"""Predictions on disk: what is written is read, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.datasets.predictions import (
    Prediction,
    load_predictions,
    read_predictions,
    relabel,
    write_predictions,
)
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, relabelled

DATASET = Dataset("d", (Clip("c", (Frame("a", 200, 100), Frame("b", 200, 100))),), ("player", "sports ball"))


def fill(folder: Path, **content: str) -> Path:
    (folder / "c").mkdir(exist_ok=True)
    for name, text in content.items():
        (folder / "c" / f"{name}.txt").write_text(text)
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    found = [Prediction("sports ball", (-3.5, 0.25, 10, 20.125), 0.3), Prediction("player", (1, 2, 3, 4), 1)]
    write_predictions(tmp_path, "c", "a", found)
    write_predictions(tmp_path, "c", "b", [])
    assert load_predictions(tmp_path, DATASET) == {("c", "a"): found, ("c", "b"): []}
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["a.txt", "b.txt"]


def test_no_predictions_at_all_are_no_mistake(tmp_path: Path) -> None:
    fill(tmp_path, a="", b="\n")
    assert load_predictions(tmp_path, DATASET) == {("c", "a"): [], ("c", "b"): []}


def test_the_frameworks_relative_places_become_pixels(tmp_path: Path) -> None:
    fill(tmp_path, a="player 0.25 0.5 0.5 1 0.9", b="")
    (one,) = load_predictions(tmp_path, DATASET, normalised=True)["c", "a"]
    assert one == Prediction("player", (50, 50, 100, 100), 0.9)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("player 1 2 3 4", "line 2: expected a line"),
        ("1 2 3 4 0.5", "line 2: expected a line"),
        ("player 1 2 3 4 nan", "finite coordinates and score"),
        ("player 1 inf 3 4 0.5", "finite coordinates and score"),
        ("player 3 2 1 4 0.5", "x1 <= x2"),
        ("player 1 2 3 4 high", "line 2: expected a line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: str, words: str) -> None:
    path = fill(tmp_path, a=f"player 1 2 3 4 0.5\n{row}\n") / "c" / "a.txt"
    with pytest.raises(DatasetError, match=words) as error:
        read_predictions(path)
    assert str(path) in str(error.value)


def test_a_frame_without_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="2 frames, got 1 files, no file for 'b'"):
        load_predictions(fill(tmp_path, a=""), DATASET)


def test_a_file_of_another_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'z' that is no frame"):
        load_predictions(fill(tmp_path, a="", b="", z=""), DATASET)


def test_labels_that_all_are_unknown_are_refused_with_both_sides(tmp_path: Path) -> None:
    fill(tmp_path, a="person 1 2 3 4 0.5", b="")
    with pytest.raises(DatasetError, match=r"\(person\).*player, sports ball.*--as"):
        load_predictions(tmp_path, DATASET)
    loaded = load_predictions(tmp_path, DATASET, renamed={"person": "player"})
    assert relabel(loaded, {"person": "player"})["c", "a"][0].label == "player"


@pytest.mark.parametrize(
    "wrong", [Prediction("", (1, 2, 3, 4), 0.5), Prediction("a\nb", (1, 2, 3, 4), 0.5),
              Prediction("a", (1, 2, 3, float("nan")), 0.5), Prediction("a", (1, 2, 3, 4), float("inf"))]
)  # fmt: skip
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, wrong: Prediction) -> None:
    with pytest.raises(ValueError, match="a label and five finite numbers"):
        write_predictions(tmp_path, "c", "a", [wrong])
    assert list(tmp_path.iterdir()) == []


def test_labels_can_be_scored_as_one() -> None:
    merged = relabelled(DATASET, {"sports ball": "player"})
    assert merged.labels == ("player",)
    with pytest.raises(DatasetError, match="referee"):
        relabelled(DATASET, {"referee": "player"})
