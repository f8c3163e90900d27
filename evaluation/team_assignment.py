"""How often the player head puts a labelled player into the right one of two teams."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from core_network.catalogue import Core
from core_network.training.detection import box_iou
from evaluation.datasets.types import Clip, DatasetError
from evaluation.decoded import decoded_frames, heads_on

__all__ = ["TeamScore", "score_teams", "teams_of"]

_HEAD = "player_tracking"


@dataclass(frozen=True)
class TeamScore:
    """Frames of labelled players whom a shown track covers (IoU >= 0.5): in the right team, the wrong one,
    none; and how many no track covers. Which team is which is the better of the two ways."""

    right: int
    wrong: int
    unknown: int
    unseen: int

    @property
    def accuracy(self) -> float:
        """Share of the covered ones that are in the right team, 0..1; in none is not right."""
        return self.right / max(self.right + self.wrong + self.unknown, 1)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "accuracy": round(self.accuracy, 4),
            "right": self.right,
            "wrong": self.wrong,
            "unknown": self.unknown,
            "unseen": self.unseen,
        }


def teams_of(path: Path) -> dict[int, str]:
    """Return track -> team of the players in a tracks.csv; raises DatasetError when it has no two teams."""
    with path.open(newline="") as file:
        teams = {int(row["id"]): row["team"] for row in csv.DictReader(file) if row["role"] == "player"}
    if len(set(teams.values())) != 2:
        raise DatasetError.at(path, None, "players of two teams", f"{len(set(teams.values()))}")
    return teams


def score_teams(
    clip: Clip, teams: dict[int, str], core: Core, rate: str, on_frame: Callable[[int], None]
) -> TeamScore:
    """Run the head over the clip's video as a viewer would; `on_frame` hears the number of frames seen."""
    wanted = {frame.index: frame for frame in clip.frames}
    said: Counter[tuple[str, int | None]] = Counter()
    unseen = 0
    for frame, outcomes in heads_on(
        decoded_frames(str(clip.pictures), core, rate, last=max(wanted)), core, [_HEAD]
    ):
        on_frame(frame.number + 1)
        truth = wanted.get(frame.number)
        if truth is None:
            continue
        boxes = outcomes[_HEAD].shown.boxes
        found = np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)
        for thing in truth.things:
            if thing.ignore or thing.track not in teams:
                continue
            overlap = box_iou(np.array([thing.box], np.float64), found)[0]
            if not len(found) or overlap.max() < 0.5:
                unseen += 1
            else:
                said[teams[thing.track], boxes[int(overlap.argmax())].team] += 1
    names = sorted(set(teams.values()))
    right = max(sum(said[name, number] for number, name in enumerate(order)) for order in permutations(names))
    unknown = sum(count for (_, number), count in said.items() if number is None)
    return TeamScore(right, sum(said.values()) - right - unknown, unknown, unseen)
