"""The clips that entropy tables are fitted to: real ones of the train split, and the procedural match."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from core_network.spec import RATES
from core_network.training.stills import read_splits
from stream.source import open_source

__all__ = ["FRAMES_PER_CLIP", "symbols_of_clips", "training_clips"]

FRAMES_PER_CLIP = 60
_SYNTHETIC = "synthetic:football?seed=3"
_CLIPS_PER_FOLDER = 5


def training_clips(root: Path) -> list[str]:
    """Return sources for the fit: at most five clips of each folder of the train split, and a synthetic match."""
    by_folder: dict[str, list[str]] = {}
    for name, split in sorted(read_splits(root).items()):
        if name.startswith("video/") and split == "train":
            by_folder.setdefault(name.rpartition("/")[0], []).append(str(root / name))
    return [clip for clips in by_folder.values() for clip in clips[:_CLIPS_PER_FOLDER]] + [_SYNTHETIC]


def symbols_of_clips(core: Core, clips: list[str]) -> Iterator[tuple[str, NDArray[np.int8]]]:
    """Yield (rate, symbols [T, C, H, W]) of each clip at each rate; all frames of a clip follow one another."""
    encoder, spec = Encoder(core, threads=2), core.spec
    for clip in clips:
        with open_source(clip) as source:
            latents = [
                encoder.latent(
                    prepare(
                        frame.picture,
                        spec.input_width,
                        spec.input_height,
                        (frame.source_width, frame.source_height),
                    )[0]
                )
                for frame in islice(source, FRAMES_PER_CLIP)
            ]
        for rate in RATES:
            yield rate, np.stack([spec.quantise(latent, rate) for latent in latents])
