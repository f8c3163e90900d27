"""Scoring the report split: the right files, the right units, a score that falls with wrong results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from core_network.catalogue import Core, default_core
from evaluation import core_accuracy
from evaluation.core_accuracy import score_core
from evaluation.datasets.types import DatasetError
from evaluation.decoded import HeadOutcome
from task_heads.result import Box, Point, Result

FOOTBALL, TENNIS = "images/football_players_yolo", "images/tennis_ball_yolo"
# A ball, a player 108 px high and a referee 21.6 px high (43 px at 1920) on 960x540.
LABELS = "0 0.5 0.5 0.01 0.01\n2 0.25 0.5 0.1 0.2\n3 0.75 0.5 0.1 0.04\n"
PEOPLE = [(192, 216, 288, 324), (672, 259.2, 768, 280.8)]


@pytest.fixture
def core() -> Core:
    return default_core()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two report stills and a train still of football, one of tennis, a badminton clip of three frames."""
    rows = ["file,group,split"]

    def still(folder: str, name: str, split: str, labels: str) -> None:
        picture = tmp_path / folder / "images" / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (960, 540)).save(picture)
        text = tmp_path / folder / "labels" / f"{picture.stem}.txt"
        text.parent.mkdir(exist_ok=True)
        text.write_text(labels)
        rows.append(f"{folder}/images/{name},m1,{split}")

    for name, split in (("a.jpg", "report"), ("b.jpg", "report"), ("c.jpg", "train")):
        still(FOOTBALL, name, split, LABELS)
    still(TENNIS, "t.jpg", "report", "0 0.5 0.5 0.01 0.01\n")
    clip = tmp_path / "video/badminton_alenzenx/r.mp4"
    clip.parent.mkdir(parents=True)
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", 30)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((540, 960, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip.with_suffix(".csv").write_text("Frame,Ball,x,y\n0,1,0.5,0.5\n1,1,0.5,0.5\n2,0,0,0\n")
    rows.append("video/badminton_alenzenx/r.mp4,tokyo,report")
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def played(monkeypatch: pytest.MonkeyPatch, shift: float, ball: bool = True) -> list[str]:
    """Let the heads say the truth of LABELS moved by `shift` px; return the list of stills that they saw."""
    seen: list[str] = []

    def frames(source: str, core: Core, rate: str) -> Iterator[Any]:
        path = Path(source)
        names = [p.name for p in sorted(path.iterdir())] if path.is_dir() else [None] * 3
        for number, name in enumerate(names):
            if name:
                seen.append(name)
            yield SimpleNamespace(number=number, name=name)

    def heads(found: Iterator[Any], core: Core, names: Sequence[str]) -> Iterator[Any]:
        boxes = [
            Box((x0 + shift, y0, x1 + shift, y1), 0.9, label)
            for (x0, y0, x1, y1), label in zip(PEOPLE, ("player", "referee"), strict=True)
        ]
        for frame in found:
            there = ball and not (frame.name is None and frame.number == 2)
            points = [Point((480 + shift, 270), 0.6, "ball")] if there else []
            tracked = Result("player_tracking", boxes=boxes)
            pointed = Result("ball_statistics", points=points)
            outcome = {
                "player_tracking": HeadOutcome(tracked, tracked, 1.0),
                "ball_statistics": HeadOutcome(pointed, pointed, 1.0),
            }
            yield frame, {name: outcome[name] for name in names}

    monkeypatch.setattr(core_accuracy, "decoded_frames", frames)
    monkeypatch.setattr(core_accuracy, "heads_on", heads)
    return seen


def test_the_truth_scores_one_and_only_the_report_split_is_seen(
    labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = played(monkeypatch, shift=0)
    done: list[int] = []
    score = score_core(labelled, core, progress=done.append)
    assert seen == ["a.jpg", "b.jpg", "t.jpg"]
    assert done == [1, 2, 3, 4, 5, 6]
    assert (score.stills, score.people.overall.truths, score.small_people) == (2, 4, 2)
    assert (score.people.overall.ap50, score.people.overall.ap75, score.small_recall) == (1.0, 1.0, 1.0)
    for points in (score.ball, score.tennis, score.shuttle, score.shuttle_clips["r"]):
        assert (points.counts.recall, points.counts.precision) == (1.0, 1.0)
    assert score.shuttle.counts.hits == 2


# 12 px at 1920 are 6 px here; the shuttle's 10 px at 1280 are 7.5 px.
@pytest.mark.parametrize(("shift", "ball", "shuttle"), [(5.9, 1.0, 1.0), (6.1, 0.0, 1.0), (7.6, 0.0, 0.0)])
def test_radii_are_of_the_picture_at_their_width(
    shift: float, ball: float, shuttle: float, labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, shift)
    score = score_core(labelled, core)
    assert (score.ball.counts.recall, score.tennis.counts.recall) == (ball, ball)
    assert score.shuttle.counts.recall == shuttle


def test_boxes_beside_the_people_score_nothing(
    labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, shift=60)
    score = score_core(labelled, core)
    assert score.people.overall.ap50 == score.small_recall == 0.0


def test_silence_is_recall_zero(labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, shift=0, ball=False)
    score = score_core(labelled, core)
    assert score.ball.counts.recall == score.shuttle.counts.f1 == 0.0


def test_a_folder_without_stills_is_named(tmp_path: Path, core: Core) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    with pytest.raises(DatasetError, match=str(tmp_path)):
        score_core(tmp_path, core)
