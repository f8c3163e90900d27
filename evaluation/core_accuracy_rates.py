"""What features take on real clips of the report split, as carried, and whether they arrive unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from core_network.catalogue import Core
from core_network.spec import RATES
from evaluation.datasets.types import DatasetError
from evaluation.metrics.bootstrap import Interval, blocks, interval
from stream.bitstream import KEY_INTERVAL, BitstreamDecoder
from stream.carriage import carried_size
from stream.programme import Analysis, FeatureEncoder
from stream.source import SourceFrame, open_source

__all__ = ["CLIPS", "RateSize", "measure_rates"]

CLIPS = {
    "football_zak_soccer": "video/football_zak_soccer/soccer.mp4",
    "tennis_gridtracknet": "video/tennis_gridtracknet/professional_hardcourt.mp4",
    "badminton_alenzenx": "video/badminton_alenzenx/raw_data_00002.mp4",
}
"""A panning and two fixed cameras, none seen in training."""
_FRAMES = 120


@dataclass(frozen=True)
class RateSize:
    """Bytes of a frame's features with SEI, escaping and chunk headers: by clip, and the clips' mean.

    `exact`: the share of frames whose decoded symbols are the encoder's, each one.
    """

    rate: str
    clips: dict[str, float]
    mean: float
    spread: Interval
    exact: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        clips = {name: round(value) for name, value in self.clips.items()}
        return {
            "rate": self.rate,
            "clips": clips,
            "mean": round(self.mean),
            "interval": self.spread.to_json(),
            "exact": self.exact,
        }


@dataclass
class _Sent:
    """One rate's way from encoder to decoder on one clip."""

    encoder: FeatureEncoder
    decoder: BitstreamDecoder
    sizes: list[int] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)

    def send(self, frame: SourceFrame, analysis: Analysis) -> None:
        payload = self.encoder.code(frame, analysis, force_key=frame.discontinuity).payload
        wanted = self.encoder.spec.quantise(analysis.latent, self.encoder.rate)
        self.sizes.append(carried_size(payload))
        self.exact.append(np.array_equal(self.decoder.decode(payload).symbols, wanted))


def measure_rates(root: Path, core: Core, tick: Callable[[], None]) -> list[RateSize]:
    """Send the first frames of each clip at every rate; raises DatasetError when a clip is not there."""
    missing = [root / file for file in CLIPS.values() if not (root / file).is_file()]
    if missing:
        raise DatasetError(f"{missing[0]}: expected a clip of the report split, there is none")
    clips = {name: _sent(root / file, core, tick) for name, file in CLIPS.items()}
    return [_summed(rate, {name: sent[rate] for name, sent in clips.items()}) for rate in RATES]


def _sent(clip: Path, core: Core, tick: Callable[[], None]) -> dict[str, _Sent]:
    ways = {}
    for rate in RATES:
        encoder = FeatureEncoder(core, rate=rate)
        ways[rate] = _Sent(encoder, BitstreamDecoder([(core.spec, encoder.tables)]))
    seeing = ways[RATES[0]].encoder  # the core sees a frame once, whatever the rates
    with open_source(str(clip)) as source:
        for frame in islice(source, _FRAMES):
            analysis = seeing.analyse(frame)
            for way in ways.values():
                way.send(frame, analysis)
            tick()
    return ways


def _summed(rate: str, clips: dict[str, _Sent]) -> RateSize:
    units = [
        run for sent in clips.values() for run in blocks(sent.sizes, KEY_INTERVAL)
    ]  # a key goes with its deltas
    exact = [equal for sent in clips.values() for equal in sent.exact]
    return RateSize(
        rate,
        {name: fmean(sent.sizes) for name, sent in clips.items()},
        fmean(fmean(sent.sizes) for sent in clips.values()),
        interval(units, lambda drawn: fmean(size for run in drawn for size in run)),
        fmean(exact),
    )
