"""Our tracking head against other trackers: same features, same detections, same truth.

    clip -> core, bitstream, decoder -> player_tracking -> its confirmed tracks   --> scored
                                                        -> its detections -> rival --> scored

The rivals' settings are chosen on shot B of the football clip, which is for tuning; shot A and the tennis
clip are for the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from evaluation.datasets.mot import read_mot
from evaluation.datasets.types import Clip, DatasetError
from evaluation.datasets.videos import video_shape
from evaluation.decoded import decoded_frames, heads_on
from evaluation.metrics.tracking import Tracked, TrackScore, track_scores
from evaluation.rival_trackers import RIVALS, Settings, Tracks, candidates, follow

__all__ = ["CLIPS", "TUNING", "Row", "Watched", "labelled", "ours", "rival", "tuned", "watch"]

_HEAD = "player_tracking"

CLIPS = {
    "football_zak_soccer": Path("video/football_zak_soccer/soccer.mp4"),
    "tennis_gridtracknet_hardcourt": Path("video/tennis_gridtracknet/professional_hardcourt.mp4"),
}
"""Folder of labels with tracks -> its video below the data folder."""

TUNING = ("football_zak_soccer", "B")

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Row:
    """One tracker on one clip. `ms`: median per frame; of ours it contains the detection, of others not."""

    tracker: str
    settings: Settings
    score: TrackScore
    ms: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "tracker": self.tracker,
            "settings": dict(self.settings),
            **self.score.to_json(),
            "ms": round(self.ms, 3),
        }


@dataclass(frozen=True)
class Watched:
    """What the head said of a video: detections [n, 5] and confirmed tracks of every frame from 0."""

    detections: list[NDArray[np.float64]]
    tracks: Tracks
    ms: float
    fps: float


def labelled(root: Path, clip_name: str, shot: str) -> Clip:
    """Return the truth of a clip, of one shot where the labels have shots; raises DatasetError."""
    dataset = read_mot(root / "labels" / clip_name, pictures=root / CLIPS[clip_name])
    if len(dataset.clips) == 1:
        return dataset.clips[0]
    for clip in dataset.clips:
        if clip.name.endswith(f"_shot_{shot}"):
            return clip
    raise DatasetError(f"{clip_name}: expected a shot among its labels, got {shot}")


def watch(root: Path, clip_name: str, last: int, core: Core, rate: str, on_frame: Progress) -> Watched:
    """Return what the head says of a video from its first frame to number `last`, as a viewer sees it.

    `on_frame` hears the number of frames seen. Raises SourceError and HeadError.
    """
    video = root / CLIPS[clip_name]
    detections: list[NDArray[np.float64]] = []
    tracks: Tracks = []
    spent = []
    frames = decoded_frames(str(video), core, rate, last=last)
    for frame, outcomes in heads_on(frames, core, [_HEAD]):
        outcome = outcomes[_HEAD]
        rows = [[*box.xyxy, box.score] for box in outcome.every.boxes]
        detections.append(np.array(rows, np.float64).reshape(-1, 5))
        tracks.append([Tracked(box.id, box.xyxy) for box in outcome.shown.boxes if box.id is not None])
        spent.append(outcome.ms)
        on_frame(frame.number + 1)
    return Watched(detections, tracks, float(np.median(spent)), video_shape(video)[2])


def ours(clip: Clip, seen: Watched) -> Row:
    """Return the row of our head."""
    return Row(f"ours ({_HEAD})", {}, _score(clip, seen.tracks), seen.ms)


def tuned(name: str, tuning: Clip, seen: Watched, on_trial: Progress) -> Settings:
    """Return a rival's settings with the best HOTA on the tuning shot; `on_trial` counts those tried."""
    best, best_hota = RIVALS[name].own, -1.0
    for tried, settings in enumerate(candidates(name), 1):
        tracks, _ = follow(name, seen.detections, seen.fps, settings)
        hota = _score(tuning, tracks, rounds=0).hota
        on_trial(tried)
        if hota > best_hota:
            best, best_hota = settings, hota
    return best


def rival(name: str, clip: Clip, seen: Watched, settings: Settings, title: str) -> Row:
    """Return the row of a rival on the same detections."""
    tracks, ms = follow(name, seen.detections, seen.fps, settings)
    return Row(f"{name} ({title})", settings, _score(clip, tracks), ms)


def _score(clip: Clip, tracks: Tracks, **options: int) -> TrackScore:
    return track_scores(
        clip,
        {frame.name: tracks[frame.index] for frame in clip.frames if frame.index < len(tracks)},
        **options,
    )
