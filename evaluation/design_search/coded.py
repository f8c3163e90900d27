"""Ways to code the default core's features, measured on clips that are for choosing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from core_network.training.footage import train_shots
from core_network.training.stills import read_splits
from evaluation.design_search.plan import CodingPoint
from stream.bitstream import BitstreamEncoder, fit_tables
from stream.bitstream.contexts import Kind
from stream.bitstream.tables import EntropyTables
from stream.entropy_tables import load_tables
from stream.sync import CLOCK_RATE

__all__ = ["Coding"]

Latents = list[NDArray[np.float32]]
_FOOTBALL = ("video/football_zak_soccer/soccer.mp4", 132, 200)
"""Shot B of the labelled clip, which is for tuning (its labels' README): frames from and up to."""
_BADMINTON_CLIPS, _BADMINTON_FRAMES = 2, 60
_EVERY_SHOT = 6
"""Tables are fitted to every n-th shot of those that the shipped ones are fitted to."""
_FPS = 30
Tick = Callable[[int], None]


@dataclass(frozen=True)
class _Clip:
    name: str
    size: tuple[int, int]
    latents: Latents


class Coding:
    """Features of the clips, and tables fitted to those of the train split when a point asks for them."""

    def __init__(self, core: Core, root: Path, tick: Tick) -> None:
        """Run the core over the clips; `tick` hears how many frames are done."""
        self._core, self._root, self._tick = core, root, tick
        self._frames = 0
        self._clips = [self._encoded(*one) for one in _validation_clips(root)]
        self._shots: list[Latents] = []

    def measure(self, point: CodingPoint) -> dict[str, Any]:
        """Return mean payload bytes by clip, of keys, of deltas and of all frames; clips weigh the same."""
        spec = self._core.spec
        tables = (
            self._fitted(point.rate, point.clusters)
            if point.clusters
            else load_tables(self._core, point.rate)
        )
        clips: dict[str, float] = {}
        sizes: dict[bool, list[int]] = {True: [], False: []}
        for clip in self._clips:
            encoder = BitstreamEncoder(spec, tables, point.rate, point.key_interval, point.anchor_interval)
            bytes_of = []
            for number, latent in enumerate(clip.latents):
                coded = encoder.encode(
                    spec.quantise(latent, point.rate),
                    number=number,
                    pts=number * CLOCK_RATE // _FPS,
                    source_size=clip.size,
                )
                bytes_of.append(len(coded.payload))
                sizes[coded.key].append(len(coded.payload))
            clips[clip.name] = round(fmean(bytes_of))
        return {
            "bytes": round(fmean(clips.values())),
            "key_bytes": round(fmean(sizes[True])),
            "delta_bytes": round(fmean(sizes[False])) if sizes[False] else None,
            "clips": clips,
            "tables": sum(len(frequencies) for frequencies in tables.frequencies),
        }

    def _fitted(self, rate: str, clusters: tuple[int, int, int]) -> EntropyTables:
        spec = self._core.spec
        if not self._shots:
            shots = train_shots(self._root, spec.input_width, spec.input_height)
            self._shots = [self._latents(shot) for shot in islice(shots, 0, None, _EVERY_SHOT)]
        sequences = (np.stack([spec.quantise(latent, rate) for latent in shot]) for shot in self._shots)
        return fit_tables(sequences, spec, dict(zip(Kind, clusters, strict=True)))

    def _latents(self, images: list[NDArray[np.uint8]]) -> Latents:
        encoder, latents = Encoder(self._core), []
        for number, image in enumerate(images):
            latents.append(encoder.latent(image, fresh=not number))
            self._frames += 1
            self._tick(self._frames)
        return latents

    def _encoded(self, path: Path, first: int, last: int) -> _Clip:
        images, size, spec = [], (0, 0), self._core.spec
        with av.open(str(path)) as container:
            for frame in islice(container.decode(video=0), first, last):
                images.append(prepare(frame, spec.input_width, spec.input_height)[0])
                size = frame.width, frame.height
        if not images:
            raise ValueError(f"{path}: expected frames {first} to {last}, there are none")
        return _Clip(f"{path.parent.name}/{path.stem}", size, self._latents(images))


def _validation_clips(root: Path) -> Iterator[tuple[Path, int, int]]:
    name, first, last = _FOOTBALL
    yield root / name, first, last
    badminton = sorted(
        name
        for name, split in read_splits(root).items()
        if split == "validation" and name.startswith("video/badminton") and name.endswith(".mp4")
    )
    for name in badminton[:_BADMINTON_CLIPS]:
        yield root / name, 0, _BADMINTON_FRAMES
