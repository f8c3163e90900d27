"""The football stills of the report split with their truth, for scoring only."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["LabelledStill", "report_stills"]

_FOLDER = "images/football_players_yolo/"
_BALL = 0


@dataclass(frozen=True)
class LabelledStill:
    """One picture's file and its truth in px: people [n, 4] x0 y0 x1 y1, ball centres [m, 2]."""

    path: Path
    width: int
    people: NDArray[np.float64]
    balls: NDArray[np.float64]


def report_stills(root: Path) -> Sequence[LabelledStill]:
    """Return the labelled football stills that no training, calibration or choice has seen, by name."""
    with (root / "splits.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["split"] == "report"]
    return [_read(root / name) for name in sorted(names) if name.startswith(_FOLDER)]


def _read(path: Path) -> LabelledStill:
    with Image.open(path) as picture:
        size = np.array(picture.size, np.float64)
    lines = (path.parents[1] / "labels" / f"{path.stem}.txt").read_text().splitlines()
    rows = np.array([line.split() for line in lines if line.strip()], np.float64).reshape(-1, 5)
    centres, halves = rows[:, 1:3] * size, rows[:, 3:5] * size / 2
    ball = rows[:, 0] == _BALL
    return LabelledStill(
        path, int(size[0]), np.hstack([centres - halves, centres + halves])[~ball], centres[ball]
    )
