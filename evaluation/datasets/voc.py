"""Pascal VOC: FOLDER/Annotations/NAME.xml and FOLDER/JPEGImages/NAME.jpg (2010 development kit)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from evaluation.datasets.stills import frame_name
from evaluation.datasets.textfiles import text
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing, checked_box

__all__ = ["read_voc"]

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(folder: Path, pictures: Path | None = None) -> Dataset:
    """Return every annotated picture as one clip; objects marked difficult count as ignored.

    Corners are pixels counted from 1, the last one inside: 1..10 becomes 0..10. Raises DatasetError.
    """
    annotations = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise DatasetError.at(annotations, None, "XML annotations", "none")
    frames = tuple(_frame(file, index) for index, file in enumerate(files))
    beside = folder / "JPEGImages"
    labels = sorted({thing.label for frame in frames for thing in frame.things})
    clip = Clip(folder.name, frames, pictures or (beside if beside.is_dir() else None))
    return Dataset(folder.name, (clip,), tuple(labels))


def _frame(path: Path, index: int) -> Frame:
    try:
        root = ElementTree.fromstring(text(path, "an XML annotation"))
    except ElementTree.ParseError as error:
        raise DatasetError.at(path, error.position[0], "XML", str(error)) from None
    things = []
    for number, entry in enumerate(root.findall("object"), 1):
        place = f"object {number}"
        x0, y0, x1, y1 = (_number(path, entry, f"bndbox/{corner}", place) for corner in _CORNERS)
        things.append(
            Thing(
                _text(path, entry, "name", place),
                checked_box((x0 - 1, y0 - 1, x1, y1), path, None),
                ignore=(entry.findtext("difficult") or "0").strip() == "1",
            )
        )
    width, height = (int(_number(path, root, f"size/{side}", "annotation")) for side in ("width", "height"))
    file = (root.findtext("filename") or path.with_suffix(".jpg").name).strip()
    return Frame(frame_name(path.name), width, height, tuple(things), index=index, file=file)


def _text(path: Path, entry: ElementTree.Element, name: str, place: str) -> str:
    value = (entry.findtext(name) or "").strip()
    if not value:
        raise DatasetError.at(path, None, f"{place} to have {name}", "none")
    return value


def _number(path: Path, entry: ElementTree.Element, name: str, place: str) -> float:
    value = _text(path, entry, name, place)
    try:
        return float(value)
    except ValueError:
        raise DatasetError.at(path, None, f"a number as {name} of {place}", value) from None
