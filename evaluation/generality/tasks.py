"""The held-out tasks: pictures with a target per place, and how a prediction is scored.

No loss of the core's training knows of them: it sees people and balls, never kits, roles or pitch lines, and
no volleyball player. Pictures to learn from are of the train split, those to score on of the report split.
The volleyball players are all of one clip, whose last third is scored; the core has seen its matches' balls.
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
from evaluation.generality.kits import clustered
from evaluation.generality.lines import line_share
from task_heads.training.pictures import kit_colours

__all__ = ["Example", "Task", "held_out_tasks"]

Values = NDArray[np.float32]
Shape = tuple[int, int]

_FOOTBALL, _VOLLEYBALL = "images/football_players_yolo/", "images/volleyball_players_yolo/"
_BALL, _REFEREE = 0, 3  # class numbers of the football labels
_CHEST = 0.35  # of a box's height: where its person is read
_LINE_SHARE = 0.04  # of a cell's area: from here on a line runs through it


@dataclass(frozen=True)
class Example:
    """Bytes for the core [H, W, PLANES], places x, y in cells of the feature grid [n, 2], targets [n, k].

    Tasks on the same picture share its `planes`.
    """

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


@dataclass(frozen=True)
class _Seen:
    """A labelled picture as the core is given it; `people` [n, 4] x0 y0 x1 y1 in cells."""

    pixels: NDArray[np.uint8]
    boxes: Values  # of the people in px of `pixels`
    referee: NDArray[np.bool_]
    planes: NDArray[np.uint8]
    people: Values

    def chests(self) -> Values:
        x = (self.people[:, 0] + self.people[:, 2]) / 2
        y = self.people[:, 1] + _CHEST * (self.people[:, 3] - self.people[:, 1])
        return np.stack([x, y], 1)


def held_out_tasks(root: Path, input_height: int, input_width: int) -> list[Task]:
    """Return the tasks that the data folder allows; raises ValueError when it lacks their pictures."""
    shape = (input_height, input_width)
    learned, scored = (_football(root, split, shape) for split in ("train", "report"))
    volley = _volleyball(root, shape)
    if not learned or not scored or not volley:
        raise ValueError(f"{root}: expected the football and volleyball players' stills of splits.csv")
    third = len(volley) * 2 // 3

    def task(name: str, measure: str, outputs: int, example: Callable[[_Seen], Example]) -> Task:
        return Task(
            name,
            measure,
            outputs,
            [example(one) for one in learned],
            [example(one) for one in scored],
            outputs == 1,
            _ranked if outputs == 1 else _explained,
        )

    return [
        task("kit colour", "R2 of the kit's RGB", 3, _kits),
        task("referee among people", "average precision", 1, _roles),
        task("pitch lines", "average precision of cells", 1, lambda one: _lines(one, shape)),
        Task(
            "volleyball players",
            "average precision of cells",
            1,
            [_cells(one, shape) for one in volley[:third]],
            [_cells(one, shape) for one in volley[third:]],
            True,
            _ranked,
        ),
    ]


def _rows(path: Path) -> NDArray[np.float64]:
    text = (path.parents[1] / "labels" / f"{path.stem}.txt").read_text()
    rows = [line.split()[:5] for line in text.splitlines() if line.strip()]
    return np.array(rows, np.float64).reshape(-1, 5)


def _named(root: Path, prefix: str, split: str) -> list[Path]:
    with (root / "splits.csv").open(newline="") as file:
        return sorted(
            root / row["file"]
            for row in csv.DictReader(file)
            if row["split"] == split and row["file"].startswith(prefix)
        )


def _seen(path: Path, rows: NDArray[np.float64], shape: Shape, aspect: float | None = None) -> _Seen:
    with Image.open(path) as picture:
        height = round(KEPT_WIDTH / (aspect or picture.width / picture.height))
        pixels = np.asarray(picture.convert("RGB").resize((KEPT_WIDTH, height)))
    size = np.array([KEPT_WIDTH, height])
    centre, half = rows[:, 1:3] * size, rows[:, 3:5] * size / 2
    boxes = np.hstack([centre - half, centre + half]).astype(np.float32)
    sample = full_view(Still(path.name, pixels, boxes, None), shape[1], shape[0])
    assert sample.people is not None and len(sample.people) == len(boxes)
    people = (sample.people / 8).astype(np.float32)
    return _Seen(pixels, boxes, rows[:, 0] == _REFEREE, sample.planes, people)


def _football(root: Path, split: str, shape: Shape) -> list[_Seen]:
    labelled = [(path, _rows(path)) for path in _named(root, _FOOTBALL, split)]
    return [_seen(path, rows[rows[:, 0] != _BALL], shape) for path, rows in labelled]


def _volleyball(root: Path, shape: Shape) -> list[_Seen]:
    # The export is squeezed to a square; the clip was 16:9.
    return [_seen(path, _rows(path), shape, aspect=16 / 9) for path in _named(root, _VOLLEYBALL, "train")]


def _kits(one: _Seen) -> Example:
    shirts = kit_colours(one.pixels, one.boxes)[:, :3] / 128 - 1
    return Example(one.planes, one.chests(), clustered(shirts).astype(np.float32))


def _roles(one: _Seen) -> Example:
    return Example(one.planes, one.chests(), one.referee[:, None].astype(np.float32))


def _grid(shape: Shape) -> Values:
    """Return the centre of every cell [h, w, 2]."""
    rows, columns = np.mgrid[: shape[0] // 8, : shape[1] // 8]
    return np.stack([columns, rows], -1).astype(np.float32) + 0.5


def _covered(boxes: Values, shape: Shape, share: float) -> NDArray[np.bool_]:
    """Return the cells [h, w] under the middle `share` of any box."""
    covered = np.zeros((shape[0] // 8, shape[1] // 8), bool)
    for x0, y0, x1, y1 in boxes:
        x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * share / 2, (y1 - y0) * share / 2
        covered[max(int(y - h), 0) : int(np.ceil(y + h)), max(int(x - w), 0) : int(np.ceil(x + w))] = True
    return covered


def _lines(one: _Seen, shape: Shape) -> Example:
    # White shirts and boots are no lines, and nobody knows what lies behind a person.
    known = ~_covered(one.people, shape, 1.3)
    target = line_share(one.pixels, shape[0] // 8, shape[1] // 8) >= _LINE_SHARE
    return Example(one.planes, _grid(shape)[known], target[known][:, None].astype(np.float32))


def _cells(one: _Seen, shape: Shape) -> Example:
    # The middle half of a person: a cell there is one of hers.
    target = _covered(one.people, shape, 0.5)
    return Example(one.planes, _grid(shape).reshape(-1, 2), target.reshape(-1, 1).astype(np.float32))


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
