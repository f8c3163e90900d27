"""Labelled pictures: football, tennis and volleyball stills, badminton frames, procedural scenes and shots.

Every loader asks `splits.csv` for each file and takes the wanted split only; asking for `report` is an error.
Pictures are kept 1280 px wide, twice the network's input, so that zooming in shows real detail.
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_network.motion import EARLIER

__all__ = [
    "KEPT_WIDTH",
    "Still",
    "encoded",
    "kept_picture",
    "load_badminton",
    "load_football",
    "load_point_stills",
    "load_procedural",
    "load_pseudo_labelled",
    "read_splits",
]

KEPT_WIDTH = 1280
LEAST_VISIBLE = 0.25
"""People of procedural scenes who are hidden more than this are not asked for, as nobody would label them."""


@dataclass(frozen=True)
class Still:
    """One picture and what is known of it, in px of the kept picture; None means "not labelled"."""

    name: str
    picture: NDArray[np.uint8] | bytes  # RGB [h, w, 3], or an encoded JPEG
    people: NDArray[np.float32] | None  # [n, 4] x0 y0 x1 y1
    balls: NDArray[np.float32] | None  # [m, 2] x y
    earlier: tuple[bytes, ...] = ()  # the frames before, newest first, as JPEG; stills have none
    doubtful: NDArray[np.float32] | None = None  # [k, 4] x0 y0 x1 y1: somebody, or nobody
    hard: NDArray[np.float32] | None = None  # [j, 2] x y: where the network erred

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture, RGB [h, w, 3]."""
        if isinstance(self.picture, bytes):
            return _decoded(self.picture)
        return self.picture

    def earlier_pixels(self) -> tuple[NDArray[np.uint8], ...]:
        """Return the frames before, newest first, each RGB [h, w, 3]; empty for a still."""
        return tuple(_decoded(picture) for picture in self.earlier)


