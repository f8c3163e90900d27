"""What a head says about one frame, in pixels of the source picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from task_heads.manifest import BoxesDraw, Manifest, Output, PointsDraw, TrailDraw

__all__ = ["Box", "Point", "Result", "Trail", "result_from"]


@dataclass(frozen=True)
class Box:
    """A rectangle x0, y0, x1, y1 in px of the source picture."""

    xyxy: tuple[float, float, float, float]
    score: float
    label: str
    id: int | None = None
    team: int | None = None


@dataclass(frozen=True)
class Point:
    """A place x, y in px of the source picture."""

    xy: tuple[float, float]
    score: float
    label: str
    id: int | None = None
    guess: bool = False
    """Not seen on this frame: where it is supposed to be."""


@dataclass(frozen=True)
class Trail:
    """Past places of one thing in px of the source picture, oldest first; `guess` says which were not
    seen."""

    xy: list[tuple[float, float]]
    label: str
    guess: list[bool] = field(default_factory=list)

    def guessed(self, index: int) -> bool:
        """Tell whether the place of that number is a guess."""
        return index < len(self.guess) and self.guess[index]


@dataclass(frozen=True)
class Result:
    """One head's result for one frame: what is drawn, and the statistics by name."""

    head: str
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    stats: dict[str, float] = field(default_factory=dict)

    def to_json(self, frame: int, pts: int, source: str | None) -> dict[str, Any]:
        """Return the `--results` object: frame in decode order, pts in 90 kHz ticks, the image's name or
        None."""
        return {
            "frame": frame,
            "pts": pts,
            "source": source,
            "head": self.head,
            "boxes": [_item("xyxy", box.xyxy, box) for box in self.boxes],
            "points": [_item("xy", point.xy, point) for point in self.points],
            "trails": [_line(trail) for trail in self.trails],
            "stats": {name: round(value, 4) for name, value in self.stats.items()},
        }

    def to_json_line(self, frame: int, pts: int, source: str | None) -> str:
        """Return `to_json` as one line without its newline."""
        return json.dumps(self.to_json(frame, pts, source), ensure_ascii=False, separators=(", ", ": "))

    def to_mot_lines(self, frame: int) -> list[str]:
        """Return `frame,id,x,y,w,h,score,-1,-1,-1` for each box with an id; frame is from 0 here, from 1
        in the line."""
        return [
            f"{frame + 1},{box.id},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},{box.score:.4f},-1,-1,-1"
            for box in self.boxes
            if box.id is not None
            for x0, y0, x1, y1 in [box.xyxy]
        ]


def _line(trail: Trail) -> dict[str, Any]:
    line: dict[str, Any] = {
        "label": trail.label,
        "xy": [[round(x, 2), round(y, 2)] for x, y in trail.xy],
    }
    if any(trail.guess):
        line["guess"] = [int(guess) for guess in trail.guess]
    return line


def _item(key: str, place: tuple[float, ...], part: Box | Point) -> dict[str, Any]:
    item: dict[str, Any] = {
        key: [round(v, 2) for v in place],
        "score": round(part.score, 4),
        "label": part.label,
    }
    if part.id is not None:
        item["id"] = part.id
    if isinstance(part, Box) and part.team is not None:
        item["team"] = part.team
    if isinstance(part, Point) and part.guess:
        item["guess"] = True
    return item


class _Rows:
    """The valid rows of an output table, by column name."""

    def __init__(self, manifest: Manifest, output: Output, table: NDArray[np.float32]) -> None:
        self._manifest = manifest
        self._column = {name: index for index, name in enumerate(output.columns)}
        self.rows = [row for row in table if row[self._column["valid"]] >= 0.5]

    def value(self, row: NDArray[np.float32], column: str, default: float = 0.0) -> float:
        return float(row[self._column[column]]) if column in self._column else default

    def label(self, row: NDArray[np.float32]) -> str:
        labels = self._manifest.labels
        if not labels:
            return self._manifest.name
        index = int(np.floor(self.value(row, "label") + 0.5))
        return labels[min(max(index, 0), len(labels) - 1)]

    def id(self, row: NDArray[np.float32]) -> int | None:
        number = int(np.floor(self.value(row, "id") + 0.5))
        return number if number >= 1 else None

    def guess(self, row: NDArray[np.float32]) -> bool:
        return self.value(row, "guess") >= 0.5

    def team(self, row: NDArray[np.float32]) -> int | None:
        number = int(np.floor(self.value(row, "team", -1.0) + 0.5))
        return number if number >= 0 else None


def result_from(
    manifest: Manifest,
    outputs: Mapping[str, NDArray[np.float32]],
    source_width: int,
    source_height: int,
    *,
    every_detection: bool = False,
) -> Result:
    """Return the result of one frame's outputs, as docs/heads.md defines it.

    `every_detection` is `--all`: a kind's "all" entries replace its confirmed ones.
    """
    result = Result(manifest.name)
    for draw in manifest.draw:
        if not isinstance(draw, BoxesDraw | PointsDraw | TrailDraw):
            continue
        if not isinstance(draw, TrailDraw) and draw.when != _when(manifest, draw.kind, every_detection):
            continue
        table = _Rows(manifest, manifest.output(draw.output), outputs[draw.output])
        if isinstance(draw, BoxesDraw):
            result.boxes.extend(_box(table, row, source_width, source_height) for row in table.rows)
        elif isinstance(draw, PointsDraw):
            result.points.extend(_point(table, row, source_width, source_height) for row in table.rows)
        elif table.rows:
            line = [
                (table.value(r, "x") * source_width, table.value(r, "y") * source_height) for r in table.rows
            ]
            guess = [table.guess(row) for row in table.rows]
            result.trails.append(Trail(line, table.label(table.rows[-1]), guess))
    for statistic in manifest.statistics:
        columns = manifest.output(statistic.output).columns
        row = outputs[statistic.output][0]
        if statistic.valid is None or row[columns.index(statistic.valid)] >= 0.5:
            result.stats[statistic.name] = float(row[columns.index(statistic.column)])
    return result


def _when(manifest: Manifest, kind: str, every_detection: bool) -> Literal["confirmed", "all"]:
    has_all = any(
        draw.kind == kind and draw.when == "all"
        for draw in manifest.draw
        if isinstance(draw, BoxesDraw | PointsDraw)
    )
    return "all" if every_detection and has_all else "confirmed"


def _box(table: _Rows, row: NDArray[np.float32], width: int, height: int) -> Box:
    x0, y0, x1, y1 = (table.value(row, column) for column in ("x0", "y0", "x1", "y1"))
    place = (x0 * width, y0 * height, x1 * width, y1 * height)
    return Box(place, table.value(row, "score"), table.label(row), table.id(row), table.team(row))


def _point(table: _Rows, row: NDArray[np.float32], width: int, height: int) -> Point:
    place = (table.value(row, "x") * width, table.value(row, "y") * height)
    return Point(place, table.value(row, "score"), table.label(row), table.id(row), table.guess(row))
