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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import View, prepare
from core_network.spec import RATES, FeatureSpec
from core_network.training.augment import PAN_SHARE, made_past
from core_network.training.kits import with_other_kits
from core_network.training.pasting import with_copies
from core_network.training.stills import Still, load_badminton, load_football, load_point_stills, read_splits
from task_heads.dataset import ROLES, DatasetWriter, FrameTruth

__all__ = [
    "Labelled",
    "Views",
    "kit_colours",
    "labelled_football",
    "labelled_procedural",
    "write_pictures",
    "write_views",
]

RATE_SHARES = {"lossless": 0.15, "high": 0.15, "default": 0.5, "low": 0.2}
"""How often each rate is seen: heads must work at all of them."""

COPIED_SHARE = 0.5
"""Of the views of football and tennis stills, but for the first, how many show copies of people and balls."""

RECOLOURED_SHARE = 0.5
"""Of the views of labelled people, but for the first, how many show them in other kits."""

_YOLO_ROLES = {1: "goalkeeper", 2: "player", 3: "referee"}


@dataclass(frozen=True)
class Labelled:
    """A still with the roles of its people, in the order of `still.people`.

    `copied` where half of its views may show copies of its people and balls.
    """

    still: Still
    roles: tuple[str | None, ...]
    split: str
    copied: bool = False

    def with_copies(self, rng: np.random.Generator) -> Labelled:
        """Return the still with copies of people, each in the role of its original, and of balls."""
        still, originals = with_copies(self.still, rng)
        return replace(self, still=still, roles=tuple(self.roles[at] for at in originals))


@dataclass(frozen=True)
class Views:
    """How many views of each still of a source are taken; the first is the whole picture as it is."""

    football: int = 20
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
        labelled.append(Labelled(still, tuple(roles), split, copied=True))
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
            picture, *earlier = (
                (folder / name).read_bytes() for name in [row["file"], *row.get("earlier", [])]
            )
            still = Still(row["file"], picture, boxes, balls, tuple(earlier))
            labelled.append(Labelled(still, tuple(p["role"] for p in people), "train"))
    return labelled


def _sources(
    root: Path, procedural: Path | None, splits: Sequence[str], views: Views
) -> Iterator[tuple[Labelled, int]]:
    yield from ((item, views.football) for item in labelled_football(root, splits))
    if procedural is not None and views.procedural:
        yield from ((item, views.procedural) for item in labelled_procedural(procedural))
    # Volleyballs are too large to be copied, and badminton comes with its past.
    balls_alone: list[tuple[int, bool, Callable[[], list[Still]]]] = [
        (views.tennis, True, partial(load_point_stills, root, "tennis_ball_yolo", splits)),
        (
            views.volleyball,
            False,
            partial(load_point_stills, root, "volleyball_ball_yolo", splits, aspect=16 / 9),
        ),
        (views.badminton, False, partial(load_badminton, root, splits)),
    ]
    for count, copied, load in balls_alone:
        if count:
            yield from ((Labelled(still, (), "+".join(splits), copied), count) for still in load())


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
    sources = list(_sources(root, procedural, splits, views))
    with DatasetWriter(folder, core.spec) as writer:
        whole_at = None if "train" in splits else "default"
        return write_views(writer, core, sources, seed=seed, whole_at=whole_at, threads=threads)


