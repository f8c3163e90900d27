"""From the datasets of evaluation/datasets to training pictures and their truth."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from core_network.prepare import View, prepare
from evaluation.baselines.detector import Truth
from evaluation.baselines.masks import MASK_STRIDE
from evaluation.baselines.moments import read_moments
from evaluation.datasets.open import open_dataset
from evaluation.datasets.pictures import pictures
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, relabelled

__all__ = ["Batches", "Example", "Examples", "Source", "found_at", "load_examples", "whole_view"]

_LEAST_SEEN, _LEAST_PX = 0.4, 2.0
"""A box of which less is in the view, or whose side is shorter, is neither an object nor background."""
_FULL_SHARE, _ZOOM = 0.5, 2.3
_PAN_PX = (0.02, 0.006)
"""Spread of a made camera pan from one frame to the next, in widths and heights of the view."""
MOMENTS = "moments"
_FRAMES_APART = 3
"""Frames between the three that a video system is trained on."""

Picture = NDArray[np.uint8]
Crop = tuple[int, int, int, int]  # left, top, width, height in px of the picture


def found_at(root: Path, path: Path) -> Path:
    """Return a path of a configuration: as it is where that exists, else inside the data root."""
    return path if path.exists() else root / path


@dataclass(frozen=True)
class Source:
    """One entry of `train` or `validation`; paths are looked for here, then in the data root.

    `form`: one of evaluation.datasets.open, or MOMENTS: a folder of core_network.scenes, its matches alone.
    `merge`: old label to new. `leave_out`: labels that are not trained; their things are neither objects nor
    background. `masks`: a folder of instance pictures, FOLDER/<clip>/<frame>.png, n for the n-th thing.
    """

    form: str
    path: Path
    pictures: Path | None = None
    labels: tuple[str, ...] = ()
    split: str | None = None
    merge: Mapping[str, str] | None = None
    leave_out: tuple[str, ...] = ()
    masks: Path | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Source:
        """Return the source of a document; raises TypeError on keys that are missing or unknown."""
        values = dict(document)
        for name in ("path", "pictures", "masks"):
            if values.get(name) is not None:
                values[name] = Path(values[name])
        for name in ("labels", "leave_out"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def open(self, root: Path, names: Sequence[str]) -> tuple[Dataset, Mapping[str, tuple[str, ...]]]:
        """Return the dataset, and what earlier frames some pictures have, by file name, newest first.

        Raises DatasetError, also for a label that is not among `names`.
        """
        pasts: Mapping[str, tuple[str, ...]] = {}
        if self.form == MOMENTS:
            found, pasts = read_moments(found_at(root, self.path))
        else:
            place = None if self.pictures is None else found_at(root, self.pictures)
            found = open_dataset(
                self.form, found_at(root, self.path), pictures=place, labels=self.labels, split=self.split
            )
        if self.merge:
            found = relabelled(found, self.merge)
        there = {thing.label for clip in found.clips for frame in clip.frames for thing in frame.things}
        unknown = sorted(there - set(names) - set(self.leave_out))
        if unknown:
            raise DatasetError(
                f"{self.path}: has the label {unknown[0]!r}, this detector knows {', '.join(names)}; "
                "rename it with merge or name it under leave_out"
            )
        return found, pasts


@dataclass(frozen=True)
class Example:
    """A still on disk and its truth: boxes [n, 4] px, labels [n], ignored [m, 4]; `instances`: its masks.

    `things` [n]: which thing of the frame each box is, from 1, as the masks number them. `earlier`: the
    frames before, newest first, where there are some; they have no truth.
    """

    path: Path
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.float32]
    things: NDArray[np.int64]
    instances: Path | None = None
    earlier: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Examples:
    """Examples in the order of their datasets."""

    datasets: tuple[Dataset, ...]
    items: tuple[Example, ...]

    @property
    def boxes(self) -> int:
        """Number of labelled boxes."""
        return sum(len(item.boxes) for item in self.items)

    def balanced(self) -> tuple[Example, ...]:
        """Return the items, those of small datasets repeated until all are about as many."""
        counts = [dataset.frames for dataset in self.datasets]
        repeated: list[Example] = []
        begin = 0
        for count in counts:
            repeated += self.items[begin : begin + count] * round(max(counts) / max(count, 1))
            begin += count
        return tuple(repeated)


def load_examples(sources: Sequence[Source], root: Path, names: Sequence[str], frames: Path) -> Examples:
    """Open every source; frames of videos are written as stills to the folder `frames`, once.

    Raises DatasetError: for what a dataset says itself, for labels that are not known, and without any boxes.
    """
    datasets, items = [], []
    for source in sources:
        dataset, pasts = source.open(root, names)
        datasets.append(dataset)
        for clip in dataset.clips:
            folder = _as_stills(clip, frames / dataset.name)
            masks = None if source.masks is None else found_at(root, source.masks) / clip.name
            items += [
                _example(frame, folder, names, masks, pasts.get(frame.file, ())) for frame in clip.frames
            ]
    found = Examples(tuple(datasets), tuple(items))
    if not found.boxes:
        named = ", ".join(str(source.path) for source in sources) or "no dataset"
        raise DatasetError(f"{named}: expected labelled boxes, got {len(items)} pictures without any")
    return found


def _example(
    frame: Frame, folder: Path, names: Sequence[str], masks: Path | None, earlier: Sequence[str]
) -> Example:
    kept = [
        (thing, number)
        for number, thing in enumerate(frame.things, 1)
        if thing.label in names and not thing.ignore
    ]
    rest = [thing.box for thing in frame.things if thing.label not in names or thing.ignore]
    return Example(
        folder / (frame.file or f"{frame.name}.png"),
        np.array([thing.box for thing, _ in kept], np.float32).reshape(-1, 4),
        np.array([names.index(thing.label) for thing, _ in kept], np.int64),
        np.array(rest, np.float32).reshape(-1, 4),
        np.array([number for _, number in kept], np.int64),
        None if masks is None else masks / f"{frame.name}.png",
        tuple(folder / name for name in earlier),
    )


def _as_stills(clip: Clip, frames: Path) -> Path:
    """Return the folder of the clip's pictures; those of a video are decoded into `frames` first."""
    if clip.pictures is None:
        raise DatasetError(
            f"{clip.name}: expected pictures to train on, got labels alone; name them with pictures"
        )
    if clip.pictures.is_dir():
        return clip.pictures
    folder = frames / clip.name
    if all((folder / f"{frame.name}.png").is_file() for frame in clip.frames):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, (frame, picture) in enumerate(pictures(clip), 1):
        path = folder / f"{frame.name}.png"
        if not path.is_file():
            partly = path.with_suffix(".unfinished")
            Image.fromarray(picture).save(partly, format="PNG", compress_level=1)
            os.replace(partly, path)
        if number % 50 == 0:
            print(f"decoding {clip.name}: {number}/{len(clip.frames)}", file=sys.stderr, flush=True)
    return folder


