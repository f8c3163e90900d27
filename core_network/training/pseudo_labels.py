"""People that two teachers agree on, in pictures of the train split that label none.

    python -m core_network.training.pseudo_labels --out runs/pseudo_labelled

Somebody whom both find, with his feet on the playing surface, is a person. Whom one alone finds there is
doubtful: he trains nothing. Who stands elsewhere is no player. Volleyball is left out: its people test
what the features know of a sport whose people they never saw (docs/evaluation.md).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_network.dataroot import data_root
from core_network.motion import EARLIER
from core_network.training.detection import box_iou
from core_network.training.stills import (
    Still,
    encoded,
    kept_picture,
    load_badminton,
    load_point_stills,
    read_splits,
)
from core_network.training.teachers import PICODET, YOLOX, PicoDet, TiledTeacher, YoloxNano

__all__ = ["agreed_people", "on_surface", "playing_surface"]

_BADMINTON_EVERY, _TENNIS_EVERY = 48, 12
_SURE, _DOUBTFUL, _SAME_IOU, _PART = 0.4, 0.25, 0.5, 0.7
_GRID = 8
"""Pixels of a picture per cell of the surface's mask."""
_NEAR = 36.0
"""How far from the middle colour the surface goes, in RGB levels of equal brightness."""
_LEAST_SURFACE = 0.12
_REACH_PX = 12

Boxes = NDArray[np.float64]


def playing_surface(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where the court or pitch is, [ceil(h/8), ceil(w/8)], of RGB [h, w, 3].

    It is what has the commonest colour of the picture's middle; each row of it is filled between its ends, as
    players and lines hide parts. Nothing is true when there is no such surface.
    """
    height, width = pixels.shape[:2]
    size = (-(-width // _GRID), -(-height // _GRID))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), np.float64)
    grey = small.mean(2, keepdims=True)
    # Shadow and light change brightness more than hue.
    colour = np.concatenate([small / np.maximum(grey, 16) * 96, grey * 0.35], 2)
    rows, columns = small.shape[:2]
    middle = colour[rows * 2 // 5 : rows * 9 // 10, columns // 5 : columns * 4 // 5].reshape(-1, 4)
    bins, counts = np.unique((middle // 12).astype(int), axis=0, return_counts=True)
    commonest = (middle // 12 == bins[counts.argmax()]).all(1)
    near = np.linalg.norm(colour - middle[commonest].mean(0), axis=2) < _NEAR
    if near.mean() < _LEAST_SURFACE:
        return np.zeros(near.shape, bool)
    mask = np.zeros(near.shape, bool)
    for row in range(rows):
        at = np.flatnonzero(near[row])
        if len(at) > columns * 0.15:
            left, right = np.quantile(at, (0.02, 0.98)).astype(int)
            mask[row, left : right + 1] = True
    return mask


def on_surface(boxes: Boxes, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return [n] whether the feet of boxes [n, 4] are on the mask of `playing_surface` or beside it."""
    reach = _REACH_PX // _GRID + 1
    kept = np.zeros(len(boxes), bool)
    for index, (x0, _, x1, y1) in enumerate(boxes[:, :4] / _GRID):
        row, column = int(y1), int((x0 + x1) / 2)
        kept[index] = mask[
            max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
        ].any()
    return kept


def agreed_people(first: Boxes, second: Boxes) -> tuple[Boxes, Boxes]:
    """Return the people whom both found, [n, 4], and whom one alone, [k, 4], of boxes and scores [., 5]."""
    first, second = (found[found[:, 4] >= _DOUBTFUL] for found in (first, second))
    overlaps = box_iou(first[:, :4], second[:, :4])
    sure: list[Boxes] = []
    alone: list[Boxes] = []
    taken = np.zeros(len(second), bool)
    for index in range(len(first)):
        candidates = np.where(taken, 0.0, overlaps[index])
        best = int(candidates.argmax()) if len(second) else -1
        if best >= 0 and candidates[best] >= _SAME_IOU:
            taken[best] = True
            pair = np.stack([first[index], second[best]])
            (sure if pair[:, 4].max() >= _SURE else alone).append(pair[:, :4].mean(0))
        else:
            alone.append(first[index, :4])
    alone += list(second[~taken, :4])
    return _without_parts(np.array(sure).reshape(-1, 4)), _person_shaped(np.array(alone).reshape(-1, 4))


def _without_parts(boxes: Boxes) -> Boxes:
    """Leave out boxes that lie mostly in a larger one: a person's upper half, as a tile's edge cut it."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    corner = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.clip(np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - corner, 0, None).prod(2)
    inside = (shared > _PART * area[:, None]) & (area[:, None] < area[None])
    return np.asarray(boxes[~inside.any(1)])


def _person_shaped(boxes: Boxes) -> Boxes:
    """Leave out what nobody looks like: half a court would otherwise train nothing."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(boxes[size[:, 0] < 1.5 * size[:, 1]])


def _tennis_clips(root: Path) -> Iterator[Still]:
    """Yield frames of the train clips, with the frames before; their ball is not labelled."""
    for name, split in sorted(read_splits(root).items()):
        if split != "train" or not name.startswith("video/tennis_artlabss/"):
            continue
        recent: list[bytes] = []
        with av.open(str(root / name)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % _TENNIS_EVERY > EARLIER:
                    continue
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                recent = [encoded(kept_picture(picture)), *recent][: EARLIER + 1]
                if index % _TENNIS_EVERY == EARLIER:
                    yield Still(f"{Path(name).stem}:{index}", recent[0], None, None, tuple(recent[1:]))


def _unlabelled(root: Path) -> list[Still]:
    """Return pictures of the train split whose people nobody labelled."""
    return [
        *load_badminton(root, every=_BADMINTON_EVERY),
        *load_point_stills(root, "tennis_ball_yolo"),
        *_tennis_clips(root),
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and labels.jsonl")
    out = parser.parse_args().out
    root = data_root()
    if root is None:
        parser.error("expected the folder that holds splits.csv; set FEATURECAST_DATA")
    out.mkdir(parents=True, exist_ok=True)
    teachers = TiledTeacher(PicoDet(root / PICODET)), TiledTeacher(YoloxNano(root / YOLOX))
    stills, rows, people = _unlabelled(root), [], 0
    for number, still in enumerate(stills, 1):
        pixels = still.pixels()
        mask = playing_surface(pixels)
        if mask.any():
            found = [teacher.people(Image.fromarray(pixels)) for teacher in teachers]
            sure, doubtful = (boxes[on_surface(boxes, mask)] for boxes in agreed_people(*found))
            names = [f"{number:04d}{part}.jpg" for part in ("", "-1", "-2")[: 1 + len(still.earlier)]]
            picture = still.picture if isinstance(still.picture, bytes) else encoded(still.picture)
            for name, content in zip(names, (picture, *still.earlier), strict=True):
                (out / name).write_bytes(content)
            rows.append(
                {
                    "file": names[0],
                    "earlier": names[1:],
                    "of": still.name,
                    "people": sure.round(1).tolist(),
                    "doubtful": doubtful.round(1).tolist(),
                    "balls": None if still.balls is None else still.balls.round(1).tolist(),
                }
            )
            people += len(sure)
        if number % 10 == 0 or number == len(stills):
            print(
                f"pseudo labels {number}/{len(stills)}: {people} people in {len(rows)} pictures",
                file=sys.stderr,
                flush=True,
            )
    temporary = out / "labels.tmp"
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(temporary, out / "labels.jsonl")


if __name__ == "__main__":
    _main()