def write_views(
    writer: DatasetWriter,
    core: Core,
    sources: Sequence[tuple[Labelled, int]],
    *,
    seed: int,
    whole_at: str | None = None,
    threads: int = 1,
) -> int:
    """Add so many views of each labelled picture to a dataset and return the number of its records.

    The first view of a picture is the whole of it, the others differ, and rates are drawn by RATE_SHARES;
    with `whole_at` every view is the whole picture at that rate. Progress goes to stderr.
    """
    encoder, spec = Encoder(core, threads), core.spec
    total = sum(count for _, count in sources)
    for index, (original, count) in enumerate(sources):
        for view_number in range(count):
            rng = np.random.default_rng([seed, index, view_number])
            whole = whole_at is not None or view_number == 0
            item = original
            if item.copied and not whole and rng.random() < COPIED_SHARE:
                item = item.with_copies(rng)
            if not whole and rng.random() < RECOLOURED_SHARE:
                item = replace(item, still=with_other_kits(item.still, rng))
            pixels = item.still.pixels()
            past = item.still.earlier_pixels()
            if not past and not whole and rng.random() < PAN_SHARE:
                past = made_past(pixels, item.still.balls, rng)
            picture, past, truth = _view(item, pixels, past, rng, whole=whole)
            image, view = _prepared(picture, spec)
            earlier = [_prepared(before, spec)[0] for before in past]
            rate = whole_at or str(rng.choice(RATES, p=[RATE_SHARES[r] for r in RATES]))
            symbols = spec.quantise(encoder.latent_after(image, earlier), rate)
            writer.add(
                symbols, rate, view, source=item.still.name, frame=view_number, truth=truth, split=item.split
            )
            if writer.records % 50 == 0 or writer.records == total:
                print(f"\rfeatures {writer.records}/{total}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return writer.records


def _prepared(pixels: NDArray[np.uint8], spec: FeatureSpec) -> tuple[NDArray[np.uint8], View]:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return prepare(frame, spec.input_width, spec.input_height)


def _view(
    item: Labelled,
    pixels: NDArray[np.uint8],
    past: tuple[NDArray[np.uint8], ...],
    rng: np.random.Generator,
    *,
    whole: bool,
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.uint8], ...], FrameTruth]:
    """Return picture, past and truth: whole, or of a mirrored, zoomed (1 to 2.3) and recoloured part."""
    still = item.still
    if whole:
        labels = item.roles if still.people is not None else ()
        kits = kit_colours(pixels, still.people) if still.people is not None else None
        return np.ascontiguousarray(pixels), past, FrameTruth(still.people, labels, still.balls, kits)
    height, width = pixels.shape[:2]
    # Half of the views are nearly whole: that is the size at which people will be seen.
    zoom = float(np.exp(rng.uniform(0.0, np.log(1.15 if rng.random() < 0.5 else 2.3))))
    crop_w, crop_h = int(width / zoom), int(height / zoom)
    anchor = rng.random(2) * (width, height)
    if still.balls is not None and len(still.balls) and rng.random() < 0.5:
        anchor = still.balls[rng.integers(len(still.balls))]
    left = int(np.clip(anchor[0] - crop_w * rng.random(), 0, width - crop_w))
    top = int(np.clip(anchor[1] - crop_h * rng.random(), 0, height - crop_h))
    flip = bool(rng.random() < 0.5)
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.93, 1.07, 3)
    curve = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)

    def changed(whole_picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # Pillow looks colours up twice as fast as numpy does.
        box = (left, top, left + crop_w, top + crop_h)
        part = Image.fromarray(whole_picture).crop(box).point(curve.T.ravel().tolist())
        return np.array(part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else part)

    part = changed(pixels)

    def mapped(points: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = points - np.array([left, top], np.float32)
        return np.stack([crop_w - moved[:, 0], moved[:, 1]], 1) if flip else moved

    boxes = balls = kits = None
    kept_labels: tuple[str | None, ...] = ()
    if still.people is not None:
        a, b = mapped(still.people[:, :2]), mapped(still.people[:, 2:])
        full = np.concatenate([np.minimum(a, b), np.maximum(a, b)], 1)
        boxes = np.clip(full, 0, [crop_w, crop_h, crop_w, crop_h]).astype(np.float32)
        # Labels follow the visible part of a person; one who is cut by most of the body is left out.
        kept = _area(boxes) > 0.4 * _area(full)
        boxes = boxes[kept]
        kept_labels = tuple(role for role, keep in zip(item.roles, kept, strict=True) if keep)
        kits = kit_colours(part, boxes)
    if still.balls is not None:
        at = mapped(still.balls)
        balls = at[((at >= 0) & (at < [crop_w, crop_h])).all(1)].astype(np.float32)
    return part, tuple(changed(before) for before in past), FrameTruth(boxes, kept_labels, balls, kits)


def kit_colours(picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the median RGB of shirt and shorts of each person [m, 6]; boxes in px of the picture."""
    height, width = picture.shape[:2]
    colours = np.zeros((len(boxes), 6), np.uint8)
    for index, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        across, down = x1 - x0, y1 - y0
        left = min(max(int(x0 + 0.3 * across), 0), width - 1)
        right = max(min(int(x0 + 0.7 * across) + 1, width), left + 1)
        for part, (begin, end) in enumerate(((0.18, 0.45), (0.48, 0.65))):
            top = min(max(int(y0 + begin * down), 0), height - 1)
            bottom = max(min(int(y0 + end * down) + 1, height), top + 1)
            region = picture[top:bottom, left:right].reshape(-1, 3)
            colours[index, 3 * part : 3 * part + 3] = np.median(region, 0)
    return colours


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(1))


assert set(_YOLO_ROLES.values()) == set(ROLES)