class Batches:
    """Pictures float32 [B, 3, H, W] (0..1), or [B, 3, 3, H, W] of three frames, and a truth for each output.

    Batch n depends on the seed and n alone, so that a resumed run goes on as it would have.
    """

    def __init__(
        self, examples: Sequence[Example], size: tuple[int, int], batch: int, seed: int, *, frames: int = 1
    ) -> None:
        """Draw from `examples` for an input of (height, width) `size`."""
        self._examples, self._size, self._batch, self._seed = examples, size, batch, seed
        self._frames = frames
        self._pool = ThreadPoolExecutor(1)
        self._coming: dict[int, Any] = {}

    def __enter__(self) -> Batches:
        """Start the thread that makes the next batch."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._pool.shutdown(cancel_futures=True)

    def at(self, step: int) -> tuple[Tensor, list[Truth]]:
        """Return the batch of a step and begin with the one after it."""
        found = self._coming.pop(step, None) or self._pool.submit(self._make, step)
        self._coming = {step + 1: self._pool.submit(self._make, step + 1)}
        made: tuple[Tensor, list[Truth]] = found.result()
        return made

    def _make(self, step: int) -> tuple[Tensor, list[Truth]]:
        rng = np.random.default_rng([self._seed, step])
        made = [
            self._views(self._examples[number], rng)
            for number in rng.integers(len(self._examples), size=self._batch)
        ]
        # Truth is wanted in the order of the outputs: every key frame, then every frame after one.
        first = 1 if self._frames == 3 else 0
        truths = [views[frame][1] for frame in range(first, self._frames) for views in made]
        stacked = np.stack([np.stack([picture for picture, _ in views]) for views in made])
        tensor = torch.from_numpy(stacked).permute(0, 1, 4, 2, 3).to(torch.float32) / 255
        return tensor if self._frames == 3 else tensor[:, 0], truths

    def _views(self, example: Example, rng: np.random.Generator) -> list[tuple[Picture, Truth]]:
        pixels = _read(example.path)
        instances = None if example.instances is None else _read(example.instances, "I;16")
        flip = bool(rng.random() < 0.5)
        crop = _random_crop(example, pixels.shape[:2], self._size, rng)
        light, contrast = rng.normal(0, 12), float(np.exp(rng.normal(0, 0.15)))
        pan = rng.normal(0, _PAN_PX) * crop[2:]
        filmed = len(example.earlier) >= self._frames - 1
        views = []
        for frame in range(self._frames):
            before = self._frames - 1 - frame
            moved = np.array(crop[:2]) + (0 if filmed else np.rint(before * _FRAMES_APART * pan))
            left, top = moved.clip(0, np.array(pixels.shape[1::-1]) - crop[2:]).astype(int)
            part = (int(left), int(top), *crop[2:])
            seen = _read(example.earlier[before - 1]) if filmed and before else pixels
            picture, truth = _view(seen, example, instances, part, self._size, flip)
            if filmed and before:
                truth = _unknown(self._size)
            lit = (picture.astype(np.float32) - 128) * contrast + 128 + light
            views.append((lit.clip(0, 255).astype(np.uint8), truth))
        return views


def _unknown(size: tuple[int, int]) -> Truth:
    """Return the truth of a picture without labels: no place in it, nor around it, is background."""
    height, width = size
    everywhere = torch.tensor([[-width, -height, 2 * width, 2 * height]], dtype=torch.float32)
    return Truth(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), everywhere)


def whole_view(example: Example, size: tuple[int, int]) -> tuple[Picture, View, Truth]:
    """Return the letterboxed picture uint8 [H, W, 3] for an input of (height, width), its view, its truth."""
    pixels = _read(example.path)
    height, width = pixels.shape[:2]
    instances = None if example.instances is None else _read(example.instances, "I;16")
    picture, truth = _view(pixels, example, instances, (0, 0, width, height), size, False)
    return picture, View.letterbox(width, height, size[1], size[0]), truth


def _random_crop(
    example: Example, shape: tuple[int, ...], size: tuple[int, int], rng: np.random.Generator
) -> Crop:
    """Return the whole picture half of the time, else a part around something."""
    full_height, full_width = shape
    if rng.random() < _FULL_SHARE:
        return 0, 0, full_width, full_height
    zoom = float(np.exp(rng.uniform(0.0, np.log(_ZOOM))))
    aspect = size[1] / size[0] * float(np.exp(rng.normal(0, 0.07)))
    width = min(full_width / zoom, full_height / zoom * aspect)
    height = min(full_height, width / aspect)
    middle = rng.random(2) * (full_width, full_height)
    if len(example.boxes):
        box = example.boxes[rng.integers(len(example.boxes))]
        middle = (box[:2] + box[2:]) / 2
    left = int(np.clip(middle[0] - width * rng.random(), 0, full_width - width))
    top = int(np.clip(middle[1] - height * rng.random(), 0, full_height - height))
    return left, top, max(1, int(width)), max(1, int(height))


def _view(
    pixels: Picture,
    example: Example,
    instances: NDArray[Any] | None,
    crop: Crop,
    size: tuple[int, int],
    flip: bool,
) -> tuple[Picture, Truth]:
    left, top, width, height = crop
    part = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    picture, view = prepare(av.VideoFrame.from_ndarray(part, "rgb24"), size[1], size[0])
    x0, y0 = view.x0 * size[1], view.y0 * size[0]
    scale = np.array([view.width * size[1] / width, view.height * size[0] / height] * 2, np.float32)
    shift = np.array([x0, y0] * 2, np.float32)
    bounds = np.array([x0, y0, x0 + view.width * size[1], y0 + view.height * size[0]], np.float32)
    corner = np.array([left, top] * 2, np.float32)

    def placed(boxes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes in px of the input, clipped, and which share of each is seen."""
        moved = (boxes - corner) * scale + shift
        clipped = np.concatenate(
            [moved[:, :2].clip(bounds[:2], bounds[2:]), moved[:, 2:].clip(bounds[:2], bounds[2:])], 1
        )
        whole = (moved[:, 2:] - moved[:, :2]).prod(1)
        return clipped, (clipped[:, 2:] - clipped[:, :2]).prod(1) / np.maximum(whole, 1e-9)

    boxes, seen = placed(example.boxes)
    ignored, left_over = placed(example.ignored)
    extent = boxes[:, 2:] - boxes[:, :2]
    kept = (seen >= _LEAST_SEEN) & (extent.min(1, initial=np.inf) >= _LEAST_PX)
    ignored = np.concatenate([ignored[left_over > 0], boxes[~kept & (seen > 0)]])
    boxes, labels, things = boxes[kept], example.labels[kept], example.things[kept]
    cells = None if instances is None else _cells(instances, crop, view, size, things)
    if flip:
        picture = np.ascontiguousarray(picture[:, ::-1])
        boxes, ignored = _mirrored(boxes, size[1]), _mirrored(ignored, size[1])
        cells = None if cells is None else cells[:, ::-1].copy()
    return picture, Truth(
        torch.from_numpy(boxes),
        torch.from_numpy(labels),
        torch.from_numpy(ignored),
        None if cells is None else torch.from_numpy(cells),
    )


