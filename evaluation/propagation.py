"""Features moved along instead of computed: the core on every n-th frame alone, what is seen between.

    held    the latent of the last frame that the core saw, as it is
    moved   the same, each cell taken from where its picture was then: whole-picture motion, then blocks
    mixed   the core on every frame, its latent averaged with the moved one of the frame before

Latents are rounded to the step of rate `default`, as every viewer's are. Measured on shot B of the football
clip, which is for tuning: nothing of the report split is needed to see whether it would pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.motion import grey
from core_network.prepare import prepare
from evaluation.datasets.people import people_only
from evaluation.datasets.types import Dataset
from evaluation.rate_accuracy.scoring import Accuracy, Truth, score
from evaluation.rate_accuracy.viewing import Viewer
from evaluation.tracking_comparison import CLIPS, TUNING, labelled
from stream.source import open_source

__all__ = ["WAYS", "Propagated", "measure_propagation", "motion", "moved"]

WAYS = (("core", 1), ("held", 2), ("moved", 2), ("held", 10), ("moved", 10), ("mixed", 1))
"""How, and every how many frames the core runs."""
_RATE = "default"
_REACH, _STEP = 8, 2
"""Blocks are looked for so many px around the whole picture's motion, in steps."""
_STAY = 0.02
"""What a block's own motion must save of its difference to be believed."""

Grey = NDArray[np.uint8]
Latent = NDArray[np.float32]
Tick = Callable[[], None]


@dataclass(frozen=True)
class Propagated:
    """One way on the whole shot of `frames`."""

    way: str
    every: int
    frames: int
    accuracy: Accuracy


def measure_propagation(root: Path, core: Core, tick: Tick) -> list[Propagated]:
    """Return the accuracy of every way; `tick` hears of each frame. Raises DatasetError or SourceError."""
    name, shot = TUNING
    clip = labelled(root, name, shot)
    first, last = clip.frames[0].index, clip.frames[-1].index
    shifted = replace(clip, frames=tuple(replace(one, index=one.index - first) for one in clip.frames))
    (people,) = people_only(Dataset(name, (shifted,), ("player", "goalkeeper", "referee"))).clips
    encoder, greys, latents = Encoder(core), list[Grey](), list[Latent]()
    with open_source(str(root / CLIPS[name])) as source:
        fps, size = source.fps, (source.source_width, source.source_height)
        for frame in islice(source, first, last + 1):
            image, _ = prepare(frame.picture, core.spec.input_width, core.spec.input_height)
            greys.append(grey(image))
            latents.append(encoder.latent(image, fresh=not latents))
            tick()
    found = []
    for way, every in WAYS:
        viewer = Viewer(core.spec, size, fps)
        seen = []
        for latent in _propagated(way, every, greys, latents):
            symbols = core.spec.quantise(latent, _RATE)
            seen.append(viewer.see(core.spec.dequantise(symbols, _RATE)))
            tick()
        found.append(Propagated(way, every, len(seen), score(Truth(people, "labels"), seen)))
    return found


def _propagated(way: str, every: int, greys: list[Grey], latents: list[Latent]) -> Iterator[Latent]:
    for number, (now, latent) in enumerate(zip(greys, latents, strict=True)):
        key = number - number % every
        if way == "mixed" and number:
            before = moved(latents[number - 1], motion(greys[number - 1], now))
            yield np.asarray((latent + before) / 2, np.float32)
        elif key == number:
            yield latent
        elif way == "held":
            yield latents[key]
        else:
            yield moved(latents[key], motion(greys[key], now))


def motion(before: Grey, now: Grey, stride: int = 8) -> NDArray[np.float32]:
    """Return for each cell of `stride` px where its picture was: px right and down, float32 [h, w, 2].

    The whole picture's shift is that of the highest phase correlation (Kuglin and Hines 1975); blocks of
    three by three cells then may differ from it.
    """
    whole = _shift(before, now)
    best = None
    reach = range(-_REACH, _REACH + 1, _STEP)
    for dx, dy in sorted(((x, y) for x in reach for y in reach), key=lambda one: abs(one[0]) + abs(one[1])):
        at = whole[0] + dx, whole[1] + dy
        cost = _block_difference(_displaced(before, at), now, stride)
        if best is None:
            best, places = cost * (1 - _STAY), np.tile(np.array(at, np.float32), (*cost.shape, 1))
            continue
        better = cost < best
        best[better] = cost[better]
        places[better] = at
    return places


def moved(latent: Latent, places: NDArray[np.float32], stride: int = 8) -> Latent:
    """Return the latent [C, h, w] with every cell taken from `places` (see `motion`), bilinear."""
    _, height, width = latent.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x = np.clip(columns + places[..., 0] / stride, 0, width - 1)
    y = np.clip(rows + places[..., 1] / stride, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    right, down = x - left, y - top
    above = latent[:, top, left] * (1 - right) + latent[:, top, left + 1] * right
    below = latent[:, top + 1, left] * (1 - right) + latent[:, top + 1, left + 1] * right
    return np.asarray(above * (1 - down) + below * down, np.float32)


def _shift(before: Grey, now: Grey) -> tuple[int, int]:
    spectrum = np.fft.rfft2(before) * np.conj(np.fft.rfft2(now))
    peak = np.fft.irfft2(spectrum / np.maximum(np.abs(spectrum), 1e-9), s=now.shape)
    row, column = np.unravel_index(int(peak.argmax()), peak.shape)
    height, width = now.shape
    return int((column + width // 2) % width - width // 2), int((row + height // 2) % height - height // 2)


def _displaced(before: Grey, by: tuple[int, int]) -> Grey:
    height, width = before.shape
    rows = np.clip(np.arange(height) + by[1], 0, height - 1)
    columns = np.clip(np.arange(width) + by[0], 0, width - 1)
    return before[rows][:, columns]


def _block_difference(before: Grey, now: Grey, stride: int) -> NDArray[np.float32]:
    """Return the sum of absolute differences over the three by three cells around each [h, w]."""
    apart = np.abs(before.astype(np.int16) - now)
    height, width = now.shape
    cells = apart.reshape(height // stride, stride, width // stride, stride).sum((1, 3), dtype=np.float32)
    padded = np.pad(cells, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])
