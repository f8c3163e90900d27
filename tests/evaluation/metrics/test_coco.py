"""COCO AP: by hand, against a second implementation, and for input that is empty or wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing
from evaluation.metrics.coco import average_precision
from evaluation.metrics.coco_matching import match_label, weighted_precision

Predictions = dict[tuple[str, str], list[Prediction]]
Scene = Callable[..., tuple[Dataset, Predictions]]

BOX = (10.0, 10.0, 20.0, 20.0)
OTHER = (50.0, 50.0, 60.0, 60.0)


def one_frame(*things: Thing, labels: tuple[str, ...] = ("player",)) -> Dataset:
    return Dataset("d", (Clip("c", (Frame("f", 100, 100, things),)),), labels)


def score(dataset: Dataset, *found: Prediction) -> float:
    return average_precision(dataset, {("c", "f"): list(found)}, rounds=0).overall.ap


def test_perfect_boxes_score_one() -> None:
    assert score(one_frame(Thing("player", BOX)), Prediction("player", BOX, 0.1)) == pytest.approx(1)


def test_by_hand_one_of_two_found_after_a_false_one() -> None:
    # Precision 1/2 at recall 1/2, nothing beyond: 51 of the 101 recall points get 1/2, at every threshold.
    dataset = one_frame(Thing("player", BOX), Thing("player", OTHER))
    found = Prediction("player", (80.0, 80.0, 90.0, 90.0), 0.9), Prediction("player", BOX, 0.8)
    assert score(dataset, *found) == pytest.approx(51 / 101 / 2)


def test_by_hand_a_loose_box_counts_at_some_thresholds() -> None:
    # IoU 8/10: right at 0.5, 0.55, ... 0.8, which is 7 of 10.
    found = Prediction("player", (10.0, 10.0, 20.0, 18.0), 0.9)
    assert score(one_frame(Thing("player", BOX)), found) == pytest.approx(0.7)


def test_a_second_box_on_the_same_thing_is_false() -> None:
    found = [Prediction("player", BOX, 0.9), Prediction("player", BOX, 0.8), Prediction("player", OTHER, 0.7)]
    dataset = one_frame(Thing("player", BOX), Thing("player", OTHER))
    # Precision at full recall is 2/3.
    assert score(dataset, *found) == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


@pytest.mark.parametrize("seed", range(4))
def test_our_resampling_agrees_with_the_library(seed: int, random_scene: Scene) -> None:
    dataset, predictions = random_scene(seed)
    frames = [(clip.name, frame) for clip in dataset.clips for frame in clip.frames]
    result = average_precision(dataset, predictions, rounds=0)
    for label in dataset.labels:
        matches = match_label(
            label,
            [frame.things for _, frame in frames],
            [predictions[clip, frame.name] for clip, frame in frames],
        )
        ours = weighted_precision(matches, np.ones(len(frames), np.int64))
        assert ours.mean() == pytest.approx(result.per_label[label].ap, abs=1e-9)
        assert ours[0] == pytest.approx(result.per_label[label].ap50, abs=1e-9)


def test_a_picture_drawn_twice_counts_as_two_pictures(random_scene: Scene) -> None:
    dataset, predictions = random_scene(7, frames=8)
    (first, second) = dataset.clips
    doubled = replace(
        first, frames=(*first.frames, *(replace(f, name=f"again{f.name}") for f in first.frames))
    )
    more = {**predictions, **{("c1", f"again{f.name}"): predictions["c1", f.name] for f in first.frames}}
    result = average_precision(replace(dataset, clips=(doubled, second)), more, rounds=0)
    frames = [(clip.name, frame) for clip in dataset.clips for frame in clip.frames]
    weights = np.array([2] * len(first.frames) + [1] * len(second.frames))
    matches = match_label(
        "player",
        [frame.things for _, frame in frames],
        [predictions[clip, frame.name] for clip, frame in frames],
    )
    assert weighted_precision(matches, weights).mean() == pytest.approx(
        result.per_label["player"].ap, abs=0.02
    )


def test_the_interval_contains_the_score_and_is_the_same_every_time(random_scene: Scene) -> None:
    dataset, predictions = random_scene(3)
    result = average_precision(dataset, predictions, rounds=60)
    again = average_precision(dataset, predictions, rounds=60)
    assert result.ap_interval.low < result.overall.ap < result.ap_interval.high
    assert result.ap_interval == again.ap_interval
    assert (result.unit, result.ap_interval.units) == ("frames", 60)


def test_clips_are_scored_by_themselves(random_scene: Scene) -> None:
    dataset, predictions = random_scene(5, frames=10)
    alone = average_precision(replace(dataset, clips=dataset.clips[:1]), predictions, rounds=0)
    together = average_precision(dataset, predictions, rounds=0)
    assert together.per_clip["c1"].ap == pytest.approx(alone.overall.ap)
    assert together.per_clip["c1"].truths == alone.overall.truths


def test_nothing_predicted_is_zero_not_a_mistake() -> None:
    assert score(one_frame(Thing("player", BOX))) == 0


def test_without_any_truth_there_is_no_score() -> None:
    result = average_precision(one_frame(), {("c", "f"): [Prediction("player", BOX, 0.9)]}, rounds=5)
    assert math.isnan(result.overall.ap) and math.isnan(result.ap_interval.low)
    assert result.to_json()["ap"] is None


def test_an_empty_frame_costs_its_false_alarms() -> None:
    dataset = one_frame(Thing("player", BOX))
    more = Dataset("d", (Clip("c", (*dataset.clips[0].frames, Frame("g", 100, 100))),), ("player",))
    found = {("c", "f"): [Prediction("player", BOX, 0.5)], ("c", "g"): [Prediction("player", BOX, 0.9)]}
    assert average_precision(more, found, rounds=0).overall.ap == pytest.approx(0.5)


def test_ignored_truth_costs_and_earns_nothing() -> None:
    dataset = one_frame(Thing("player", BOX), Thing("player", OTHER, ignore=True))
    assert score(dataset, Prediction("player", BOX, 0.5), Prediction("player", OTHER, 0.9)) == pytest.approx(
        1
    )
    assert score(dataset, Prediction("player", BOX, 0.5)) == pytest.approx(1)


def test_boxes_outside_the_picture_count_as_they_are() -> None:
    assert score(one_frame(Thing("player", BOX)), Prediction("player", (-500, -500, -400, -400), 0.9)) == 0
    reaching = Prediction("player", (-10.0, 10.0, 20.0, 20.0), 0.9)
    assert score(one_frame(Thing("player", BOX)), reaching) == 0, (
        "IoU 1/3 of the whole box, not of what is inside"
    )


def test_predictions_where_nothing_was_labelled_are_left_out() -> None:
    dataset = one_frame(Thing("player", BOX))
    clip = replace(dataset.clips[0], outside=lambda frame, box: box[0] >= 50)
    found = Prediction("player", OTHER, 0.9), Prediction("player", BOX, 0.5)
    assert score(dataset, *found) == pytest.approx(0.5)
    assert score(replace(dataset, clips=(clip,)), *found) == pytest.approx(1)


def test_unknown_labels_are_counted_and_cost_nothing() -> None:
    found = {("c", "f"): [Prediction("player", BOX, 0.5), Prediction("umpire", OTHER, 0.9)]}
    result = average_precision(one_frame(Thing("player", BOX)), found, rounds=0)
    assert (result.unknown, result.overall.ap) == (1, pytest.approx(1))


@pytest.mark.parametrize(
    "wrong", [Prediction("player", BOX, math.nan), Prediction("player", (20.0, 10.0, 10.0, 20.0), 0.5)]
)
def test_numbers_that_are_none_are_refused_by_frame(wrong: Prediction) -> None:
    with pytest.raises(DatasetError, match="c/f"):
        score(one_frame(Thing("player", BOX)), wrong)


def test_a_frame_without_a_list_is_an_error() -> None:
    with pytest.raises(KeyError):
        average_precision(one_frame(Thing("player", BOX)), {}, rounds=0)
