"""What entropy tables are fitted to: clips of the train split, and pans over its football stills.

Broadcast football moves its camera and no train clip does, so stills are turned into short shots by moving a
slightly smaller window over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core_network.prepare import prepare
from core_network.training.stills import load_football, read_splits

__all__ = ["train_shots"]

SHOT_FRAMES = 11
"""One key and the ten frames up to the next."""


def train_shots(
    root: Path, input_width: int, input_height: int, *, clips: int = 3, stills: int = 80
) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield shots of prepared images [H, W, 3]: `clips` from each train clip, one from each of `stills`."""
    yield from _clip_shots(root, input_width, input_height, clips)
    yield from _pan_shots(root, input_width, input_height, stills)


def _clip_shots(root: Path, width: int, height: int, shots: int) -> Iterator[list[NDArray[np.uint8]]]:
    for name, split in sorted(read_splits(root).items()):
        if split != "train" or not name.endswith(".mp4"):
            continue
        with av.open(str(root / name)) as container:
            total = container.streams.video[0].frames
            starts = {total * (2 * k + 1) // (2 * shots + 1) for k in range(shots)}
            shot: list[NDArray[np.uint8]] = []
            for index, frame in enumerate(container.decode(video=0)):
                if index in starts or 0 < len(shot) < SHOT_FRAMES:
                    shot.append(prepare(frame, width, height)[0])
                if len(shot) == SHOT_FRAMES:
                    yield shot
                    shot = []


def _pan_shots(root: Path, width: int, height: int, count: int) -> Iterator[list[NDArray[np.uint8]]]:
    rng = np.random.default_rng(5)
    stills = load_football(root)
    for still in [stills[i] for i in rng.permutation(len(stills))[:count]]:
        pixels = still.pixels()
        full_height, full_width = pixels.shape[:2]
        share = rng.uniform(0.8, 0.92)
        w, h = int(full_width * share) & ~1, int(full_height * share) & ~1
        speed = rng.normal(0, 4, 2) * (1, 0.2)
        at = rng.random(2) * (full_width - w, full_height - h)
        shot = []
        for _ in range(SHOT_FRAMES):
            x, y = (int(v) for v in np.clip(at, 0, (full_width - w, full_height - h)))
            part = np.ascontiguousarray(pixels[y : y + h, x : x + w])
            shot.append(prepare(av.VideoFrame.from_ndarray(part, format="rgb24"), width, height)[0])
            at = at + speed + rng.normal(0, 0.3, 2)
        yield shot
