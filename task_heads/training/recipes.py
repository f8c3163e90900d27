"""What is particular to each built-in head: its module, its loss and how it is validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_network.spec import FeatureSpec
from core_network.training.detection import average_precision, ball_score, box_iou
from core_network.training.losses import task_loss
from core_network.training.targets import Targets, make_targets
from task_heads.ball_statistics import network as ball
from task_heads.ball_statistics.measuring import FOOTBALL, People
from task_heads.dataset import ROLES, Record
from task_heads.manifest import load_manifest
from task_heads.player_tracking import network as players
from task_heads.training.player_targets import player_loss, player_target

__all__ = ["RECIPES", "Needed", "Recipe", "Run", "Target", "recipe"]

BALL_RADIUS = 12 / 1920
"""A ball is found within 12 px of a picture 1920 px wide."""

_DETECTIONS = players.PlayerHead.outputs.index("detections")

Run = Callable[[Record], tuple[NDArray[np.float32], ...]]
Loss = Callable[[nn.Module, Tensor, Mapping[str, Tensor]], tuple[Tensor, dict[str, float]]]
Target = Callable[[Record, FeatureSpec], Mapping[str, NDArray[Any]]]
Needed = Callable[[Record], Mapping[str, NDArray[np.float32]]]


def _has_people(record: Record) -> bool:
    return record.truth.boxes is not None


def _has_balls(record: Record) -> bool:
    return record.truth.balls is not None


@dataclass(frozen=True)
class Recipe:
    """How one head is built, trained and validated.

    It begins with the probe that `probe` names; where it is `taught` by it too, the targets hold what that
    says of the features, as `probe`. `target` makes what `loss` compares with (None: the maps of people,
    balls and roles); `wants` says which records are of use; `inputs` replaces the usual inputs of a first
    frame, given the threshold; `settings` are those beside the threshold, `needs` makes what comes from other
    heads when they see nothing, `needed` what they say of a record.
    """

    build: Callable[[tuple[int, int, int], int], nn.Module]
    width: int
    probe: str
    state: dict[str, tuple[int, ...]]
    loss: Loss
    measure: Callable[[Run, Sequence[Record]], dict[str, float]]
    wants: Callable[[Record], bool]
    taught: bool = False
    target: Target | None = None
    inputs: Callable[[float], dict[str, Tensor]] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    needs: Callable[[], dict[str, Tensor]] = dict
    needed: Needed = field(default=lambda _: {})

    def example(self, shape: tuple[int, int, int], threshold: float) -> dict[str, Tensor]:
        """Return inputs of a first frame, in the graph's order."""
        if self.inputs is not None:
            return self.inputs(threshold)
        return {
            "features": torch.zeros(1, *shape),
            "view": torch.tensor([0.0, 0.0, 1.0, 1.0, 1280.0, 704.0]),
            "dt": torch.zeros(1),
            "threshold": torch.tensor([threshold]),
            **{name: torch.tensor([value]) for name, value in self.settings.items()},
            **self.needs(),
            **{name: torch.zeros(size) for name, size in self.state.items()},
        }


def _ball_target(record: Record, spec: FeatureSpec) -> dict[str, NDArray[np.float32]]:
    """Return the maps of the ball alone: those of people take most of the time of a step."""
    x0, y0, width, height, source_width, source_height = record.view
    across, down = spec.input_width, spec.input_height
    scale = np.array([width * across / source_width, height * down / source_height], np.float32)
    balls = record.truth.balls
    places = None if balls is None else balls * scale + np.array([x0 * across, y0 * down], np.float32)
    maps = make_targets(None, places, down, across)
    return {each.name: np.asarray(getattr(maps, each.name), np.float32) for each in fields(Targets)}


def _ball_loss(
    head: nn.Module, features: Tensor, target: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(head, ball.BallHead)
    maps = head.net(features)
    nobody = maps.new_zeros(len(maps), 5, *maps.shape[2:])
    loss, parts = task_loss(nobody, maps, target)
    return loss, {"heat": parts["ball"], "offset": parts["offset"]}


def _measure_players(run: Run, records: Sequence[Record]) -> dict[str, float]:
    """Return AP50 and AP75 over every detection, the F1 and threshold that displayed boxes get, and of the
    people found: how many have the right role, how many would if all were called players, and recall and
    precision of goalkeepers and referees together."""
    found, truths = [], []
    roles: list[tuple[int, int]] = []  # true, said
    for record in records:
        if record.truth.boxes is None:
            continue
        size = record.view[4:6]
        rows = run(record)[_DETECTIONS]
        rows = rows[rows[:, 7] > 0.5]
        found.append(np.column_stack([rows[:, :4] * np.tile(size, 2), rows[:, 4]]))
        truths.append(record.truth.boxes)
        overlap = box_iou(found[-1][:, :4], record.truth.boxes)
        for column, label in enumerate(record.truth.labels):
            if label in ROLES and len(rows) and overlap[:, column].max() >= 0.5:
                roles.append((ROLES.index(label), int(rows[overlap[:, column].argmax(), 5])))
    ap50, recall = average_precision(found, truths, 0.5)
    ap75, _ = average_precision(found, truths, 0.75)
    best, threshold = max((_f1(found, truths, t), t) for t in np.arange(0.15, 0.6, 0.05))
    true, said = np.array(roles, int).reshape(-1, 2).T
    right, rare = true == said, (true > 0) & (true == said)
    return {
        "ap50": ap50, "ap75": ap75, "recall": recall, "f1": best, "threshold": float(threshold),
        "role_accuracy": int(right.sum()) / max(len(true), 1),
        "role_accuracy_all_players": int((true == 0).sum()) / max(len(true), 1),
        "rare_role_recall": int(rare.sum()) / max(int((true > 0).sum()), 1),
        "rare_role_precision": int(rare.sum()) / max(int((said > 0).sum()), 1),
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


def _people() -> People:
    """Return what the player head puts out; export the ball head again when that changes."""
    tracks = load_manifest(Path(players.__file__).parent).output("tracks")
    return People(tracks.shape, tracks.columns)


RECIPES: dict[str, Recipe] = {
    "player_tracking": Recipe(
        build=lambda shape, width: players.PlayerHead(shape, width),
        width=48,
        probe="people",
        taught=True,
        state=players.STATE,
        loss=player_loss,
        measure=_measure_players,
        wants=_has_people,
        target=player_target,
        settings={"team": -1.0, "follow": 0.0},
    ),
    "ball_statistics": Recipe(
        build=lambda shape, width: ball.BallHead(shape, _people(), width),
        width=32,
        probe="ball",
        state=ball.STATE,
        loss=_ball_loss,
        measure=_measure_ball,
        wants=_has_balls,
        target=_ball_target,
        settings={"sport": FOOTBALL},
        needs=lambda: {"player_tracking__tracks": torch.zeros(_people().shape)},
    ),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of a built-in head; raises ValueError that lists the known ones."""
    if name not in RECIPES:
        raise ValueError(f"expected one of the heads {', '.join(RECIPES)}, got {name}")
    return RECIPES[name]
