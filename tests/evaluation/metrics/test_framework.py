"""The 5G-MAG frame score: the routine as the framework has it, and each of its quirks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing
from evaluation.metrics.framework import NOT_COMPARABLE, frame_score, label_area

Box = tuple[float, float, float, float]
Scene = Callable[..., tuple[Dataset, dict[tuple[str, str], list[Prediction]]]]

A: Box = (0.0, 0.0, 10.0, 10.0)
B: Box = (100.0, 0.0, 110.0, 10.0)
FAR: Box = (300.0, 300.0, 310.0, 310.0)


def cut(box: Box, iou: float) -> Box:
    """A box inside `box` with this IoU."""
    return (box[0], box[1], box[2], box[1] + (box[3] - box[1]) * iou)


def slowly(truths: Sequence[Box], boxes: Sequence[Box]) -> float:
    """The definition written out, pair by pair and strip by strip."""

    def iou(a: Box, b: Box) -> float:
        shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
        return shared / (areas - shared)

    recalls, precisions = [0.0], [0.0]
    for step in range(10):
        gone: set[int] = set()
        hits = 0
        for box in boxes:
            mine = {
                i for i, truth in enumerate(truths) if i not in gone and iou(truth, box) >= 0.5 + step / 20
            }
            gone |= mine
            hits += bool(mine)
        if boxes:
            recalls.append(hits / len(truths))
            precisions.append(hits / len(boxes))
    recalls.append(1.0)
    precisions.append(0.0)
    area = 0.0
    for left in range(len(recalls) - 1):
        area += (recalls[left + 1] - recalls[left]) * max(precisions[left + 1 :])
    return area


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_framework_routine(seed: int, random_scene: Scene) -> None:
    dataset, predictions = random_scene(seed, frames=10, ignored=0)
    expected: dict[str, list[float]] = {}
    for clip in dataset.clips:
        for frame in clip.frames:
            found = sorted(predictions[clip.name, frame.name], key=lambda one: -one.score)
            for label in {thing.label for thing in frame.things}:
                truths = [thing.box for thing in frame.things if thing.label == label]
                boxes = [one.box for one in found if one.label == label and one.score > 0.5]
                expected.setdefault(label, []).append(slowly(truths, boxes))
    score = frame_score(dataset, predictions, rounds=0)
    assert score.per_label == pytest.approx({label: np.mean(areas) for label, areas in expected.items()})
    assert score.mean == pytest.approx(np.mean([np.mean(areas) for areas in expected.values()]))


def test_perfect_boxes_score_one() -> None:
    assert label_area([A, B], [A, B]) == pytest.approx(1)


def test_quirk_boxes_that_only_just_match_score_as_much_as_perfect_ones() -> None:
    assert label_area([A], [cut(A, 0.51)]) == pytest.approx(1)


def test_quirk_a_box_that_falls_out_later_takes_area_away() -> None:
    # Recall 1, 1, ... then 1/2 with precision 1/2: 1 x 1 - 1/2 x 1/2.
    assert label_area([A, B], [A, cut(B, 0.6)]) == pytest.approx(0.75)


def test_quirk_a_box_takes_every_truth_that_it_overlaps() -> None:
    near: Box = (0.2, 0.0, 10.2, 10.0)
    # IoU 0.96: the first box takes both truths at every threshold and the second finds none, so recall and
    # precision are one half, although both boxes are perfect.
    assert label_area([A, near], [A, near]) == pytest.approx(0.25)


def test_no_prediction_scores_zero() -> None:
    assert label_area([A], []) == 0


def scored(frames: dict[str, tuple[list[Thing], list[Prediction]]], **options: float) -> dict[str, float]:
    dataset = Dataset(
        "d",
        (Clip("c", tuple(Frame(name, 400, 400, tuple(things)) for name, (things, _) in frames.items())),),
        ("player", "ball"),
    )
    predictions = {("c", name): found for name, (_, found) in frames.items()}
    score = frame_score(dataset, predictions, rounds=0, **options)
    return {"mean": score.mean, **score.per_label}


def test_quirk_false_alarms_in_frames_without_the_label_are_free() -> None:
    one = ([Thing("player", A)], [Prediction("player", A, 0.9), Prediction("ball", FAR, 0.9)])
    empty: tuple[list[Thing], list[Prediction]] = ([], [Prediction("player", FAR, 0.9)] * 5)
    assert scored({"a": one, "b": empty}) == {"mean": 1, "player": 1}


def test_quirk_scores_rank_nothing_and_the_threshold_is_strict() -> None:
    found = [Prediction("player", FAR, 0.99), Prediction("player", A, 0.51)]
    assert scored({"a": ([Thing("player", A)], found)})["mean"] == pytest.approx(0.5)
    at = [Prediction("player", A, 0.5)]
    assert scored({"a": ([Thing("player", A)], at)})["mean"] == 0
    assert scored({"a": ([Thing("player", A)], at)}, confidence=0.4)["mean"] == 1


def test_labels_are_averaged_first_over_frames_then_over_labels() -> None:
    hit = ([Thing("player", A), Thing("ball", B)], [Prediction("player", A, 0.9), Prediction("ball", B, 0.9)])
    miss: tuple[list[Thing], list[Prediction]] = ([Thing("player", A)], [])
    assert scored({"a": hit, "b": miss, "c": miss}) == pytest.approx(
        {"mean": (1 / 3 + 1) / 2, "player": 1 / 3, "ball": 1}
    )


def test_without_truth_there_is_no_score() -> None:
    assert math.isnan(scored({"a": ([], [])})["mean"])


def test_a_score_that_is_none_is_refused() -> None:
    with pytest.raises(DatasetError, match="c/a"):
        scored({"a": ([Thing("player", A)], [Prediction("player", A, math.nan)])})


def test_the_figures_say_what_they_are_not(random_scene: Scene) -> None:
    assert frame_score(*random_scene(1, frames=2), rounds=5).to_json()["note"] == NOT_COMPARABLE
