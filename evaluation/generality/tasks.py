"""The held-out tasks: pictures with a target per place, and how a prediction is scored.

No loss of the core's training knows of them: it sees people and balls, never kits or roles, and no volleyball
player. Pictures to learn from are of the train split, those to score on of the report split. The volleyball
players are all of one clip: its last third is scored.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_network.training.augment import full_view
from core_network.training.stills import KEPT_WIDTH, Still
from task_heads.training.pictures import kit_colours

__all__ = ["Example", "Task", "held_out_tasks"]

Values = NDArray[np.float32]

_FOOTBALL, _VOLLEYBALL = "images/football_players_yolo/", "images/volleyball_players_yolo/"
_BALL, _REFEREE = 0, 3  # class numbers of the football labels
_CHEST = 0.35  # of a box's height: where its person is read


@dataclass(frozen=True)
class Example:
    """Bytes for the core [H, W, 5], places x, y in cells of the feature grid [n, 2], targets there [n, k]."""

    planes: NDArray[np.uint8]
    places: Values
    targets: Values


@dataclass(frozen=True)
class Task:
    """One held-out task; `score` maps predictions and targets [n, k] of all places to 1 (perfect) or less."""

    name: str
    measure: str
    outputs: int
    learned: Sequence[Example]
    scored: Sequence[Example]
    classifies: bool
    score: Callable[[Values, Values], float]


def held_out_tasks(root: Path, input_height: int, input_width: int) -> list[Task]:
    """Return the tasks that the data folder allows; raises ValueError when it lacks their pictures."""
    shape = (input_height, input_width)
    learned, scored = (_football(root, split) for split in ("train", "report"))
    volley = _volleyball(root)
    if not learned or not scored or not volley:
        raise ValueError(f"{root}: expected the football and volleyball players' stills of splits.csv")
    third = len(volley) * 2 // 3
    return [
        Task(
            "kit colour",
            "R2 of the shirt's RGB",
            3,
            [example for still, _ in learned for example in _kits(still, shape, mirrored=True)],
            [example for still, _ in scored for example in _kits(still, shape, mirrored=False)],
            False,
            _explained,
        ),
        Task(
            "referee among people",
            "average precision",
            1,
            [example for still, referee in learned for example in _roles(still, referee, shape, True)],
            [example for still, referee in scored for example in _roles(still, referee, shape, False)],
            True,
            _ranked,
        ),
        Task(
            "volleyball players",
            "average precision of cells",
            1,
            [example for still in volley[:third] for example in _cells(still, shape, mirrored=True)],
            [example for still in volley[third:] for example in _cells(still, shape, mirrored=False)],
            True,
            _ranked,
        ),
    ]


def _rows(path: Path) -> NDArray[np.float64]:
    text = (path.parents[1] / "labels" / f"{path.stem}.txt").read_text()
    return np.array([line.split()[:5] for line in text.splitlines() if line.strip()], np.float64).reshape(
        -1, 5
    )


def _named(root: Path, prefix: str, split: str) -> list[Path]:
    with (root / "splits.csv").open(newline="") as file:
        return sorted(
            root / row["file"]
            for row in csv.DictReader(file)
            if row["split"] == split and row["file"].startswith(prefix)
        )


def _still(path: Path, rows: NDArray[np.float64], aspect: float | None = None) -> Still:
    with Image.open(path) as picture:
        height = round(KEPT_WIDTH / (aspect or picture.width / picture.height))
        pixels = np.asarray(picture.convert("RGB").resize((KEPT_WIDTH, height)))
    size = np.array([KEPT_WIDTH, height])
    centre, half = rows[:, 1:3] * size, rows[:, 3:5] * size / 2
    return Still(path.name, pixels, np.hstack([centre - half, centre + half]).astype(np.float32), None)


def _football(root: Path, split: str) -> list[tuple[Still, NDArray[np.bool_]]]:
    found = []
    for path in _named(root, _FOOTBALL, split):
        rows = _rows(path)
        people = rows[rows[:, 0] != _BALL]
        found.append((_still(path, people), people[:, 0] == _REFEREE))
    return found


def _volleyball(root: Path) -> list[Still]:
    # The export is squeezed to a square; the clip was 16:9.
    return [_still(path, _rows(path), aspect=16 / 9) for path in _named(root, _VOLLEYBALL, "train")]


def _seen(still: Still, shape: tuple[int, int], flip: bool) -> tuple[NDArray[np.uint8], Values]:
    sample = full_view(still, shape[1], shape[0], flip)
    assert sample.people is not None and still.people is not None
    assert len(sample.people) == len(still.people)
    return sample.planes, (sample.people / 8).astype(np.float32)


def _per_person(still: Still, targets: Values, shape: tuple[int, int], mirrored: bool) -> list[Example]:
    examples = []
    for flip in (False, True)[: 1 + mirrored]:
        planes, boxes = _seen(still, shape, flip)
        x = (boxes[:, 0] + boxes[:, 2]) / 2
        y = boxes[:, 1] + _CHEST * (boxes[:, 3] - boxes[:, 1])
        examples.append(Example(planes, np.stack([x, y], 1), targets))
    return examples


def _kits(still: Still, shape: tuple[int, int], *, mirrored: bool) -> list[Example]:
    assert still.people is not None
    shirts = kit_colours(still.pixels(), still.people)[:, :3] / 128 - 1
    return _per_person(still, shirts.astype(np.float32), shape, mirrored)


def _roles(still: Still, referee: NDArray[np.bool_], shape: tuple[int, int], mirrored: bool) -> list[Example]:
    return _per_person(still, referee[:, None].astype(np.float32), shape, mirrored)


def _cells(still: Still, shape: tuple[int, int], *, mirrored: bool) -> list[Example]:
    rows, columns = shape[0] // 8, shape[1] // 8
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) + 0.5
    examples = []
    for flip in (False, True)[: 1 + mirrored]:
        planes, boxes = _seen(still, shape, flip)
        target = np.zeros((rows, columns), np.float32)
        for x0, y0, x1, y1 in boxes:
            # The middle half of a person: a cell there is one of hers.
            x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 4, (y1 - y0) / 4
            target[max(int(y - h), 0) : int(np.ceil(y + h)), max(int(x - w), 0) : int(np.ceil(x + w))] = 1
        examples.append(Example(planes, grid.astype(np.float32), target.reshape(-1, 1)))
    return examples


def _explained(predicted: Values, wanted: Values) -> float:
    """Return R2 over all outputs together: 1 - squared error / variance."""
    error = ((predicted - wanted) ** 2).sum()
    return float(1 - error / ((wanted - wanted.mean(0)) ** 2).sum())


def _ranked(predicted: Values, wanted: Values) -> float:
    """Return average precision: the mean of the precision at each true place, best score first."""
    order = np.argsort(-predicted[:, 0], kind="stable")
    true = wanted[order, 0] > 0.5
    precision = np.cumsum(true) / np.arange(1, len(true) + 1)
    return float(precision[true].mean())
