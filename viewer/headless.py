"""The viewer without a window: heads over a file, a folder, a synthetic match or a WHEP stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core_network.catalogue import Core

__all__ = ["ViewError", "ViewSummary", "view"]


class ViewError(ValueError):
    """What the user asked for cannot be viewed: one clear line, exit 2."""


@dataclass
class ViewSummary:
    """Frames seen, frames with features, result lines written, mean ms per frame of each head, warnings for stderr."""

    frames: int = 0
    frames_with_features: int = 0
    results: int = 0
    head_ms: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def view(
    source: str,
    heads: Sequence[str],
    *,
    core: Core,
    rate: str = "default",
    results: Path | None = None,
    mot: Path | None = None,
    video: Path | None = None,
    frames: int | None = None,
    keep_all: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ViewSummary:
    """Run heads over every frame of `source` and write what was asked for.

    `source`: an MP4 with features; anything `open_source` takes (encoded on the fly by `core` at `rate`);
    or an http(s) WHEP URL. `heads`: names of the catalogue or folders (`--head`). `results`: JSON lines;
    `mot`: MOT lines (needs exactly one head with ids); `video`: overlay MP4. `frames` stops after that many
    frames; `keep_all` is `--all`. `on_progress(frames_done)` is called about twice a second.
    Raises ViewError, SourceError (both ValueError, one line, exit 2) or ValueError of an unknown or broken head.
    """
    raise NotImplementedError
