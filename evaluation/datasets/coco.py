"""COCO JSON: `images`, `annotations` with boxes x, y, width, height, and `categories`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.datasets.stills import frame_name
from evaluation.datasets.textfiles import read_json
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing, checked_box

__all__ = ["coco_frames", "read_coco"]

_TABLES = ("images", "annotations", "categories")


def read_coco(path: Path, pictures: Path | None = None) -> Dataset:
    """Return the dataset of one JSON file as one clip; crowds count as ignored.

    Raises DatasetError; ids must be unique and must exist where they are referred to.
    """
    frames, labels = coco_frames(path)
    clip = Clip(path.stem, tuple(frames), pictures)
    return Dataset(path.stem, (clip,), tuple(labels.values()))


def coco_frames(path: Path) -> tuple[list[Frame], dict[Any, str]]:
    """Return the frames of a COCO JSON file and its labels by category id; raises DatasetError."""
    document = read_json(path, "a COCO JSON file")
    if not isinstance(document, dict) or not all(isinstance(document.get(name), list) for name in _TABLES):
        raise DatasetError.at(path, None, f"lists {', '.join(_TABLES)}", "a document without them")
    labels = {
        _field(path, "category", entry, "id"): str(_field(path, "category", entry, "name"))
        for entry in _unique(path, "category", document["categories"])
    }
    images = {
        _field(path, "image", entry, "id"): entry for entry in _unique(path, "image", document["images"])
    }
    things: dict[Any, list[Thing]] = {identity: [] for identity in images}
    for entry in _unique(path, "annotation", document["annotations"]):
        image, category = (_field(path, "annotation", entry, name) for name in ("image_id", "category_id"))
        if image not in images:
            raise DatasetError.at(path, None, "annotations of listed images", f"image_id {image}")
        if category not in labels:
            raise DatasetError.at(path, None, "annotations of listed categories", f"category_id {category}")
        things[image].append(
            Thing(
                labels[category],
                _box(path, entry),
                track=entry.get("track_id"),
                ignore=bool(entry.get("iscrowd", 0) or entry.get("ignore", 0)),
            )
        )
    frames = []
    for index, (identity, entry) in enumerate(images.items()):
        file = str(_field(path, "image", entry, "file_name"))
        width, height = (int(_field(path, "image", entry, side)) for side in ("width", "height"))
        frames.append(Frame(frame_name(file), width, height, tuple(things[identity]), index=index, file=file))
    names = [frame.name for frame in frames]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError.at(path, None, "one image for each file name", f"{twice!r} twice")
    return frames, labels


def _field(path: Path, kind: str, entry: Mapping[str, Any], name: str) -> Any:
    if name not in entry:
        raise DatasetError.at(path, None, f"each {kind} to have {name}", entry)
    return entry[name]


def _unique(path: Path, kind: str, entries: list[Any]) -> list[Mapping[str, Any]]:
    seen: set[Any] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            raise DatasetError.at(path, None, f"each {kind} to be an object", entry)
        identity = _field(path, kind, entry, "id")
        if identity in seen:
            raise DatasetError.at(path, None, f"{kind} ids that differ", f"id {identity} twice")
        seen.add(identity)
    return entries


def _box(path: Path, entry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    box = _field(path, "annotation", entry, "bbox")
    try:
        x, y, width, height = map(float, box)
    except (TypeError, ValueError):
        raise DatasetError.at(
            path, None, f"annotation {entry['id']} to have bbox x, y, width, height", box
        ) from None
    return checked_box((x, y, x + width, y + height), path, None)
