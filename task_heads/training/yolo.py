"""Labelled stills of anybody's own: a folder of pictures, and a YOLO text file for each.

    images/a.jpg    labels/a.txt    one line per thing: class cx cy w h (0..1 of the picture)

A `splits.csv` (columns file, split; files relative to its folder) in one of the folders above says which
picture is for training, for choosing (`validation`) and for the last measurement (`report`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core_network.training.stills import Still, read_splits
from task_heads.dataset import DatasetError
from task_heads.training.pictures import Labelled

__all__ = ["BALL", "labelled_folder"]

BALL = "ball"
"""The class of this name becomes points, because balls are found by their centre; all others are boxes."""

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def labelled_folder(
    images: Path, labels: Path, classes: Sequence[str], split: str | None = None
) -> list[Labelled]:
    """Return the pictures that have a label file, those of one split when `split` is given.

    `classes` are the names in the order of the class numbers. Raises DatasetError, one line, on a malformed
    label, a picture that cannot be read, or when nothing is left.
    """
    table = _splits_above(images)
    if split is not None and not table:
        raise DatasetError(f"{images}: expected a splits.csv in one of the folders above, because of --split")
    found = []
    for path in sorted(images.iterdir()):
        text = labels / f"{path.stem}.txt"
        own = table.get(path.resolve(), "")
        if path.suffix.lower() not in _PICTURES or not text.is_file() or (split is not None and own != split):
            continue
        found.append(_labelled(path, text, classes, own))
    if not found:
        of = f" of the split {split}" if split else ""
        raise DatasetError(f"{images}: found no picture{of} with a label file in {labels}")
    return found


def _splits_above(images: Path) -> dict[Path, str]:
    for folder in images.resolve().parents:
        if (folder / "splits.csv").is_file():
            return {folder / name: split for name, split in read_splits(folder).items()}
    return {}


def _labelled(path: Path, text: Path, classes: Sequence[str], split: str) -> Labelled:
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            size = np.array(picture.size, np.float32)
    except (UnidentifiedImageError, OSError) as error:
        raise DatasetError(f"{path}: expected a picture, got {error}") from None
    rows, names = _rows(text, classes)
    centre, half = rows[:, :2] * size, rows[:, 2:] * size / 2
    ball = np.array([name == BALL for name in names], bool)
    boxes = np.concatenate([centre - half, centre + half], 1)[~ball]
    still = Still(path.name, content, boxes, centre[ball] if BALL in classes else None)
    return Labelled(still, tuple(name for name in names if name != BALL), split)


def _rows(text: Path, classes: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
    """Return cx cy w h [n, 4] and the class names of a label file."""
    rows: list[list[float]] = []
    names: list[str] = []
    for number, line in enumerate(text.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            label, *values = (float(value) for value in line.split())
            if len(values) != 4 or not all(map(math.isfinite, values)):
                raise ValueError
            if label < 0:
                raise IndexError
            names.append(classes[int(label)])
        except IndexError:
            raise DatasetError(
                f"{text}:{number}: expected a class from 0 to {len(classes) - 1} ({', '.join(classes)}), got "
                f"{line.split()[0]}; name all of them with --classes"
            ) from None
        except ValueError:
            raise DatasetError(f"{text}:{number}: expected 'class cx cy w h', got {line!r}") from None
        rows.append(values)
    return np.array(rows, np.float32).reshape(-1, 4), names
