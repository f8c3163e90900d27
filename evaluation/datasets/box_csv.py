"""Boxes as CSV: RetinaNet's `path,x1,y1,x2,y2,label` and AVA's `video,second,x1,y1,x2,y2,action,person`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.datasets.stills import frame_name, picture_size
from evaluation.datasets.textfiles import csv_rows, number, numbers
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing, checked_box
from evaluation.datasets.videos import find_video, video_shape

__all__ = ["read_ava", "read_retinanet_csv"]

_RETINANET = "a row path,x1,y1,x2,y2,label, or path,,,,, for a picture with nothing in it"
_AVA = "a row video,second,x1,y1,x2,y2,action,person with places from 0 to 1"


def read_retinanet_csv(path: Path, pictures: Path | None = None) -> Dataset:
    """Return one clip of stills; a relative path begins at the folder of pictures, else at the file's.

    Sizes are read from the pictures where they exist. Raises DatasetError.
    """
    folder = pictures or path.parent
    things: dict[str, list[Thing]] = {}
    for line, row in csv_rows(path, "a table of boxes"):
        if len(row) != 6 or not row[0]:
            raise DatasetError.at(path, line, _RETINANET, ",".join(row))
        found = things.setdefault(row[0], [])
        if any(row[1:]):
            if not row[5]:
                raise DatasetError.at(path, line, _RETINANET, ",".join(row))
            found.append(Thing(row[5], checked_box(numbers(row[1:5], path, line, _RETINANET), path, line)))
    if not things:
        raise DatasetError.at(path, None, _RETINANET, "an empty file")
    frames = []
    for index, (file, found) in enumerate(things.items()):
        size = picture_size(folder / file) if (folder / file).exists() else (0, 0)
        frames.append(Frame(frame_name(file), *size, tuple(found), index=index, file=file))
    labels = sorted({thing.label for found in things.values() for thing in found})
    return Dataset(path.stem, (Clip(path.stem, tuple(frames), folder),), tuple(labels))


def read_ava(path: Path, labels: Sequence[str] = (), pictures: Path | None = None) -> Dataset:
    """Return a clip for each video with a frame for each labelled second; a person's id is the track.

    `labels`: names of the actions from number 1 on; else their numbers. Places become px of `VIDEO.*` in the
    folder of pictures; without it they stay 0..1 of a picture of 1x1. Raises DatasetError.
    """
    clips: dict[str, dict[float, list[Thing]]] = {}
    numbers_seen: set[int] = set()
    for line, row in csv_rows(path, "a table of actions"):
        if len(row) not in (7, 8):
            raise DatasetError.at(path, line, _AVA, ",".join(row))
        second = number(row[1], path, line, _AVA)
        box = checked_box(numbers(row[2:6], path, line, _AVA), path, line)
        if not all(0 <= value <= 1 for value in box):
            raise DatasetError.at(path, line, _AVA, ",".join(row))
        action = int(number(row[6], path, line, _AVA))
        if labels and not 1 <= action <= len(labels):
            raise DatasetError.at(path, line, f"an action from 1 to {len(labels)}", row[6])
        numbers_seen.add(action)
        person = int(number(row[7], path, line, _AVA)) if len(row) == 8 else None
        name = labels[action - 1] if labels else str(action)
        clips.setdefault(row[0], {}).setdefault(second, []).append(Thing(name, box, person))
    if not clips:
        raise DatasetError.at(path, None, _AVA, "an empty file")
    known = tuple(labels) or tuple(map(str, sorted(numbers_seen)))
    return Dataset(path.stem, tuple(_ava_clip(*item, pictures) for item in clips.items()), known)


def _ava_clip(name: str, seconds: dict[float, list[Thing]], pictures: Path | None) -> Clip:
    video = find_video(pictures, name) if pictures else None
    width, height, fps = video_shape(video) if video else (1, 1, 1.0)
    frames = tuple(
        Frame(
            f"{second:g}",
            width,
            height,
            tuple(
                Thing(thing.label, (x0 * width, y0 * height, x1 * width, y1 * height), thing.track)
                for thing in things
                for x0, y0, x1, y1 in [thing.box]
            ),
            index=round(second * fps),
        )
        for second, things in sorted(seconds.items())
    )
    return Clip(name, frames, video, continuous=video is not None)
