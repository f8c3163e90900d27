"""The common type of every dataset: clips of frames, and the things that are seen in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = [
    "Clip",
    "Dataset",
    "DatasetError",
    "Frame",
    "NothingOfSplit",
    "Rect",
    "Spot",
    "Thing",
    "checked_box",
    "only",
    "relabelled",
]

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in px of the source picture."""


class DatasetError(ValueError):
    """A file of a dataset or of predictions is not what it should be; one line says where and what."""

    @classmethod
    def at(cls, path: Path, line: int | None, expected: str, got: object) -> DatasetError:
        """Return the error of one line of a file; `line` counts from 1, None is the file as a whole."""
        place = f"{path}" if line is None else f"{path}, line {line}"
        shown = repr(got) if isinstance(got, str) else str(got)
        return cls(f"{place}: expected {expected}, got {shown if len(shown) <= 120 else shown[:117] + '...'}")


class NothingOfSplit(DatasetError):
    """The dataset is sound, but has nothing of the split that was asked for."""


@dataclass(frozen=True)
class Thing:
    """A labelled object. `track` is its id in the clip; `ignore`: found or not, it does not count."""

    label: str
    box: Rect
    track: int | None = None
    ignore: bool = False


@dataclass(frozen=True)
class Spot:
    """A labelled place x, y in px of the source picture."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Frame:
    """One picture and its truth.

    `name` is unique in its clip, and the stem of its predictions' file. `width`, `height`: px, 0 where the
    dataset does not say and has no picture. `index`: its number in a video, from 0. `file`: a still's file
    name inside the clip's folder. `labelled` is False for pictures between those with truth.
    """

    name: str
    width: int = 0
    height: int = 0
    things: tuple[Thing, ...] = ()
    spots: tuple[Spot, ...] = ()
    index: int = 0
    file: str = ""
    labelled: bool = True


@dataclass(frozen=True)
class Clip:
    """Frames in order. `pictures`: a folder of stills, a video file or a raw .yuv; None without pictures.

    `continuous`: the frames follow each other in time. `outside(frame, box)` tells whether a prediction lies
    where nothing was labelled and therefore does not count.
    """

    name: str
    frames: tuple[Frame, ...]
    pictures: Path | None = None
    continuous: bool = False
    outside: Callable[[Frame, Rect], bool] | None = None


@dataclass(frozen=True)
class Dataset:
    """Clips, and the labels that their things may have, in the dataset's own order."""

    name: str
    clips: tuple[Clip, ...]
    labels: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Number of labelled frames."""
        return sum(len(clip.frames) for clip in self.clips)


def checked_box(values: Iterable[float], path: Path, line: int | None) -> Rect:
    """Return a box as floats; raises DatasetError unless it is finite with x0 < x1 and y0 < y1."""
    x0, y0, x1, y1 = (float(value) for value in values)
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 <= x0 or y1 <= y0:
        raise DatasetError.at(path, line, "a box with x0 < x1 and y0 < y1", (x0, y0, x1, y1))
    return x0, y0, x1, y1


def only(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """Return the dataset with things of these labels alone; raises DatasetError for one that it has not."""
    unknown = [label for label in labels if label not in dataset.labels]
    if unknown:
        known = ", ".join(dataset.labels)
        raise DatasetError(f"{dataset.name}: expected labels among {known}, got {unknown[0]}")
    clips = tuple(
        replace(
            clip,
            frames=tuple(
                replace(frame, things=tuple(thing for thing in frame.things if thing.label in labels))
                for frame in clip.frames
            ),
        )
        for clip in dataset.clips
    )
    return replace(dataset, clips=clips, labels=tuple(labels))


def relabelled(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """Return the dataset with labels renamed, so that several may become one; others keep their name.

    Raises DatasetError when a name to change is no label of the dataset.
    """
    unknown = [name for name in names if name not in dataset.labels]
    if unknown:
        raise DatasetError(
            f"{dataset.name}: expected labels among {', '.join(dataset.labels)}, got {unknown[0]}"
        )
    clips = tuple(
        replace(
            clip,
            frames=tuple(
                replace(
                    frame,
                    things=tuple(
                        replace(thing, label=names.get(thing.label, thing.label)) for thing in frame.things
                    ),
                )
                for frame in clip.frames
            ),
        )
        for clip in dataset.clips
    )
    labels = tuple(dict.fromkeys(names.get(label, label) for label in dataset.labels))
    return replace(dataset, clips=clips, labels=labels)
