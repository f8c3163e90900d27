"""A folder of images: each one a picture of its own, in name order."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import av
import av.error

from stream.sources.base import Arrival, Source, SourceError
from stream.sources.upright import Uprighter

__all__ = ["IMAGE_SUFFIXES", "open_folder_source"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

_FPS = 25.0


def open_folder_source(folder: Path, *, loop: bool) -> Source:
    """Open a folder of images; unreadable ones are skipped with a warning. SourceError when none is left."""
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )
    if not paths:
        raise SourceError(
            f"{folder}: no image in this folder; expected names ending in {', '.join(IMAGE_SUFFIXES[:5])}..."
        )
    warnings: list[str] = []
    try:
        return Source(_arrivals(paths, loop, warnings), _FPS, warnings)
    except SourceError as error:
        raise SourceError(f"{folder}: none of its {len(paths)} images could be decoded") from error


def _arrivals(paths: list[Path], loop: bool, warnings: list[str]) -> Iterator[Arrival]:
    again = True
    while again:
        readable = 0
        for path in paths:
            started = time.perf_counter()
            frame = _decode(path)
            if frame is None:
                line = f"{path.name}: not an image that can be read, skipped"
                if line not in warnings:
                    warnings.append(line)
                continue
            uprighter = Uprighter(frame)
            picture = uprighter.picture(frame)
            yield Arrival(
                picture,
                None,
                uprighter.source_width,
                uprighter.source_height,
                path.name,
                True,
                (time.perf_counter() - started) * 1e3,
            )
            readable += 1
        again = loop and readable > 0


def _decode(path: Path) -> av.VideoFrame | None:
    # From memory: the demuxer then goes by content, not by the name (where `%d` would be a pattern).
    try:
        with av.open(io.BytesIO(path.read_bytes()), "r") as container:
            return next(container.decode(video=0), None)
    except (av.error.FFmpegError, OSError, IndexError, ValueError):
        return None
