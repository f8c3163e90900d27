"""A stretch of a real clip, and the truth for it where somebody labelled it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from evaluation.datasets.open import open_dataset
from evaluation.datasets.types import Clip, DatasetError
from stream.source import SourceFrame, open_source

__all__ = ["VIDEO_SUFFIXES", "Footage", "footage_of", "videos_in"]

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".ts", ".avi")


@dataclass(frozen=True)
class Footage:
    """Frames 0 to `count` - 1 of a video; `truth` labels some of them (`Frame.index`), or is None."""

    path: Path
    count: int
    fps: float
    width: int
    height: int
    truth: Clip | None = None

    @property
    def name(self) -> str:
        """The clip's name in tables and file names."""
        return f"{self.path.parent.name}-{self.path.stem}"

    def frames(self) -> Iterator[SourceFrame]:
        """Decode the frames; raises SourceError when the file ends early."""
        with open_source(str(self.path)) as source:
            yield from islice(source, self.count)


def videos_in(folder: Path) -> list[Path]:
    """Return the videos of a folder by name, or the file itself; raises DatasetError when there is none."""
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder}: expected a video or a folder with videos, found none")
    return found


def footage_of(video: Path, most: int) -> Footage:
    """Return at most `most` frames of a video; raises SourceError or DatasetError.

    Truth is looked for in ../../labels/<folder of the video>/gt.txt. There the stretch is the first labelled
    shot, which must begin with the video: later ones are for tuning, see the labels' README.
    """
    with open_source(str(video)) as source:
        fps, width, height = source.fps, source.source_width, source.source_height
        labels = video.resolve().parents[2] / "labels" / video.resolve().parent.name
        if not (labels / "gt.txt").is_file():
            return Footage(video, sum(1 for _ in islice(source, most)), fps, width, height)
    shot = open_dataset("mot", labels, pictures=video).clips[0]
    count = min(most, max(frame.index for frame in shot.frames) + 1)
    if not any(frame.index < count for frame in shot.frames):
        raise DatasetError(
            f"{labels}: expected labels in the first {count} frames, found none; use more --frames"
        )
    return Footage(video, count, fps, width, height, shot)
