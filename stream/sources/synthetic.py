"""The procedural match as a source: `synthetic:football?seed=1&seconds=20&width=1280&height=720&fps=25`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

import av

from core_network.scenes import Match
from stream.sources.base import Arrival, Source, SourceError
from stream.sources.upright import Uprighter

__all__ = ["SYNTHETIC_PREFIX", "open_synthetic_source"]

SYNTHETIC_PREFIX = "synthetic:"

_DEFAULT_SECONDS = 20.0


@dataclass(frozen=True)
class _Match:
    """What the address asks for, with the range of each value."""

    seed: int = 1
    seconds: float = 0.0
    width: int = 1280
    height: int = 720
    fps: float = 25.0


_RANGES = {
    "seed": (0, 2**31 - 1),
    "seconds": (0.01, 1e6),
    "width": (64, 3840),
    "height": (64, 2160),
    "fps": (1, 120),
}


def open_synthetic_source(spec: str, *, loop: bool) -> Source:
    """Open `synthetic:football?...`; without `seconds` it lasts 20 s, with `loop` for ever."""
    match = _parsed(spec)
    return Source(_arrivals(match, loop), match.fps, [])


def _parsed(spec: str) -> _Match:
    name, _, query = spec.removeprefix(SYNTHETIC_PREFIX).partition("?")
    if name != "football":
        raise SourceError(f"{spec}: expected synthetic:football, the only synthetic source there is")
    values: dict[str, float] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in _RANGES:
            raise SourceError(f"{spec}: expected the settings {', '.join(_RANGES)}, got {key}")
        least, most = _RANGES[key]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        whole = key in ("seed", "width", "height")
        if not least <= value <= most or (whole and value != int(value)):
            kind = "whole number" if whole else "number"
            raise SourceError(f"{spec}: expected {key} to be a {kind} from {least} to {most}, got {text!r}")
        values[key] = int(value) if whole else value
    return _Match(**values)  # type: ignore[arg-type]


def _arrivals(asked: _Match, loop: bool) -> Iterator[Arrival]:
    seconds = asked.seconds or (0.0 if loop else _DEFAULT_SECONDS)
    frames = max(1, round(seconds * asked.fps)) if seconds else None
    while True:
        uprighter: Uprighter | None = None
        match = Match(asked.seed, asked.width, asked.height, asked.fps)
        started = time.perf_counter()
        for index, scene in enumerate(match.frames(frames)):
            frame = av.VideoFrame.from_ndarray(scene.image, "rgb24")
            uprighter = uprighter or Uprighter(frame)
            yield Arrival(
                uprighter.picture(frame),
                round(index * 90_000 / asked.fps),
                asked.width,
                asked.height,
                discontinuity=index == 0,
                decode_ms=(time.perf_counter() - started) * 1e3,
            )
            started = time.perf_counter()
        if not loop:
            return
