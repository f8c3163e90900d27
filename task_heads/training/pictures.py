"""From labelled pictures to a feature dataset: augmented views, encoded once by the frozen core.

Football stills bring people with roles and balls, tennis and volleyball stills and badminton frames balls
alone,
procedural stills both. Every real picture is asked for by its split; `report` is refused here and again by
the trainer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from core_network.spec import RATES
from core_network.training.stills import Still, load_badminton, load_football, load_point_stills, read_splits
from task_heads.dataset import ROLES, DatasetWriter, FrameTruth

__all__ = ["Labelled", "Views", "labelled_football", "labelled_procedural", "write_pictures"]

RATE_SHARES = {"lossless": 0.15, "high": 0.15, "default": 0.5, "low": 0.2}
"""How often each rate is seen: heads must work at all of them."""

_YOLO_ROLES = {1: "goalkeeper", 2: "player", 3: "referee"}


@dataclass(frozen=True)
class Labelled:
    """A still with the roles of its people, in the order of `still.people`."""

    still: Still
    roles: tuple[str | None, ...]
    split: str


@dataclass(frozen=True)
class Views:
    """How many views of each still of a source are taken; the first is the whole picture as it is."""

    football: int = 12
    procedural: int = 1
    badminton: int = 1
    tennis: int = 2
    volleyball: int = 1


def labelled_football(root: Path, splits: Sequence[str]) -> list[Labelled]:
    """Return the football stills of these splits with roles; asking for `report` raises ValueError."""
    table = {Path(name).name: (name, split) for name, split in read_splits(root).items()}
    labelled = []
    for still in load_football(root, splits):
        name, split = table[still.name]
        lines = (root / name).parents[1].joinpath("labels", Path(name).stem + ".txt").read_text().split("\n")
        roles = [
            _YOLO_ROLES[int(line.split()[0])] for line in lines if line.strip() and line.split()[0] != "0"
        ]
        labelled.append(Labelled(still, tuple(roles), split))
    return labelled


def labelled_procedural(folder: Path) -> list[Labelled]:
    """Return the scenes that `python -m core_network.scenes` wrote, without people who are hardly to be
    seen."""
    labelled = []
    with (folder / "truth.jsonl").open() as file:
        for line in file:
            row = json.loads(line)
            people = [p for p in row["players"] if p.get("visible", 1.0) >= 0.25]
            boxes = np.array([p["box"] for p in people], np.float32).reshape(-1, 4)
            balls = np.array([row["ball"][:2]] if row["ball"] else [], np.float32).reshape(-1, 2)
            still = Still(row["file"], (folder / row["file"]).read_bytes(), boxes, balls)
            labelled.append(Labelled(still, tuple(p["role"] for p in people), "train"))
    return labelled


def _sources(
    root: Path, procedural: Path | None, splits: Sequence[str], views: Views
) -> Iterator[tuple[Labelled, int]]:
    yield from ((item, views.football) for item in labelled_football(root, splits))
    if procedural is not None and views.procedural:
        yield from ((item, views.procedural) for item in labelled_procedural(procedural))
    balls_alone: list[tuple[int, Callable[[], list[Still]]]] = [
        (views.tennis, partial(load_point_stills, root, "tennis_ball_yolo", splits)),
        (views.volleyball, partial(load_point_stills, root, "volleyball_ball_yolo", splits, aspect=16 / 9)),
        (views.badminton, partial(load_badminton, root, splits)),
    ]
    for count, load in balls_alone:
        if count:
            yield from ((Labelled(still, (), "+".join(splits)), count) for still in load())


def write_pictures(
    folder: Path,
    core: Core,
    root: Path,
    *,
    procedural: Path | None,
    splits: Sequence[str],
    views: Views,
    seed: int,
    threads: int = 1,
) -> int:
    """Write the dataset to a new folder and return its number of records; progress goes to stderr.

    With the split `validation` every view is the whole picture, unchanged, at rate `default`.
    """
    encoder = Encoder(core, threads)
    sources = list(_sources(root, procedural, splits, views))
    total = sum(count for _, count in sources)
    training = "train" in splits
    with DatasetWriter(folder, core.spec) as writer:
        for index, (item, count) in enumerate(sources):
            pixels = item.still.pixels()
            for view_number in range(count):
                rng = np.random.default_rng([seed, index, view_number])
                picture, truth = _view(item, pixels, rng, whole=not training or view_number == 0)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                image, view = prepare(frame, core.spec.input_width, core.spec.input_height)
                rate = str(rng.choice(RATES, p=[RATE_SHARES[r] for r in RATES])) if training else "default"
                symbols = core.spec.quantise(encoder.latent(image), rate)
                writer.add(
                    symbols,
                    rate,
                    view,
                    source=item.still.name,
                    frame=view_number,
                    truth=truth,
                    split=item.split,
                )
                if writer.records % 50 == 0 or writer.records == total:
                    print(f"\rfeatures {writer.records}/{total}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return writer.records


def _view(
    item: Labelled, pixels: NDArray[np.uint8], rng: np.random.Generator, *, whole: bool
) -> tuple[NDArray[np.uint8], FrameTruth]:
    """Return a picture and its truth: the whole one, or a mirrored, zoomed (1 to 2.3) and recoloured part."""
    still = item.still
    if whole:
        labels = item.roles if still.people is not None else ()
        return np.ascontiguousarray(pixels), FrameTruth(still.people, labels, still.balls)
    height, width = pixels.shape[:2]
    # Half of the views are nearly whole: that is the size at which people will be seen.
    zoom = float(np.exp(rng.uniform(0.0, np.log(1.15 if rng.random() < 0.5 else 2.3))))
    crop_w, crop_h = int(width / zoom), int(height / zoom)
    anchor = rng.random(2) * (width, height)
    if still.balls is not None and len(still.balls) and rng.random() < 0.5:
        anchor = still.balls[rng.integers(len(still.balls))]
    left = int(np.clip(anchor[0] - crop_w * rng.random(), 0, width - crop_w))
    top = int(np.clip(anchor[1] - crop_h * rng.random(), 0, height - crop_h))
    part = pixels[top : top + crop_h, left : left + crop_w]
    flip = bool(rng.random() < 0.5)
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.93, 1.07, 3)
    curve = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
    part = np.stack([curve[part[..., channel], channel] for channel in range(3)], 2)
    if flip:
        part = part[:, ::-1]

    def mapped(points: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = points - np.array([left, top], np.float32)
        return np.stack([crop_w - moved[:, 0], moved[:, 1]], 1) if flip else moved

    boxes = balls = None
    kept_labels: tuple[str | None, ...] = ()
    if still.people is not None:
        a, b = mapped(still.people[:, :2]), mapped(still.people[:, 2:])
        full = np.concatenate([np.minimum(a, b), np.maximum(a, b)], 1)
        boxes = np.clip(full, 0, [crop_w, crop_h, crop_w, crop_h]).astype(np.float32)
        # Labels follow the visible part of a person; one who is cut by most of the body is left out.
        kept = _area(boxes) > 0.4 * _area(full)
        boxes = boxes[kept]
        kept_labels = tuple(role for role, keep in zip(item.roles, kept, strict=True) if keep)
    if still.balls is not None:
        at = mapped(still.balls)
        balls = at[((at >= 0) & (at < [crop_w, crop_h])).all(1)].astype(np.float32)
    return np.ascontiguousarray(part), FrameTruth(boxes, kept_labels, balls)


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(1))


assert set(_YOLO_ROLES.values()) == set(ROLES)
