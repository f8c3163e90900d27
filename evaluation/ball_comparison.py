"""The ball head against its own detections without its filter, on stills and clips with a labelled ball.

shown        what the head displays: its track, decided over time
unfiltered   the best detection of each frame with at least the head's own threshold, frame by frame
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_network.catalogue import Core
from core_network.training.detection import BallScore
from evaluation.bench.figure import Figure
from evaluation.datasets.ball_points import read_ball
from evaluation.datasets.mot import read_mot
from evaluation.datasets.types import Clip, DatasetError, Frame, NothingOfSplit
from evaluation.datasets.yolo import read_yolo
from evaluation.decoded import HeadOutcome, decoded_frames, heads_on
from evaluation.metrics.bootstrap import blocks
from evaluation.metrics.points import RADIUS_PX, PointScore, count_points, point_score
from evaluation.tracking_comparison import CLIPS
from task_heads.registry import Registry

__all__ = ["BallRow", "gain_figures", "labelled_balls", "score_ball", "sum_up"]

_HEAD = "ball_statistics"
_STILLS = Path("images/football_players_yolo")
_STILL_LABELS = ("ball", "goalkeeper", "player", "referee")
_POINT_CSVS = (Path("video/badminton_alenzenx"), Path("video/volleyball_beach_short"))
_SHOT_SPLITS = {"shot_A": "report", "shot_B": "validation"}
_BLOCK_FRAMES = 15
_MIN_CLIPS = 8
_GAIN = 5.0

Counts = dict[str, list[BallScore]]


@dataclass(frozen=True)
class BallRow:
    """Scores of one clip (or of several together); `units`: frames' counts in the runs that are resampled."""

    name: str
    frames: int
    balls: int
    scores: Mapping[str, PointScore]
    units: Mapping[str, Sequence[Sequence[BallScore]]]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "clip": self.name,
            "frames": self.frames,
            "balls": self.balls,
            **{kind: score.to_json() for kind, score in self.scores.items()},
        }


def labelled_balls(root: Path, split: str) -> list[Clip]:
    """Return every clip and group of stills of a split whose ball is labelled; what is absent is left out.

    The football clip's shot B is for tuning and counts as validation. Raises DatasetError for broken files.
    """
    clips: list[Clip] = []
    if (root / _STILLS).is_dir():
        with suppress(NothingOfSplit):
            clips.extend(read_yolo(root / _STILLS, _STILL_LABELS, split=split).clips)
    for folder in _POINT_CSVS:
        if (root / folder).is_dir():
            with suppress(NothingOfSplit):
                clips.extend(read_ball(root / folder, split=split).clips)
    for labels, video in CLIPS.items():
        if (root / "labels" / labels).is_dir():
            for clip in read_mot(root / "labels" / labels, pictures=root / video).clips:
                shot = clip.name.removeprefix(f"{labels}_")
                if _SHOT_SPLITS.get(shot, "report") == split:
                    clips.append(clip)
    return clips


def score_ball(
    clip: Clip, core: Core, rate: str, on_frame: Callable[[int], None], radius_px: float = RADIUS_PX
) -> BallRow:
    """Run the head over one clip as a viewer would, and score what it shows and what it detects.

    `on_frame` hears the number of frames seen; `radius_px` is that of a hit at WIDTH_PX. Raises SourceError,
    HeadError, and DatasetError when the clip has fewer frames than its labels.
    """
    threshold = _threshold()
    counts: Counts = {"shown": [], "unfiltered": []}
    balls = 0
    for frame, outcome in _outcomes(clip, core, rate, on_frame):
        truths = _centres(frame)
        balls += len(truths)
        shown = [(*point.xy, point.score) for point in outcome.shown.points]
        best = sorted((point.score, *point.xy) for point in outcome.every.points if point.score >= threshold)
        single = [(x, y, score) for score, x, y in best[-1:]]
        counts["shown"].append(count_points(truths, shown, frame.width, radius_px))
        counts["unfiltered"].append(count_points(truths, single, frame.width, radius_px))
    scored = len(counts["shown"])
    if scored != len(clip.frames):
        raise DatasetError(f"{clip.name}: expected {len(clip.frames)} labelled frames, got {scored}")
    length = _BLOCK_FRAMES if clip.continuous else 1
    units = {kind: blocks(found, length) for kind, found in counts.items()}
    return _row(clip.name, len(clip.frames), balls, units)


def sum_up(name: str, rows: Sequence[BallRow]) -> BallRow:
    """Return several rows as one; from eight clips on, clips are resampled rather than runs of frames."""
    units: dict[str, Sequence[Sequence[BallScore]]] = {}
    for kind in rows[0].units:
        by_clip = [[frame for unit in row.units[kind] for frame in unit] for row in rows]
        by_run = [unit for row in rows for unit in row.units[kind]]
        units[kind] = by_clip if len(rows) >= _MIN_CLIPS else by_run
    return _row(name, sum(row.frames for row in rows), sum(row.balls for row in rows), units)


def gain_figures(rows: Sequence[BallRow], split: str) -> list[Figure]:
    """Return F1 on the clips of a split together, and what the filter adds to it, beside its bound."""
    scores = sum_up("clips", rows).scores
    shown, unfiltered = scores["shown"].counts.f1, scores["unfiltered"].counts.f1
    where = f"{len(rows)} {split} clips"
    return [
        Figure("ball_f1", f"Ball F1, {where}", 100 * shown),
        Figure(
            "ball_gain",
            f"F1 above its own detections, {where}",
            100 * (shown - unfiltered),
            "points",
            at_least=_GAIN,
        ),
    ]


def _row(name: str, frames: int, balls: int, units: Mapping[str, Sequence[Sequence[BallScore]]]) -> BallRow:
    return BallRow(name, frames, balls, {kind: point_score(found) for kind, found in units.items()}, units)


def _outcomes(
    clip: Clip, core: Core, rate: str, on_frame: Callable[[int], None]
) -> Iterator[tuple[Frame, HeadOutcome]]:
    """Yield the labelled frames with what the head says; a video is seen from its first frame."""
    assert clip.pictures is not None  # every clip here has its video or its folder
    if clip.continuous:
        by_number = {frame.index: frame for frame in clip.frames}
        frames = decoded_frames(str(clip.pictures), core, rate, last=max(by_number))
        for decoded, outcomes in heads_on(frames, core, [_HEAD]):
            on_frame(decoded.number + 1)
            if decoded.number in by_number:
                yield by_number[decoded.number], outcomes[_HEAD]
        return
    by_file = {frame.file: frame for frame in clip.frames}
    with tempfile.TemporaryDirectory() as scratch:
        for file in by_file:
            (Path(scratch) / file).symlink_to((clip.pictures / file).resolve())
        for decoded, outcomes in heads_on(decoded_frames(scratch, core, rate), core, [_HEAD]):
            on_frame(decoded.number + 1)
            yield by_file[decoded.name or ""], outcomes[_HEAD]


def _centres(frame: Frame) -> list[tuple[float, float]]:
    boxes = [thing.box for thing in frame.things if thing.label == "ball"]
    return [(spot.x, spot.y) for spot in frame.spots] + [
        ((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes
    ]


def _threshold() -> float:
    manifest = Registry().get(_HEAD).manifest
    assert manifest is not None  # `Registry.get` returns usable heads only
    return next(setting.default for setting in manifest.settings if setting.name == "threshold")
