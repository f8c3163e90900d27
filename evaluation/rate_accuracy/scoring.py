"""People AP50 and ball F1 of what was seen, against labels or against what the clean source shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, Frame, Spot, Thing
from evaluation.metrics.bootstrap import blocks
from evaluation.metrics.coco import average_precision
from evaluation.metrics.points import count_points, point_score
from evaluation.rate_accuracy.footage import Footage
from evaluation.rate_accuracy.viewing import Seen

__all__ = ["PERSON", "Accuracy", "Truth", "score", "truth_of"]

PERSON = "person"


@dataclass(frozen=True)
class Truth:
    """One clip to score against, its people as one label; `kind` says where it comes from."""

    clip: Clip
    kind: str


@dataclass(frozen=True)
class Accuracy:
    """People AP at IoU 0.5 and over 0.5 to 0.95, and ball F1, with 95 % intervals; None where the truth has
    none."""

    ap50: float
    ap50_interval: tuple[float, float]
    ap: float
    ap_interval: tuple[float, float]
    f1: float | None
    f1_interval: tuple[float, float] | None


def truth_of(footage: Footage, clean: Sequence[Seen]) -> Truth:
    """Return the labels of the footage, else what the network displays on the clean source."""
    if footage.truth is not None:
        frames = tuple(
            replace(frame, things=tuple(replace(thing, label=PERSON) for thing in frame.things))
            for frame in footage.truth.frames
            if frame.index < footage.count
        )
        return Truth(replace(footage.truth, frames=frames), "labels")
    frames = tuple(
        Frame(
            f"{index:06d}",
            footage.width,
            footage.height,
            tuple(Thing(PERSON, (x0, y0, x1, y1)) for x0, y0, x1, y1, _ in seen.shown if x0 < x1 and y0 < y1),
            tuple(Spot("ball", x, y) for x, y, _ in seen.balls),
            index=index,
        )
        for index, seen in enumerate(clean)
    )
    return Truth(Clip(footage.name, frames, footage.path, continuous=True), "the clean source's own results")


def score(truth: Truth, seen: Sequence[Seen], *, rounds: int = 200) -> Accuracy:
    """Score what was seen in frames 0, 1, ... of the clip; `rounds` resamples its frames for intervals."""
    clip = truth.clip
    predictions = {
        (clip.name, frame.name): [
            Prediction(PERSON, (x0, y0, x1, y1), least) for x0, y0, x1, y1, least in seen[frame.index].people
        ]
        for frame in clip.frames
    }
    people = average_precision(Dataset(clip.name, (clip,), (PERSON,)), predictions, rounds=rounds)
    half, every = people.ap50_interval, people.ap_interval
    accuracy = Accuracy(
        people.overall.ap50, (half.low, half.high), people.overall.ap, (every.low, every.high), None, None
    )
    if not any(frame.spots for frame in clip.frames):
        return accuracy
    counts = [
        count_points(
            [(spot.x, spot.y) for spot in frame.spots],
            [(x, y, s) for x, y, s in seen[frame.index].balls],
            frame.width,
        )
        for frame in clip.frames
    ]
    ball = point_score(blocks(counts, 10), rounds=rounds)
    bounds = ball.f1_interval
    return replace(accuracy, f1=ball.counts.f1, f1_interval=(bounds.low, bounds.high))
