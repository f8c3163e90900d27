"""What features take on real clips of the report split, as carried, at each rate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from core_network.catalogue import Core
from evaluation.datasets.types import DatasetError
from evaluation.metrics.bootstrap import Interval, blocks, interval
from stream.carriage import carried_size
from viewer.inputs import EncodedInput

__all__ = ["CLIPS", "RateSize", "measure_rate"]

CLIPS = {
    "football_zak_soccer": "video/football_zak_soccer/soccer.mp4",
    "tennis_gridtracknet": "video/tennis_gridtracknet/professional_hardcourt.mp4",
    "badminton_alenzenx": "video/badminton_alenzenx/raw_data_00002.mp4",
}
"""A panning and two fixed cameras, none seen in training."""
_FRAMES = 120
_BLOCK = 10  # frames that are resampled together: one key and its deltas


@dataclass(frozen=True)
class RateSize:
    """Bytes of a frame's features with SEI, escaping and chunk headers: by clip, and the clips' mean."""

    rate: str
    clips: dict[str, float]
    mean: float
    spread: Interval

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        clips = {name: round(value) for name, value in self.clips.items()}
        return {
            "rate": self.rate,
            "clips": clips,
            "mean": round(self.mean),
            "interval": self.spread.to_json(),
        }


def measure_rate(root: Path, core: Core, rate: str, tick: Callable[[], None]) -> RateSize:
    """Encode the first frames of each clip at a rate; raises DatasetError when a clip is not there."""
    sizes: dict[str, list[int]] = {}
    for name, file in CLIPS.items():
        if not (root / file).is_file():
            raise DatasetError(f"{root / file}: expected a clip of the report split, there is none")
        sizes[name] = []
        with closing(EncodedInput(str(root / file), core, rate)) as seen:
            for frame in seen:
                assert frame.payload is not None  # it was encoded here
                sizes[name].append(carried_size(frame.payload))
                tick()
                if len(sizes[name]) == _FRAMES:
                    break
    units = [run for sizes_of in sizes.values() for run in blocks(sizes_of, _BLOCK)]
    return RateSize(
        rate,
        {name: fmean(values) for name, values in sizes.items()},
        fmean(fmean(values) for values in sizes.values()),
        interval(units, lambda drawn: fmean(size for run in drawn for size in run)),
    )
