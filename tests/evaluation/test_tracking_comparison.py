"""Our head against rivals: the right frames are scored, settings come from the tuning shot alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_network.catalogue import Core
from evaluation import tracking_comparison
from evaluation.datasets.types import Clip, DatasetError, Frame, Thing
from evaluation.decoded import DecodedFrame, HeadOutcome
from evaluation.metrics.tracking import Tracked
from evaluation.rival_trackers import FLOOR
from evaluation.tracking_comparison import Watched, labelled, ours, rival, tuned, watch
from task_heads.result import Box, Result


def person(n: int) -> tuple[float, float, float, float]:
    return (100.0 + 3 * n, 100, 130.0 + 3 * n, 180)


def walk(frames: int, start: int = 0) -> Clip:
    """One person who walks, labelled from frame `start` on."""
    return Clip(
        "walk",
        tuple(
            Frame(f"{n:06d}", 640, 360, (Thing("player", person(n), 1),), index=n)
            for n in range(start, start + frames)
        ),
    )


def watched(frames: int, score: float = 0.9) -> Watched:
    return Watched(
        [np.array([[*person(n), score]]) for n in range(frames)],
        [[Tracked(5, person(n))] for n in range(frames)],
        2.5,
        25.0,
    )


def test_frames_are_scored_by_their_number_in_the_video() -> None:
    row = ours(walk(10, start=6), watched(20))
    assert (row.score.hota, row.ms) == (pytest.approx(1), 2.5)
    assert ours(walk(10, start=6), watched(3)).score.recall == 0, "frames that were not seen have no tracks"


def test_rivals_get_the_same_detections() -> None:
    row = rival("sort", walk(30), watched(30), {FLOOR: 0.1}, "own settings")
    assert row.tracker == "sort (own settings)"
    assert row.score.hota > 0.8
    assert rival("sort", walk(30), watched(30), {FLOOR: 0.95}, "deaf").score.hota == 0


def test_tuning_takes_the_settings_with_the_best_score() -> None:
    # Scores of 0.2 are below most of the tried floors.
    tries: list[int] = []
    best = tuned("bytetrack", walk(30), watched(30, score=0.2), tries.append)
    assert best[FLOOR] <= 0.2
    assert tries == list(range(1, len(tries) + 1))


def test_the_video_is_watched_from_its_first_frame(
    tmp_path: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def frames(source: str, core: Core, rate: str, *, last: int) -> Iterator[int]:
        asked.update(source=source, rate=rate, last=last)
        return iter(range(last + 1))

    def heads(numbers: Iterator[int], *_: Any) -> Iterator[tuple[DecodedFrame, dict[str, HeadOutcome]]]:
        for n in numbers:
            shown = Result("player_tracking", boxes=[Box(person(n), 0.9, "player", id=3)])
            every = Result(
                "player_tracking",
                boxes=[*shown.boxes, Box((0.0, 0.0, 5.0, 5.0), 0.02, "player")],
            )
            frame = DecodedFrame(n, None, np.zeros(1), np.zeros(6), 640, 360, 0.04, n == 0, 10)  # type: ignore[arg-type]
            yield frame, {"player_tracking": HeadOutcome(shown, every, 2.0)}

    monkeypatch.setattr(tracking_comparison, "decoded_frames", frames)
    monkeypatch.setattr(tracking_comparison, "heads_on", heads)
    monkeypatch.setattr(tracking_comparison, "video_shape", lambda _: (640, 360, 25.0))
    told: list[int] = []
    seen = watch(tmp_path, "football_zak_soccer", 9, core, "low", told.append)
    assert asked == {
        "source": str(tmp_path / "video/football_zak_soccer/soccer.mp4"),
        "rate": "low",
        "last": 9,
    }
    assert told == list(range(1, 11))
    assert [len(boxes) for boxes in seen.detections] == [2] * 10
    assert seen.tracks[4] == [Tracked(3, person(4))], "only what is displayed with an id is a track"


def test_shots_are_found_by_their_letter(data_root: Path) -> None:
    assert labelled(data_root, "football_zak_soccer", "A").frames[0].index == 0
    assert labelled(data_root, "football_zak_soccer", "B").frames[0].index == 132
    assert len(labelled(data_root, "tennis_gridtracknet_hardcourt", "A").frames) == 169
    with pytest.raises(DatasetError, match="got C"):
        labelled(data_root, "football_zak_soccer", "C")
