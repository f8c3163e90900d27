"""`heads new`, `heads list` and `record` of labelled stills, as a person runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from task_heads.dataset import FeatureDataset

Run = Callable[..., Any]
Refused = Callable[..., str]


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """A folder with two labelled pictures, the second for the report split."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.new("RGB", (320, 180), (20, 120, 40)).save(tmp_path / "images" / f"{name}.png")
        (tmp_path / "labels" / f"{name}.txt").write_text("1 0.5 0.5 0.2 0.4\n0 0.2 0.2 0.02 0.02\n")
    (tmp_path / "splits.csv").write_text("file,group,split\nimages/a.png,1,train\nimages/b.png,2,report\n")
    return tmp_path


def test_a_new_head_is_listed_as_not_exported_yet(tmp_path: Path, featurecast: Run, refused: Refused) -> None:
    made = featurecast("heads", "new", "corner_flags", "--out", tmp_path, "--labels", "flag")
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == str(tmp_path / "corner_flags")
    listed = featurecast("heads", "list", "--folder", tmp_path / "corner_flags")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("corner_flags")]
    assert "not exported yet" in line
    assert "settings: threshold [0.05 to 0.95" in listed.stdout
    assert "there already" in refused("heads", "new", "corner_flags", "--out", tmp_path)
    assert "player_tracking" in refused("heads", "new", "player_tracking", "--out", tmp_path)


def test_labelled_stills_become_a_dataset(stills: Path, featurecast: Run) -> None:
    arguments = [stills / "images", "--labels", stills / "labels", "--classes", "ball,flag"]
    outcome = featurecast("record", *arguments, "--split", "train", "--views", "3", "-o", stills / "out")
    assert outcome.returncode == 0, outcome.stderr
    dataset = FeatureDataset(stills / "out")
    records = list(dataset)
    assert dataset.labels == ("flag",)
    assert [(record.source, record.frame, record.split) for record in records] == [
        ("a.png", number, "train") for number in range(3)
    ]
    first = records[0].truth
    assert first.boxes is not None and first.balls is not None
    assert first.boxes.ravel().tolist() == pytest.approx([128, 54, 192, 126])
    assert first.labels == ("flag",)
    assert len(first.balls) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--classes", "ball,flag"], "name their --labels too"),
        (["--labels", "labels"], "--classes A,B"),
        (["--labels", "nowhere", "--classes", "ball,flag"], "--labels DIR"),
        (["--labels", "labels", "--classes", "ball"], "a.txt:1: expected a class from 0 to 0"),
        (["--labels", "labels", "--classes", "ball,flag", "--views", "0"], "--views from 1"),
        (["--labels", "labels", "--classes", "ball,flag", "--views", "2", "--split", "report"], "varied"),
        (["--labels", "labels", "--classes", "ball,flag", "--split", "test"], "of the split test"),
    ],
)
def test_mistakes_are_refused(stills: Path, refused: Refused, options: list[str], words: str) -> None:
    placed = [str(stills / option) if option in ("labels", "nowhere") else option for option in options]
    assert words in refused("record", stills / "images", *placed, "-o", stills / "out")
    assert not (stills / "out" / "dataset.json").exists()