def _cells(
    instances: NDArray[Any],
    crop: Crop,
    view: View,
    size: tuple[int, int],
    things: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return which box, from 1, each cell [H / 4, W / 4] of the input belongs to: that of its centre."""
    left, top, width, height = crop
    rows, columns = ((np.arange(length // MASK_STRIDE) + 0.5) * MASK_STRIDE for length in size)
    y = np.floor((rows / size[0] - view.y0) / view.height * height).astype(int)
    x = np.floor((columns / size[1] - view.x0) / view.width * width).astype(int)
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
    part = instances[top : top + height, left : left + width]
    seen = np.where(inside, part[y.clip(0, height - 1)[:, None], x.clip(0, width - 1)[None]], 0).astype(
        np.int64
    )
    number = np.zeros(max(int(seen.max()), int(things.max(initial=0))) + 1, np.int64)
    number[things] = np.arange(1, len(things) + 1)
    return number[seen]


def _mirrored(boxes: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)


def _read(path: Path, mode: str = "RGB") -> NDArray[Any]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB") if mode == "RGB" else picture)
    except FileNotFoundError:
        raise DatasetError.at(path, None, "a picture to train on", "no such file") from None
    except (UnidentifiedImageError, OSError):
        raise DatasetError.at(path, None, "a picture", "a file that is none") from None