def _decoded(picture: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """Return RGB [h, w, 3] as JPEG."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=92)
    return target.getvalue()


def read_splits(root: Path) -> dict[str, str]:
    """Return file -> split of `splits.csv`."""
    with (root / "splits.csv").open(newline="") as file:
        return {row["file"]: row["split"] for row in csv.DictReader(file)}


def _wanted(root: Path, prefix: str, splits: Iterable[str]) -> list[Path]:
    allowed = set(splits)
    if "report" in allowed:
        raise ValueError("the report split enters no training; ask for train or validation")
    table = read_splits(root)
    return [
        root / name for name, split in sorted(table.items()) if name.startswith(prefix) and split in allowed
    ]


def kept_picture(picture: Image.Image, aspect: float | None = None) -> NDArray[np.uint8]:
    """Return the picture as RGB, KEPT_WIDTH wide; `aspect` undoes a stretched export."""
    width, height = picture.size
    kept_height = round(KEPT_WIDTH / (aspect or width / height))
    return np.asarray(
        picture.convert("RGB").resize(
            (KEPT_WIDTH, kept_height),
            Image.Resampling.BOX if width > KEPT_WIDTH * 1.4 else Image.Resampling.BICUBIC,
        )
    )


def _yolo(path: Path) -> NDArray[np.float64]:
    """Return rows class, cx, cy, w, h (0..1) of a YOLO text file; an empty file has no rows."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        values = line.split()
        if not values:
            continue
        if len(values) != 5:
            raise ValueError(f"{path}:{number}: expected 'class cx cy w h', got {line!r}")
        rows.append([float(v) for v in values])
    return np.array(rows, np.float64).reshape(-1, 5)


def load_football(root: Path, splits: Sequence[str] = ("train",)) -> list[Still]:
    """Return the football stills: players, goalkeepers and referees are people, balls are balls."""
    stills = []
    for path in _wanted(root, "images/football_players_yolo/", splits):
        picture = kept_picture(Image.open(path))
        rows = _yolo(path.parents[1] / "labels" / (path.stem + ".txt"))
        scale = np.array([picture.shape[1], picture.shape[0]], np.float64)
        centre, half = rows[:, 1:3] * scale, rows[:, 3:5] * scale / 2
        boxes = np.concatenate([centre - half, centre + half], 1).astype(np.float32)
        ball = rows[:, 0] == 0
        stills.append(Still(path.name, picture, boxes[~ball], centre[ball].astype(np.float32)))
    return stills


def load_point_stills(
    root: Path, folder: str, splits: Sequence[str] = ("train",), aspect: float | None = None
) -> list[Still]:
    """Return stills of `images/<folder>` that label the ball alone (YOLO boxes); people are not labelled."""
    stills = []
    for path in _wanted(root, f"images/{folder}/", splits):
        picture = kept_picture(Image.open(path), aspect)
        rows = _yolo(path.parents[1] / "labels" / (path.stem + ".txt"))
        scale = np.array([picture.shape[1], picture.shape[0]], np.float64)
        stills.append(Still(path.name, picture, None, (rows[:, 1:3] * scale).astype(np.float32)))
    return stills


def load_badminton(root: Path, splits: Sequence[str] = ("train",), every: int = 4) -> list[Still]:
    """Return every n-th frame of the badminton clips with its shuttle and the frames before it.

    People are not labelled.
    """
    stills = []
    for path in _wanted(root, "video/badminton_alenzenx/", splits):
        if path.suffix != ".mp4":
            continue
        with path.with_suffix(".csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        recent: deque[bytes] = deque(maxlen=EARLIER + 1)
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                at = index % every - every // 2
                if not -EARLIER <= at <= 0:
                    continue
                recent.appendleft(encoded(kept_picture(Image.fromarray(frame.to_ndarray(format="rgb24")))))
                if at or len(recent) <= EARLIER:
                    continue
                height = round(KEPT_WIDTH * frame.height / frame.width)
                ball = np.array(
                    [[float(rows[index]["x"]) * KEPT_WIDTH, float(rows[index]["y"]) * height]]
                    if rows[index]["Ball"] == "1"
                    else [],
                    np.float32,
                ).reshape(-1, 2)
                present, *past = recent
                stills.append(Still(f"{path.stem}:{index}", present, None, ball, tuple(past)))
    return stills


def load_procedural(folder: Path) -> list[Still]:
    """Return the scenes that `python -m core_network.scenes` wrote to a folder, kept as JPEG bytes.

    Rows of shots name the frames before.
    """
    stills = []
    with (folder / "truth.jsonl").open() as file:
        for line in file:
            row = json.loads(line)
            seen = [p["box"] for p in row["players"] if p["visible"] >= LEAST_VISIBLE]
            people = np.array(seen, np.float32).reshape(-1, 4)
            balls = np.array([row["ball"][:2]] if row["ball"] else [], np.float32).reshape(-1, 2)
            picture, *earlier = (
                (folder / name).read_bytes() for name in [row["file"], *row.get("earlier", [])]
            )
            stills.append(Still(row["file"], picture, people, balls, tuple(earlier)))
    return stills


def load_pseudo_labelled(folder: Path) -> list[Still]:
    """Return what `python -m core_network.training.pseudo_labels` wrote; raises ValueError without it."""
    table = folder / "labels.jsonl"
    if not table.is_file():
        raise ValueError(
            f"{table}: expected the teachers' labels, there is no such file; "
            f"python -m core_network.training.pseudo_labels --out {folder}"
        )
    stills = []
    for row in map(json.loads, table.read_text().splitlines()):
        picture, *earlier = ((folder / name).read_bytes() for name in [row["file"], *row["earlier"]])
        people, doubtful = (np.array(row[key], np.float32).reshape(-1, 4) for key in ("people", "doubtful"))
        balls = None if row["balls"] is None else np.array(row["balls"], np.float32).reshape(-1, 2)
        stills.append(Still(row["file"], picture, people, balls, tuple(earlier), doubtful))
    return stills
