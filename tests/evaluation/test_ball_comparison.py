"""The ball head's score: what counts as shown and as unfiltered, and which clips belong to a split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_network.catalogue import Core
from evaluation import ball_comparison
from evaluation.ball_comparison import labelled_balls, score_ball, sum_up
from evaluation.datasets.types import Clip, DatasetError, Frame, Spot, Thing
from evaluation.decoded import DecodedFrame, HeadOutcome
from task_heads.result import Point, Result

PLACE = (300.0, 200.0)
FAR = (900.0, 600.0)


def video(frames: int) -> Clip:
    """A ball that lies still, to be seen in every second frame."""
    return Clip(
        "c",
        tuple(
            Frame(f"{n}", 1920, 1080, spots=(Spot("ball", *PLACE),) if n % 2 == 0 else (), index=n)
            for n in range(frames)
        ),
        Path("c.mp4"),
        continuous=True,
    )


def head(monkeypatch: pytest.MonkeyPatch, *, shown: list[Any], every: list[Any], frames: int) -> None:
    """Let the head say the same on every frame."""

    def heads(*_: Any) -> Iterator[tuple[DecodedFrame, dict[str, HeadOutcome]]]:
        for n in range(frames):
            frame = DecodedFrame(n, None, np.zeros(1), np.zeros(6), 1920, 1080, 0.04, n == 0, 10)  # type: ignore[arg-type]
            results = (
                Result("ball_statistics", points=[Point(place, score, "ball") for place, score in points])
                for points in (shown, every)
            )
            yield frame, {"ball_statistics": HeadOutcome(*results, 1.0)}

    monkeypatch.setattr(ball_comparison, "decoded_frames", lambda *_, **__: iter(()))
    monkeypatch.setattr(ball_comparison, "heads_on", heads)
    monkeypatch.setattr(ball_comparison, "_threshold", lambda: 0.3)


def test_the_best_detection_of_a_frame_stands_against_what_is_shown(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    head(monkeypatch, shown=[(PLACE, 0.4)], every=[(PLACE, 0.5), (FAR, 0.6), (PLACE, 0.2)], frames=30)
    row = score_ball(video(30), core, "default", lambda _: None)
    assert (row.frames, row.balls) == (30, 15)
    shown, unfiltered = row.scores["shown"].counts, row.scores["unfiltered"].counts
    assert (shown.hits, shown.false, shown.missed) == (15, 15, 0)
    assert (unfiltered.hits, unfiltered.false, unfiltered.missed) == (0, 30, 15)


def test_the_radius_can_be_chosen(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = (PLACE[0] + 13, PLACE[1])
    head(monkeypatch, shown=[(beside, 0.4)], every=[], frames=2)
    assert score_ball(video(2), core, "default", lambda _: None).scores["shown"].counts.hits == 0
    assert score_ball(video(2), core, "default", lambda _: None, 15.0).scores["shown"].counts.hits == 1


def test_detections_below_the_heads_threshold_are_none(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    head(monkeypatch, shown=[], every=[(FAR, 0.29)], frames=4)
    row = score_ball(video(4), core, "default", lambda _: None)
    assert row.scores["unfiltered"].counts.false == 0


def test_a_video_that_ends_early_is_refused(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    head(monkeypatch, shown=[], every=[], frames=4)
    with pytest.raises(DatasetError, match="c: expected 5 labelled frames, got 4"):
        score_ball(video(5), core, "default", lambda _: None)


def test_stills_have_their_balls_as_boxes(
    tmp_path: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    still = Frame(
        "a", 1920, 1080, (Thing("ball", (295, 195, 305, 205)), Thing("player", (0, 0, 9, 9))), file="a.png"
    )

    def heads(*_: Any) -> Iterator[tuple[DecodedFrame, dict[str, HeadOutcome]]]:
        frame = DecodedFrame(0, "a.png", np.zeros(1), np.zeros(6), 1920, 1080, 0.0, True, 10)  # type: ignore[arg-type]
        result = Result("ball_statistics", points=[Point(PLACE, 0.9, "ball")])
        yield frame, {"ball_statistics": HeadOutcome(result, result, 1.0)}

    monkeypatch.setattr(ball_comparison, "decoded_frames", lambda *_, **__: iter(()))
    monkeypatch.setattr(ball_comparison, "heads_on", heads)
    row = score_ball(Clip("m1", (still,), tmp_path), core, "default", lambda _: None)
    assert row.balls == 1 and row.scores["shown"].counts.f1 == 1


def test_rows_add_up(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    head(monkeypatch, shown=[(PLACE, 0.4)], every=[], frames=30)
    row = score_ball(video(30), core, "default", lambda _: None)
    few, many = sum_up("few", [row] * 2), sum_up("many", [row] * 8)
    assert (few.frames, few.balls, few.scores["shown"].counts.hits) == (60, 30, 30)
    assert few.scores["shown"].f1_interval.units == 4, "runs of 15 frames"
    assert many.scores["shown"].f1_interval.units == 8, "clips"


def test_no_clip_of_the_report_split_is_one_for_tuning(data_root: Path) -> None:
    names = {
        split: {clip.name for clip in labelled_balls(data_root, split)}
        for split in ("report", "validation", "train")
    }
    assert "football_zak_soccer_shot_A" in names["report"]
    assert "football_zak_soccer_shot_B" in names["validation"]
    assert "tennis_gridtracknet_hardcourt" in names["report"]
    assert "VolleyballShortClip" in names["train"]
    assert not names["report"] & (names["validation"] | names["train"])


def test_a_folder_without_balls_has_none(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    assert labelled_balls(tmp_path, "report") == []
