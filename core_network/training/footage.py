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
from core_network.scenes import Match
from core_network.training.stills import load_football, read_splits

__all__ = ["train_shots"]

SHOT_FRAMES = 11
"""One key and ten frames after it, three of them anchors."""
CLIPS_PER_FOLDER, SHOTS_PER_CLIP, PANS = 5, 3, 80


def train_shots(root: Path, input_width: int, input_height: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield shots of SHOT_FRAMES prepared images [H, W, 3], real and procedural."""
    yield from _clip_shots(root, input_width, input_height)
    yield from _pan_shots(root, input_width, input_height)
    for seed in range(8):
        frames = Match(seed).frames(SHOT_FRAMES)
        yield [_prepared(scene.image, input_width, input_height) for scene in frames]


def _prepared(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    return prepare(frame, width, height)[0]


def _clips(root: Path) -> list[Path]:
    by_folder: dict[str, list[Path]] = {}
    for name, split in sorted(read_splits(root).items()):
        if split == "train" and name.endswith(".mp4"):
            by_folder.setdefault(name.rpartition("/")[0], []).append(root / name)
    return [clip for clips in by_folder.values() for clip in clips[:CLIPS_PER_FOLDER]]


def _clip_shots(root: Path, width: int, height: int) -> Iterator[list[NDArray[np.uint8]]]:
    for path in _clips(root):
        with av.open(str(path)) as container:
            total = container.streams.video[0].frames
            starts = {total * (2 * k + 1) // (2 * SHOTS_PER_CLIP + 1) for k in range(SHOTS_PER_CLIP)}
            shot: list[NDArray[np.uint8]] = []
            for index, frame in enumerate(container.decode(video=0)):
                if index in starts or 0 < len(shot) < SHOT_FRAMES:
                    shot.append(prepare(frame, width, height)[0])
                if len(shot) == SHOT_FRAMES:
                    yield shot
                    shot = []


def _pan_shots(root: Path, width: int, height: int) -> Iterator[list[NDArray[np.uint8]]]:
    rng = np.random.default_rng(5)
    stills = load_football(root)
    for index in rng.permutation(len(stills))[:PANS]:
        pixels = stills[int(index)].pixels()
        full_height, full_width = pixels.shape[:2]
        share = rng.uniform(0.8, 0.92)
        w, h = int(full_width * share) & ~1, int(full_height * share) & ~1
        speed = rng.normal(0, 4, 2) * (1, 0.2)
        at = rng.random(2) * (full_width - w, full_height - h)
        shot = []
        for _ in range(SHOT_FRAMES):
            x, y = (int(v) for v in np.clip(at, 0, (full_width - w, full_height - h)))
            shot.append(_prepared(pixels[y : y + h, x : x + w], width, height))
            at = at + speed + rng.normal(0, 0.3, 2)
        yield shot
