"""Video files of a dataset: where they are, their size and rate."""

from __future__ import annotations

from pathlib import Path

from evaluation.datasets.types import DatasetError
from stream.sources.base import SourceError
from stream.sources.container import open_container

__all__ = ["VIDEO_SUFFIXES", "find_video", "video_shape"]

VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".ts")


def find_video(place: Path, name: str) -> Path | None:
    """Return the video called `name` in the folder `place`, or `place` itself when it is a file."""
    if place.is_file():
        return place
    return next((file for suffix in VIDEO_SUFFIXES if (file := place / f"{name}{suffix}").is_file()), None)


def video_shape(path: Path) -> tuple[int, int, float]:
    """Return width, height (px) and frames per second; raises DatasetError when it is no video."""
    try:
        with open_container(str(path)) as container:
            if not container.streams.video:
                raise DatasetError.at(path, None, "a video stream", "none")
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            return stream.width, stream.height, float(rate) if rate else 25.0
    except SourceError as error:
        raise DatasetError(str(error)) from None
