"""Tracking scores: against the package's own file evaluation, by hand, and what is taken out first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trackers.eval import evaluate_mot_sequence

from evaluation.datasets.mot import read_mot
from evaluation.datasets.types import Clip, DatasetError, Frame, Thing
from evaluation.metrics.tracking import Tracked, track_scores

Box = tuple[float, float, float, float]
LEFT: Box = (0.0, 0.0, 10.0, 20.0)
RIGHT: Box = (50.0, 0.0, 60.0, 20.0)


def clip(frames: int = 4, **change: bool) -> Clip:
    """Two people who stand still."""
    things = (Thing("player", LEFT, 1), replace(Thing("player", RIGHT, 2), **change))
    return Clip("c", tuple(Frame(f"{n}", 100, 100, things, index=n) for n in range(frames)))


def both(frames: int = 4, *, left: int = 7, right: int = 8) -> dict[str, list[Tracked]]:
    return {f"{n}": [Tracked(left, LEFT), Tracked(right, RIGHT)] for n in range(frames)}


def test_the_truth_scores_one() -> None:
    score = track_scores(clip(), both(), rounds=0)
    assert (score.hota, score.idf1, score.mota, score.switches) == (pytest.approx(1), 1, 1, 0)
    assert (score.ids, score.true_ids) == (2, 2)


def test_by_hand_one_switch() -> None:
    tracks = both()
    tracks["2"] = tracks["3"] = [Tracked(9, LEFT), Tracked(8, RIGHT)]
    score = track_scores(clip(), tracks, rounds=0)
    assert score.switches == 1
    assert score.mota == pytest.approx(1 - 1 / 8)
    assert score.idf1 == pytest.approx(6 / 8)
    # Association of the four boxes on the left is 2/4, of those on the right 1; detection is perfect.
    assert score.hota == pytest.approx(np.sqrt((4 * 0.5 + 4 * 1) / 8))


def test_scores_are_those_of_the_packages_own_files(tmp_path: Path) -> None:
    dice = np.random.default_rng(5)
    truth, guess = [], []
    for frame in range(1, 31):
        for track in range(1, 7):
            x, y = 60 * track + 3 * frame, 40 + 10 * np.sin(frame / 5 + track)
            truth.append(f"{frame},{track},{x:.2f},{y:.2f},30,60,1,1,1")
            if dice.random() < 0.85:
                identity = track if frame < 15 or track % 2 else track + 10
                noise = dice.normal(0, 3, 2)
                guess.append(f"{frame},{identity},{x + noise[0]:.2f},{y + noise[1]:.2f},30,60,0.9,-1,-1,-1")
    for name, rows in (("gt.txt", truth), ("found.txt", guess)):
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    expected = evaluate_mot_sequence(
        tmp_path / "gt.txt", tmp_path / "found.txt", metrics=["CLEAR", "HOTA", "Identity"]
    )
    (labelled,) = read_mot(tmp_path / "gt.txt").clips
    tracks: dict[str, list[Tracked]] = {}
    for row in guess:
        frame, identity, x, y, w, h = map(float, row.split(",")[:6])
        tracks.setdefault(f"{int(frame):06d}", []).append(Tracked(int(identity), (x, y, x + w, y + h)))
    score = track_scores(labelled, tracks, rounds=0)
    assert expected.CLEAR and expected.HOTA and expected.Identity
    assert score.hota == pytest.approx(expected.HOTA.HOTA)
    assert score.idf1 == pytest.approx(expected.Identity.IDF1)
    assert score.mota == pytest.approx(expected.CLEAR.MOTA)
    assert score.switches == expected.CLEAR.IDSW > 0


def test_people_who_are_not_labelled_do_not_count() -> None:
    crowd = {name: [*found, Tracked(99, (80.0, 0.0, 90.0, 20.0))] for name, found in both().items()}
    assert track_scores(clip(), crowd, rounds=0).mota == pytest.approx(0.5)
    beyond = replace(clip(), outside=lambda frame, box: box[0] >= 80)
    assert track_scores(beyond, crowd, rounds=0).mota == 1


def test_ignored_truth_takes_its_box_with_it() -> None:
    score = track_scores(clip(ignore=True), both(), rounds=0)
    assert (score.mota, score.true_ids, score.ids) == (1, 1, 1)
    found = {f"{n}": [Tracked(7, LEFT)] for n in range(4)}
    assert track_scores(clip(ignore=True), found, rounds=0).mota == 1, "and may be missed"


def test_nothing_tracked_scores_zero() -> None:
    score = track_scores(clip(), {}, rounds=5)
    assert (score.hota, score.idf1, score.mota, score.ids) == (0, 0, 0, 0)


def test_frames_without_people_cost_their_false_alarms() -> None:
    empty = Clip("c", (*clip(2).frames, Frame("e", 100, 100, index=2)))
    tracks = {**both(2), "e": [Tracked(7, LEFT)]}
    assert track_scores(empty, tracks, rounds=0).mota == pytest.approx(1 - 1 / 4)


def test_a_clip_without_truth_has_no_mota() -> None:
    score = track_scores(Clip("c", (Frame("0", 10, 10),)), {"0": [Tracked(1, LEFT)]}, rounds=0)
    assert np.isnan(score.mota)


def test_intervals_contain_the_score() -> None:
    tracks = both(60)
    for n in range(30, 60):
        tracks[f"{n}"] = [Tracked(7, LEFT)]
    score = track_scores(clip(60), tracks, rounds=40)
    assert score.mota_interval.low <= score.mota <= score.mota_interval.high
    assert score.mota_interval.units == 4


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ({"0": [Tracked(7, LEFT), Tracked(7, RIGHT)]}, "c/0: expected each id once in a frame, got id 7"),
        ({"0": [Tracked(7, (0.0, 0.0, float("nan"), 1.0))]}, "c/0: expected a box"),
        ({"0": [Tracked(7, (5.0, 0.0, 1.0, 1.0))]}, "c/0: expected a box"),
        ({"9": [Tracked(7, LEFT)]}, "4 frames, got frame '9'"),
    ],
)
def test_wrong_tracks_are_named(tracks: dict[str, list[Tracked]], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        track_scores(clip(), tracks, rounds=0)


def test_truth_without_ids_is_named() -> None:
    untracked = Clip("c", (Frame("0", 100, 100, (Thing("player", LEFT),)),))
    with pytest.raises(DatasetError, match="c/0: expected things with track ids"):
        track_scores(untracked, {}, rounds=0)
