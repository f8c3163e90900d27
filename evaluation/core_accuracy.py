"""What the shipped core and heads find on matches and venues that they never saw, as every viewer gets it."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_network.catalogue import Core
from core_network.training.detection import BallScore
from evaluation.datasets.open import open_dataset
from evaluation.datasets.people import PERSON, people_only
from evaluation.datasets.predictions import Prediction, Predictions
from evaluation.datasets.types import Clip, Dataset, Frame, Rect
from evaluation.decoded import HeadOutcome, decoded_frames, heads_on
from evaluation.gallery import Mistakes, unmatched
from evaluation.metrics.bootstrap import Interval, blocks, interval
from evaluation.metrics.coco import CocoScore, average_precision
from evaluation.metrics.points import RADIUS_PX, PointScore, count_points, point_score
from task_heads.result import Box, Result

__all__ = [
    "SHUTTLE_RADIUS_AT_1920",
    "SMALL_AT_1920",
    "CoreAccuracy",
    "FootballAccuracy",
    "ball_counts",
    "report_football",
    "score_core",
    "score_football",
]

SMALL_AT_1920 = 55.0
"""People less high than this are small (px of a picture 1920 px wide)."""
SHUTTLE_RADIUS_AT_1920 = 15.0
"""10 px of a picture 1280 px wide."""

_FOOTBALL, _TENNIS = "images/football_players_yolo", "images/tennis_ball_yolo"
_BADMINTON = "video/badminton_alenzenx"
_BALL = "ball"
_FOOTBALL_LABELS = (_BALL, "goalkeeper", "player", "referee")
_BLOCK = 30  # frames of a clip that are resampled together

Progress = Callable[[int], None]


@dataclass(frozen=True)
class FootballAccuracy:
    """Stills: people over every detection, the ball as displayed.

    Still by still: `detections` of people, `balls` (counts of those displayed) and `mistakes`, of the people
    that are displayed.
    """

    rate: str
    stills: int
    people: CocoScore
    small_people: int
    small_recall: float
    small_interval: Interval
    ball: PointScore
    detections: Predictions
    balls: Sequence[BallScore]
    mistakes: Sequence[Mistakes]


@dataclass(frozen=True)
class CoreAccuracy(FootballAccuracy):
    """The same, and the ball of tennis stills and badminton clips as displayed."""

    tennis: PointScore
    shuttle: PointScore
    shuttle_clips: dict[str, PointScore]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "rate": self.rate,
            "stills": self.stills,
            "people": self.people.to_json(),
            "small_people": {
                "count": self.small_people,
                "recall": round(self.small_recall, 4),
                "interval": self.small_interval.to_json(),
            },
            "ball": self.ball.to_json(),
            "tennis_ball": self.tennis.to_json(),
            "shuttle": self.shuttle.to_json(),
            "shuttle_clips": {name: score.to_json() for name, score in self.shuttle_clips.items()},
        }


def score_core(
    root: Path, core: Core, rate: str = "default", progress: Progress = lambda _: None
) -> CoreAccuracy:
    """Score the shipped heads on the report split, features coded and decoded at `rate`.

    `progress` hears how many pictures are done. Raises DatasetError when pictures or labels are not there.
    """
    tennis = open_dataset("yolo", root / _TENNIS, labels=("ball",), split="report")
    badminton = open_dataset("ball", root / _BADMINTON, split="report")
    football = score_football(root, core, rate, progress)
    count = itertools.count(football.stills + 1)
    tennis_balls = list[BallScore]()
    for _, frame, heads in _on_stills(tennis, core, rate, ("ball_statistics",)):
        tennis_balls.append(_ball(frame, heads))
        progress(next(count))
    shuttles: dict[str, list[BallScore]] = {}
    for clip in badminton.clips:
        truth = {frame.index: frame for frame in clip.frames}
        for seen, heads in heads_on(
            decoded_frames(str(clip.pictures), core, rate), core, ("ball_statistics",)
        ):
            if seen.number in truth:
                score = _ball(truth[seen.number], heads, SHUTTLE_RADIUS_AT_1920)
                shuttles.setdefault(clip.name, []).append(score)
            progress(next(count))
    return CoreAccuracy(
        **vars(football),
        tennis=point_score([[one] for one in tennis_balls]),
        shuttle=point_score(list(shuttles.values())),
        shuttle_clips={name: point_score(blocks(counts, _BLOCK)) for name, counts in shuttles.items()},
    )


def score_football(
    root: Path, core: Core, rate: str = "default", progress: Progress = lambda _: None
) -> FootballAccuracy:
    """Score the shipped heads on the football stills of the report split alone; see `score_core`."""
    football = report_football(root)
    count = itertools.count(1)
    detections: dict[tuple[str, str], list[Prediction]] = {}
    small: list[tuple[int, int]] = []
    mistakes: list[Mistakes] = []
    balls = list[BallScore]()
    for clip, frame, heads in _on_stills(football, core, rate, ("player_tracking", "ball_statistics")):
        tracked = heads["player_tracking"]
        every = [Prediction(PERSON, box.xyxy, box.score) for box in _best_first(tracked.every)]
        detections[clip.name, frame.name] = every
        there = [thing.box for thing in frame.things if thing.label != _BALL]
        small.append(_small_found(there, frame.width, unmatched([one.box for one in every], there)[0]))
        assert clip.pictures is not None
        shown = [box.xyxy for box in _best_first(tracked.shown)]
        mistakes.append(Mistakes(clip.pictures / frame.file, *unmatched(shown, there)))
        balls.append(_ball(frame, heads))
        progress(next(count))
    return FootballAccuracy(
        rate=rate,
        stills=len(balls),
        people=average_precision(people_only(football), detections),
        small_people=sum(there for _, there in small),
        small_recall=_share(small),
        small_interval=interval(small, _share),
        ball=point_score([[one] for one in balls]),
        detections=detections,
        balls=balls,
        mistakes=mistakes,
    )


def report_football(root: Path) -> Dataset:
    """Return the football stills of the report split with their labels."""
    return open_dataset("yolo", root / _FOOTBALL, labels=_FOOTBALL_LABELS, split="report")


def _on_stills(
    dataset: Dataset, core: Core, rate: str, heads: Sequence[str]
) -> Iterator[tuple[Clip, Frame, dict[str, HeadOutcome]]]:
    """Yield every still with what the heads say of it; each is a broadcast of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        by_file: dict[str, tuple[Clip, Frame]] = {}
        for clip in dataset.clips:
            assert clip.pictures is not None
            for frame in clip.frames:
                (Path(scratch) / frame.file).symlink_to((clip.pictures / frame.file).resolve())
                by_file[frame.file] = clip, frame
        for seen, outcome in heads_on(decoded_frames(scratch, core, rate), core, heads):
            assert seen.name is not None
            yield *by_file[seen.name], outcome


