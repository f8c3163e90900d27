"""YOLO text: FOLDER/images/NAME.jpg and FOLDER/labels/NAME.txt with lines `class cx cy w h`, relative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from evaluation.datasets.splits import Membership
from evaluation.datasets.stills import picture_size, stills
from evaluation.datasets.textfiles import lines, numbers, text
from evaluation.datasets.types import (
    Clip,
    Dataset,
    DatasetError,
    Frame,
    NothingOfSplit,
    Thing,
    checked_box,
)

__all__ = ["read_yolo"]

_ROW = "a line `class cx cy w h`, places and sizes from 0 to 1"
_SLACK = 1e-3


def read_yolo(
    folder: Path, labels: Sequence[str] = (), pictures: Path | None = None, split: str | None = None
) -> Dataset:
    """Return the stills of a folder, a clip for each group of splits.csv where there is one.

    `labels`: names of the classes; else `data.yaml` or `classes.txt` beside them. `split`: only stills of
    this split of the splits.csv in a folder above. A still without a label file has nothing in it. Raises
    DatasetError.
    """
    names = tuple(labels) or _names(folder)
    pictures = pictures or folder / "images"
    membership = Membership.of(folder)
    if split is not None and membership is None:
        raise DatasetError.at(folder, None, "a splits.csv in a folder above it for --split", "none")
    clips: dict[str, list[Frame]] = {}
    for picture in stills(pictures):
        group, member_of = membership.of_file(picture) if membership else ("", "")
        if split is not None and member_of != split:
            continue
        clips.setdefault(group or folder.name, []).append(_frame(picture, folder / "labels", names))
    if not clips:
        raise NothingOfSplit.at(folder, None, f"stills of the split {split}", "none")
    return Dataset(
        folder.name,
        tuple(Clip(name, tuple(frames), pictures) for name, frames in sorted(clips.items())),
        names,
    )


def _names(folder: Path) -> tuple[str, ...]:
    if (folder / "data.yaml").is_file():
        try:
            found = yaml.safe_load(text(folder / "data.yaml", "YAML"))["names"]
        except (yaml.YAMLError, KeyError, TypeError):
            raise DatasetError.at(folder / "data.yaml", None, "names of the classes", "none") from None
        return tuple(map(str, found.values() if isinstance(found, Mapping) else found))
    if (folder / "classes.txt").is_file():
        return tuple(name for _, name in lines(folder / "classes.txt", "a name on each line"))
    raise DatasetError.at(
        folder, None, "names of the classes: --labels, data.yaml or classes.txt", "none of them"
    )


def _frame(picture: Path, labels: Path, names: tuple[str, ...]) -> Frame:
    width, height = picture_size(picture)
    file = labels / f"{picture.stem}.txt"
    things = []
    for line, content in lines(file, "labels") if file.exists() else ():
        fields = content.split()
        if len(fields) != 5:
            raise DatasetError.at(file, line, _ROW, content)
        number, cx, cy, w, h = numbers(fields, file, line, _ROW)
        if number not in range(len(names)):
            raise DatasetError.at(file, line, f"a class from 0 to {len(names) - 1}", content)
        if not all(-_SLACK <= value <= 1 + _SLACK for value in (cx, cy, w, h)):
            raise DatasetError.at(file, line, _ROW, content)
        box = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
        things.append(Thing(names[int(number)], checked_box(box, file, line)))
    return Frame(picture.stem, width, height, tuple(things), file=picture.name)
