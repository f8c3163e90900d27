"""What is particular to each built-in head: its module, its loss, how it is validated, and the text of its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core_network.training.losses import task_loss
from evaluation.detection import average_precision, ball_score, box_iou
from task_heads.ball_statistics import network as ball
from task_heads.dataset import ROLES, Record
from task_heads.player_tracking import network as players

__all__ = ["RECIPES", "Recipe", "recipe"]

BALL_RADIUS = 12 / 1920
"""A ball is found within 12 px of a picture 1920 px wide."""

Run = Callable[[Record], tuple[NDArray[np.float32], ...]]
Loss = Callable[[nn.Module, Tensor, Mapping[str, Tensor]], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Recipe:
    """One head from weights to manifest."""

    build: Callable[[tuple[int, int, int], int], nn.Module]
    width: int
    probe: str
    state: dict[str, tuple[int, ...]]
    loss: Loss
    measure: Callable[[Run, Sequence[Record]], dict[str, float]]
    manifest: dict[str, Any]

    def example(self, shape: tuple[int, int, int], threshold: float) -> dict[str, Tensor]:
        """Return inputs of a first frame, in the graph's order."""
        return {
            "features": torch.zeros(1, *shape),
            "view": torch.tensor([0.0, 0.0, 1.0, 1.0, 1280.0, 704.0]),
            "dt": torch.zeros(1),
            "threshold": torch.tensor([threshold]),
            **{name: torch.zeros(size) for name, size in self.state.items()},
        }