def ball_counts(
    frame: Frame, shown: Sequence[tuple[float, float, float]], radius: float = RADIUS_PX
) -> BallScore:
    """Count points x, y, score in px of the picture against a frame's labelled balls, boxes or spots."""
    spots = [(spot.x, spot.y) for spot in frame.spots]
    for thing in frame.things:
        if thing.label == _BALL:
            x0, y0, x1, y1 = thing.box
            spots.append(((x0 + x1) / 2, (y0 + y1) / 2))
    return count_points(spots, shown, frame.width, radius)


def _ball(frame: Frame, heads: dict[str, HeadOutcome], radius: float = RADIUS_PX) -> BallScore:
    """Count the ball points that are displayed."""
    shown = [(*point.xy, point.score) for point in heads["ball_statistics"].shown.points]
    return ball_counts(frame, shown, radius)


def _best_first(result: Result) -> list[Box]:
    return sorted(result.boxes, key=lambda box: -box.score)


def _small_found(people: Sequence[Rect], width: int, missed: Sequence[Rect]) -> tuple[int, int]:
    """Return how many small people were found and how many there are."""
    limit = SMALL_AT_1920 * width / 1920
    small = [box for box in people if box[3] - box[1] < limit]
    return len(small) - sum(box in small for box in missed), len(small)


def _share(counts: Sequence[tuple[int, int]]) -> float:
    there = sum(count for _, count in counts)
    return sum(hit for hit, _ in counts) / there if there else math.nan
