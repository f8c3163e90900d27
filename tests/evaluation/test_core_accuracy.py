"""Scoring the report stills: the right files, the right units, a score that falls with wrong results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core_network.catalogue import Core
from evaluation import core_accuracy
from evaluation.core_accuracy import score_core
from evaluation.report_stills import report_stills

FOLDER = "images/football_players_yolo/images"
LABELS = "0 0.5 0.5 0.01 0.01\n2 0.25 0.5 0.1 0.2\n3 0.75 0.5 0.1 0.2\n"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two report stills of 960x540 with a ball and two people each, and one still for training."""
    rows = ["file,group,split"]
    for name, split in (("a.jpg", "report"), ("b.jpg", "report"), ("c.jpg", "train")):
        picture = tmp_path / FOLDER / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (960, 540)).save(picture)
        labels = tmp_path / "images/football_players_yolo/labels"
        labels.mkdir(exist_ok=True)
        (labels / name).with_suffix(".txt").write_text(LABELS)
        rows.append(f"{FOLDER}/{name},m1,{split}")
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def viewer(shift: float) -> Any:
    """A viewer whose results are the truth of LABELS moved by `shift` px."""

    def view(source: str, heads: Sequence[str], *, results: Path, keep_all: bool, **_: Any) -> None:
        lines = []
        for path in sorted(Path(source).iterdir()):
            line: dict[str, Any] = {"source": path.name, "head": heads[0]}
            if heads == ["player_tracking"]:
                assert keep_all
                line["boxes"] = [
                    {"xyxy": [x + shift, 216, x + 96 + shift, 324], "score": 0.9, "label": "player"}
                    for x in (192, 672)
                ]
            else:
                assert not keep_all
                line["points"] = [{"xy": [480 + shift, 270], "score": 0.6, "label": "ball"}]
            lines.append(json.dumps(line))
        results.write_text("\n".join(lines) + "\n")

    return view


def test_only_the_report_split_is_scored(labelled: Path) -> None:
    stills = report_stills(labelled)
    assert [still.path.name for still in stills] == ["a.jpg", "b.jpg"]
    assert stills[0].people.tolist() == [[192, 216, 288, 324], [672, 216, 768, 324]]
    assert stills[0].balls.tolist() == [[480, 270]]


def test_the_truth_scores_one(labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_accuracy, "view", viewer(shift=0))
    score = score_core(labelled, core)
    assert (score.stills, score.people, score.ap50, score.ap75) == (2, 4, 1.0, 1.0)
    assert (score.ball.recall, score.ball.precision) == (1.0, 1.0)


@pytest.mark.parametrize(("shift", "hit"), [(5.9, True), (6.1, False)])
def test_the_ball_radius_is_12_px_at_1920(
    shift: float, hit: bool, labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_accuracy, "view", viewer(shift))
    assert score_core(labelled, core).ball.recall == float(hit)


def test_boxes_beside_the_people_score_nothing(
    labelled: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_accuracy, "view", viewer(shift=60))
    assert score_core(labelled, core).ap50 == 0.0


def test_a_folder_without_report_stills_is_named(tmp_path: Path, core: Core) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        score_core(tmp_path, core)