def _player_loss(head: nn.Module, features: Tensor, target: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(head, players.PlayerHead)
    maps, roles = head.net.maps(head.net(features))
    no_ball = maps.new_zeros(len(maps), 3, *maps.shape[2:])
    loss, parts = task_loss(maps, no_ball, {**target, "ball_known": torch.zeros_like(target["ball_known"])})
    known = target["role"] >= 0
    rare = torch.tensor([1.0, 2.5, 2.0])
    role = (
        F.cross_entropy(roles.permute(0, 2, 3, 1)[known], target["role"][known], weight=rare)
        if known.any()
        else maps.sum() * 0
    )
    return loss + 0.3 * role, {"heat": parts["people"], "box": parts["box"], "role": role.item()}


def _ball_loss(head: nn.Module, features: Tensor, target: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(head, ball.BallHead)
    maps = head.net(features)
    nobody = maps.new_zeros(len(maps), 5, *maps.shape[2:])
    loss, parts = task_loss(nobody, maps, {**target, "people_known": torch.zeros_like(target["people_known"])})
    return loss, {"heat": parts["ball"], "offset": parts["offset"]}


def _measure_players(run: Run, records: Sequence[Record]) -> dict[str, float]:
    """Return AP50 and AP75 over every detection, and the F1, threshold and role accuracy that displayed boxes get."""
    found, truths, right, named = [], [], 0, 0
    for record in records:
        if record.truth.boxes is None:
            continue
        size = record.view[4:6]
        rows = run(record)[1]
        rows = rows[rows[:, 7] > 0.5]
        found.append(np.column_stack([rows[:, :4] * np.tile(size, 2), rows[:, 4]]))
        truths.append(record.truth.boxes)
        overlap = box_iou(found[-1][:, :4], record.truth.boxes)
        for column, label in enumerate(record.truth.labels):
            if label in ROLES and len(rows) and overlap[:, column].max() >= 0.5:
                named += 1
                right += ROLES[int(rows[overlap[:, column].argmax(), 5])] == label
    ap50, recall = average_precision(found, truths, 0.5)
    ap75, _ = average_precision(found, truths, 0.75)
    best, threshold = max((_f1(found, truths, t), t) for t in np.arange(0.15, 0.6, 0.05))
    return {
        "ap50": ap50, "ap75": ap75, "recall": recall, "f1": best, "threshold": float(threshold),
        "role_accuracy": right / max(named, 1),
    }  # fmt: skip


def _f1(found: Sequence[NDArray[Any]], truths: Sequence[NDArray[Any]], threshold: float) -> float:
    hits = claimed = there = 0
    for boxes, truth in zip(found, truths, strict=True):
        kept = boxes[boxes[:, 4] >= threshold]
        overlap = box_iou(kept[:, :4], truth)
        hits += int((overlap.max(0) >= 0.5).sum()) if len(kept) and len(truth) else 0
        claimed += len(kept)
        there += len(truth)
    return 2 * hits / max(claimed + there, 1)


def _measure_ball(run: Run, records: Sequence[Record]) -> dict[str, float]:
    """Return the best F1 of the best candidate over thresholds, with its recall, precision and threshold."""
    points, truths = [], []
    for record in records:
        if record.truth.balls is None:
            continue
        size = record.view[4:6]
        rows = run(record)[1]
        rows = rows[rows[:, 4] > 0.5][:1]
        scale = 1 / size[0]
        points.append(np.column_stack([rows[:, :2] * size * scale, rows[:, 2]]))
        truths.append(record.truth.balls * scale)
    scores = [(ball_score(points, truths, BALL_RADIUS, t), t) for t in np.arange(0.05, 0.95, 0.05)]
    best, threshold = max(scores, key=lambda pair: pair[0].f1)
    return {"f1": best.f1, "recall": best.recall, "precision": best.precision, "threshold": float(threshold)}


_BOX_COLUMNS = ["x0", "y0", "x1", "y1", "score", "label", "id", "valid"]

_PLAYERS: dict[str, Any] = {
    "title": "Player tracking",
    "description": "Finds everyone on the pitch, tells players, goalkeepers and referees apart, and keeps an id for each person "
    "while they stay in view, through crossings, short occlusions and camera movement.",
    "state": [
        {"name": "track", "output": "track_next", "shape": [players.SLOTS, players.STATE_COLUMNS], "init": 0.0},
        {"name": "clock", "output": "clock_next", "shape": [2], "init": 0.0},
    ],
    "setting": "Detections from this score on begin a track",
    "outputs": [
        {"name": "tracks", "shape": [players.SLOTS, 10], "columns": [*_BOX_COLUMNS, "vx", "vy"]},
        {"name": "detections", "shape": [players.DETECTIONS, 8], "columns": _BOX_COLUMNS},
        {"name": "stats", "shape": [1, 5], "columns": ["people", "players", "goalkeepers", "referees", "ids"]},
    ],
    "labels": list(ROLES),
    "statistics": [
        {"name": "people", "title": "People in view", "unit": "", "output": "stats", "column": "people",
         "definition": "Confirmed tracks that were seen in the last 0.13 s."},
        {"name": "players", "title": "Players", "unit": "", "output": "stats", "column": "players",
         "definition": "People in view whose role is player, which is also the role of the undecided."},
        {"name": "goalkeepers", "title": "Goalkeepers", "unit": "", "output": "stats", "column": "goalkeepers",
         "definition": "People in view whose averaged role weight for goalkeeper is above one half."},
        {"name": "referees", "title": "Referees", "unit": "", "output": "stats", "column": "referees",
         "definition": "People in view whose averaged role weight for referee is above one half."},
        {"name": "ids", "title": "Ids given", "unit": "", "output": "stats", "column": "ids",
         "definition": "How many tracks were confirmed since the last reset."},
    ],
    "draw": [
        {"kind": "boxes", "output": "tracks", "when": "confirmed", "colour_by": "label"},
        {"kind": "boxes", "output": "detections", "when": "all", "colour_by": "label"},
        {"kind": "table", "title": "Players", "statistics": ["people", "players", "goalkeepers", "referees", "ids"]},
    ],
}  # fmt: skip

_BALL: dict[str, Any] = {
    "title": "Ball statistics",
    "description": "Follows the ball and measures it: position, trail, how fast it moves across the picture, how sure the "
    "head is and how often the ball is to be seen. Nothing is invented while the ball is hidden.",
    "state": [
        {"name": "track", "output": "track_next", "shape": [ball.STATE_VALUES], "init": 0.0},
        {"name": "trail_state", "output": "trail_next", "shape": [ball.TRAIL, 4], "init": 0.0},
    ],
    "setting": "A ball is taken up from this score on",
    "outputs": [
        {"name": "ball", "shape": [1, 5], "columns": ["x", "y", "score", "label", "valid"]},
        {"name": "candidates", "shape": [ball.CANDIDATES, 5], "columns": ["x", "y", "score", "label", "valid"]},
        {"name": "trail", "shape": [ball.TRAIL, 4], "columns": ["x", "y", "valid", "age"]},
        {"name": "stats", "shape": [1, 10], "columns": [
            "visible", "ball_x", "ball_y", "confidence", "speed", "moving", "unseen", "ever", "share", "timed"]},
    ],
    "labels": ["ball"],
    "statistics": [
        {"name": "ball_visible", "title": "Ball in view", "unit": "", "output": "stats", "column": "visible",
         "definition": "1 while the ball is found in this frame, else 0."},
        {"name": "ball_speed", "title": "Speed", "unit": "px/s", "output": "stats", "column": "speed", "valid": "moving",
         "definition": "Filtered speed across the picture in pixels of the source per second, camera movement included; "
         "from the third frame of an unbroken track on."},
        {"name": "ball_x", "title": "Position x", "unit": "px", "output": "stats", "column": "ball_x", "valid": "visible",
         "definition": "Distance of the ball's centre from the left edge, in pixels of the source."},
        {"name": "ball_y", "title": "Position y", "unit": "px", "output": "stats", "column": "ball_y", "valid": "visible",
         "definition": "Distance of the ball's centre from the top edge, in pixels of the source."},
        {"name": "ball_confidence", "title": "Confidence", "unit": "", "output": "stats", "column": "confidence",
         "valid": "visible", "decimals": 2, "definition": "Score of the place where the ball was found, 0 to 1."},
        {"name": "ball_unseen", "title": "Unseen for", "unit": "s", "output": "stats", "column": "unseen", "valid": "ever",
         "decimals": 1, "definition": "Time since the ball was last found; 0 while it is in view."},
        {"name": "ball_visible_share", "title": "In view", "unit": "", "output": "stats", "column": "share", "valid": "timed",
         "decimals": 2, "definition": "Share of the time since the last reset during which the ball was found, 0 to 1."},
    ],
    "draw": [
        {"kind": "trail", "output": "trail", "colour": "#ffd400"},
        {"kind": "points", "output": "ball", "when": "confirmed", "colour": "#ffd400"},
        {"kind": "points", "output": "candidates", "when": "all", "colour": "#ffd400"},
        {"kind": "text", "corner": "bottom_left", "template": "Ball {ball_speed} px/s"},
        {"kind": "table", "title": "Ball", "statistics": [
            "ball_visible", "ball_speed", "ball_confidence", "ball_unseen", "ball_visible_share"]},
    ],
}  # fmt: skip

RECIPES: dict[str, Recipe] = {
    "player_tracking": Recipe(
        build=lambda shape, width: players.PlayerHead(shape, width),
        width=64,
        probe="people",
        state={"track": (players.SLOTS, players.STATE_COLUMNS), "clock": (2,)},
        loss=_player_loss,
        measure=_measure_players,
        manifest=_PLAYERS,
    ),
    "ball_statistics": Recipe(
        build=lambda shape, width: ball.BallHead(shape, width),
        width=32,
        probe="ball",
        state={"track": (ball.STATE_VALUES,), "trail_state": (ball.TRAIL, 4)},
        loss=_ball_loss,
        measure=_measure_ball,
        manifest=_BALL,
    ),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of a built-in head; raises ValueError that lists the known ones."""
    if name not in RECIPES:
        raise ValueError(f"expected one of the heads {', '.join(RECIPES)}, got {name}")
    return RECIPES[name]
