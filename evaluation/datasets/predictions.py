"""Predictions on disk: one text file per frame, one line `label x1 y1 x2 y2 score` per detection.

    FOLDER/<clip>/<frame>.txt      px of the source picture; an empty file says that nothing was found

A label may contain blanks: the last five fields are the numbers. The 5G-MAG framework writes the same lines
with coordinates from 0 to 1; `normalised` reads those.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.datasets.textfiles import lines
from evaluation.datasets.types import Dataset, DatasetError, Rect

__all__ = [
    "Prediction",
    "Predictions",
    "checked",
    "load_predictions",
    "read_predictions",
    "relabel",
    "write_predictions",
]

_LINE = "a line `label x1 y1 x2 y2 score`"


@dataclass(frozen=True)
class Prediction:
    """A detection: label, box in px of the source picture, score."""

    label: str
    box: Rect
    score: float


Predictions = Mapping[tuple[str, str], list[Prediction]]
"""Predictions of every labelled frame, by the names of its clip and of itself."""


def write_predictions(folder: Path, clip: str, frame: str, predictions: Iterable[Prediction]) -> None:
    """Write one frame's file, making folders as needed; a reader never sees half of it.

    Raises ValueError for a label of no or several lines, and for numbers that are not finite.
    """
    rows = []
    for found in predictions:
        values = (*found.box, found.score)
        if (
            not found.label.strip()
            or len(found.label.splitlines()) != 1
            or not all(map(math.isfinite, values))
        ):
            raise ValueError(f"{clip}/{frame}: expected a label and five finite numbers, got {found}")
        rows.append(f"{found.label} {' '.join(f'{value:.9g}' for value in values)}\n")
    path = _path(folder, clip, frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text("".join(rows), encoding="utf-8")
    os.replace(unfinished, path)


def read_predictions(path: Path) -> list[Prediction]:
    """Return one file's predictions; raises DatasetError with file and line."""
    found = []
    for line, content in lines(path, "a file of predictions; run `featurecast evaluate infer` first"):
        fields = content.rsplit(None, 5)
        try:
            x0, y0, x1, y1, score = map(float, fields[1:])
        except ValueError:
            raise DatasetError.at(path, line, _LINE, content) from None
        if not all(map(math.isfinite, (x0, y0, x1, y1, score))):
            raise DatasetError.at(path, line, "finite coordinates and score", content)
        if x1 < x0 or y1 < y0:
            raise DatasetError.at(path, line, "x1 <= x2 and y1 <= y2", content)
        found.append(Prediction(fields[0], (x0, y0, x1, y1), score))
    return found


def checked(predictions: Sequence[Prediction], place: str) -> Sequence[Prediction]:
    """Return predictions as they are; raises DatasetError naming `place` for a box or score that is none."""
    for found in predictions:
        x0, y0, x1, y1 = found.box
        if not all(map(math.isfinite, (*found.box, found.score))) or x1 < x0 or y1 < y0:
            raise DatasetError(
                f"{place}: expected finite numbers with x1 <= x2 and y1 <= y2, got box {found.box}, "
                f"score {found.score}"
            )
    return predictions


def load_predictions(
    folder: Path, dataset: Dataset, *, normalised: bool = False, renamed: Mapping[str, str] | None = None
) -> dict[tuple[str, str], list[Prediction]]:
    """Return the predictions of every frame of a dataset.

    `normalised`: coordinates are from 0 to 1. `renamed`: labels that will be renamed, and to what. Raises
    DatasetError when a frame has no file, when a clip's folder has files of frames that the dataset does not
    have, and when no label at all is the dataset's.
    """
    if not folder.is_dir():
        raise DatasetError.at(folder, None, "a folder of predictions", "no such folder")
    loaded: dict[tuple[str, str], list[Prediction]] = {}
    for clip in dataset.clips:
        names = {frame.name for frame in clip.frames}
        present = {path.stem for path in (folder / clip.name).glob("*.txt")}
        if names != present:
            raise DatasetError(_mismatch(folder / clip.name, names, present))
        for frame in clip.frames:
            found = read_predictions(_path(folder, clip.name, frame.name))
            if normalised:
                size = (frame.width, frame.height)
                if 0 in size:
                    raise DatasetError(f"{clip.name}/{frame.name}: the size of the picture is not known")
                found = [replace(one, box=_scaled(one.box, *size)) for one in found]
            loaded[clip.name, frame.name] = found
    labels = {one.label for found in loaded.values() for one in found}
    if labels and not {(renamed or {}).get(label, label) for label in labels} & set(dataset.labels):
        raise DatasetError(
            f"{folder}: none of the predicted labels ({', '.join(sorted(labels)[:5])}) is one of "
            f"{dataset.name}'s ({', '.join(dataset.labels[:8])}); rename them with --as"
        )
    return loaded


def relabel(predictions: Predictions, names: Mapping[str, str]) -> dict[tuple[str, str], list[Prediction]]:
    """Return the predictions with labels renamed; others keep their name."""
    return {
        key: [replace(one, label=names.get(one.label, one.label)) for one in found]
        for key, found in predictions.items()
    }


def _path(folder: Path, clip: str, frame: str) -> Path:
    return folder / clip / f"{frame}.txt"


def _scaled(box: Rect, width: int, height: int) -> Rect:
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _mismatch(folder: Path, names: set[str], present: set[str]) -> str:
    missing, more = sorted(names - present), sorted(present - names)
    what = f"no file for {missing[0]!r}" if missing else f"{more[0]!r} that is no frame of the dataset"
    return f"{folder}: expected one file for each of {len(names)} frames, got {len(present)} files, {what}"
