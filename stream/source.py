"""Opens what the user named as the source of a programme."""

from __future__ import annotations

from pathlib import Path

from stream.sources.base import Source, SourceError, SourceFrame
from stream.sources.container import is_url, open_container_source
from stream.sources.folder import open_folder_source
from stream.sources.synthetic import SYNTHETIC_PREFIX, open_synthetic_source

__all__ = ["Source", "SourceError", "SourceFrame", "open_source"]


def open_source(spec: str, *, loop: bool = False) -> Source:
    """Open a video file, a folder of images, a URL (rtsp, srt, rtmp, http) or `synthetic:football?...`.

    With `loop` the source starts again at its end for ever, its pts gapless. Raises SourceError, one line.
    """
    if not spec.strip():
        raise SourceError(
            "no source given; expected a video file, a folder of images, a URL or synthetic:football"
        )
    if spec.startswith(SYNTHETIC_PREFIX):
        return open_synthetic_source(spec, loop=loop)
    if is_url(spec):
        return open_container_source(spec, loop=loop)
    path = Path(spec).expanduser()
    if path.is_dir():
        return open_folder_source(path, loop=loop)
    return open_container_source(str(path), loop=loop)
