"""What the shipped core and heads find on matches that they never saw, through the command people use."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.training.detection import BallScore, average_precision, ball_score
from evaluation.report_stills import LabelledStill, report_stills
from viewer.headless import view

__all__ = ["BALL_RADIUS_AT_1920", "CoreAccuracy", "score_core"]

BALL_RADIUS_AT_1920 = 12.0
"""A point this near to the ball's centre is a hit (px of a picture 1920 px wide)."""


@dataclass(frozen=True)
class CoreAccuracy:
    """People: AP at IoU 0.5 and 0.75 over every detection, and their recall. Ball: as displayed."""

    stills: int
    people: int
    ap50: float
    ap75: float
    people_recall: float
    ball: BallScore

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "stills": self.stills,
            "people": self.people,
            "people_ap50": round(self.ap50, 4),
            "people_ap75": round(self.ap75, 4),
            "people_recall": round(self.people_recall, 4),
            "balls": self.ball.hits + self.ball.missed,
            "ball_recall": round(self.ball.recall, 4),
            "ball_precision": round(self.ball.precision, 4),
        }


def score_core(root: Path, core: Core, rate: str = "default") -> CoreAccuracy:
    """Score the shipped heads on the report stills, features coded and decoded at `rate`.

    Raises FileNotFoundError when the folder has no such stills.
    """
    stills = report_stills(root)
    if not stills:
        raise FileNotFoundError(f"{root}: no football stills of the report split")
    people = _viewed(stills, core, rate, "player_tracking", keep_all=True)
    balls = _viewed(stills, core, rate, "ball_statistics", keep_all=False)
    detections = [_rows(result, "boxes", "xyxy") for result in people]
    # To one width, so that the radius is one number.
    scales = [1920 / still.width for still in stills]
    points = [
        _rows(result, "points", "xy") * [scale, scale, 1] for result, scale in zip(balls, scales, strict=True)
    ]
    truths = [still.balls * scale for still, scale in zip(stills, scales, strict=True)]
    boxes = [still.people for still in stills]
    ap50, recall = average_precision(detections, boxes, 0.5)
    ap75, _ = average_precision(detections, boxes, 0.75)
    return CoreAccuracy(
        stills=len(stills),
        people=sum(len(truth) for truth in boxes),
        ap50=ap50,
        ap75=ap75,
        people_recall=recall,
        ball=ball_score(points, truths, BALL_RADIUS_AT_1920, threshold=0.0),
    )


def _viewed(
    stills: Sequence[LabelledStill], core: Core, rate: str, head: str, *, keep_all: bool
) -> list[dict[str, Any]]:
    """Return the head's result for each still; a still without a line found nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, results = Path(scratch) / "stills", Path(scratch) / "results.jsonl"
        folder.mkdir()
        for still in stills:
            (folder / still.path.name).symlink_to(still.path.resolve())
        view(str(folder), [head], core=core, rate=rate, results=results, keep_all=keep_all)
        by_name = {line["source"]: line for line in map(json.loads, results.read_text().splitlines())}
    return [by_name.get(still.path.name, {}) for still in stills]


def _rows(result: dict[str, Any], kind: str, corners: str) -> NDArray[np.float64]:
    """Return coordinates and score of a result's boxes [n, 5] or points [n, 3]."""
    columns = 5 if kind == "boxes" else 3
    return np.array([[*row[corners], row["score"]] for row in result.get(kind, ())], np.float64).reshape(
        -1, columns
    )
