"""SFU-HW-Objects and SFU-HW-Tracks: the HEVC common test sequences with boxes, in both published layouts.

Annotations, either of
    NAME_WxH_FPS_val.json         COCO JSON (MPEG feature coding), here or in .../annotations/
    NAME_WxH_FPS_seq_NNN.txt      a line per object: class [track] cx cy w h, relative (the authors)
Pictures, anywhere below the folder of pictures, either of
    NAME_WxH_FPS*.yuv             8-bit, or 10-bit where the name says 10bit
    NAME_WxH_FPS_val/images/*.png

The MPEG annotations number their frames from 0, and are of the last frames of a full sequence: the common
test conditions skip 403 of BasketballPass's 500 frames and label 97. A .yuv that was cut to these frames
has no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.datasets.coco import coco_frames
from evaluation.datasets.coco_names import COCO_NAMES
from evaluation.datasets.textfiles import lines, numbers
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing, checked_box
from evaluation.datasets.yuv import Yuv

__all__ = ["read_sfu"]

_JSON = re.compile(r"(?P<clip>(?P<name>[^_]+)_(?P<width>\d+)x(?P<height>\d+)_(?P<fps>\d+)_val)\.json$")
_TEXT = re.compile(
    r"(?P<clip>(?P<name>[^_]+)_(?P<width>\d+)x(?P<height>\d+)_(?P<fps>\d+).*)_seq_(?P<index>\d+)\.txt$"
)
_NUMBER = re.compile(r"_(\d+)$")
_ROW = "a line `class [track] cx cy w h`, places and sizes from 0 to 1"
_SLACK = 0.02
"""Boxes of the published files reach this far out of the picture."""


@dataclass(frozen=True)
class _Sequence:
    name: str
    width: int
    height: int
    fps: str


@dataclass(frozen=True)
class _Annotated:
    """A sequence's truth. `ends_with_the_video`: its frames are the last ones of the raw video."""

    name: str
    sequence: _Sequence
    frames: tuple[Frame, ...]
    ends_with_the_video: bool


def read_sfu(path: Path, pictures: Path | None = None) -> Dataset:
    """Return a clip for each sequence annotated below a folder (or of one JSON file); labels are COCO's.

    Without `pictures` they are taken from among the annotations if they lie there. Raises DatasetError.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*_val.json"))
    named = [(file, match) for file in files if (match := _JSON.search(file.name))]
    if named:
        sequences = [_json_clip(file, _sequence(match), match["clip"]) for file, match in named]
    else:
        sequences = _text_clips(path)
    if not sequences:
        raise DatasetError.at(
            path, None, "NAME_WxH_FPS_val.json files or folders of NAME_WxH_FPS_seq_NNN.txt", "none"
        )
    folder = path.parent if path.is_file() else path
    clips = [_with_pictures(found, pictures or folder, wanted=pictures is not None) for found in sequences]
    used = {thing.label for clip in clips for frame in clip.frames for thing in frame.things}
    return Dataset(path.stem, tuple(clips), tuple(name for name in COCO_NAMES if name in used))


def _sequence(match: re.Match[str]) -> _Sequence:
    return _Sequence(match["name"], int(match["width"]), int(match["height"]), match["fps"])


def _json_clip(file: Path, sequence: _Sequence, name: str) -> _Annotated:
    frames, labels = coco_frames(file)
    # The ball is named "Football" in these files; the numbers are those of COCO's 80 names.
    known = {
        label: COCO_NAMES[number] for number, label in labels.items() if number in range(len(COCO_NAMES))
    }
    numbered = []
    for frame in frames:
        match = _NUMBER.search(frame.name)
        if match is None:
            raise DatasetError.at(file, None, "file names that end with the frame's number", frame.file)
        things = tuple(replace(thing, label=known.get(thing.label, thing.label)) for thing in frame.things)
        numbered.append(replace(frame, things=things, index=int(match[1])))
    return _Annotated(name, sequence, tuple(numbered), ends_with_the_video=True)


def _text_clips(folder: Path) -> list[_Annotated]:
    by_clip: dict[tuple[Path, str], list[tuple[Path, re.Match[str]]]] = {}
    for file in sorted(folder.rglob("*_seq_*.txt")):
        if match := _TEXT.search(file.name):
            by_clip.setdefault((file.parent, match["clip"]), []).append((file, match))
    return [
        _Annotated(
            name,
            _sequence(files[0][1]),
            tuple(_text_frame(file, _sequence(match), int(match["index"])) for file, match in files),
            ends_with_the_video=False,
        )
        for (_, name), files in by_clip.items()
    ]


def _text_frame(file: Path, sequence: _Sequence, index: int) -> Frame:
    things: list[Thing] = []
    tracks: set[tuple[str, int]] = set()
    for line, content in lines(file, "annotations of a frame"):
        fields = content.split()
        if len(fields) not in (5, 6):
            raise DatasetError.at(file, line, _ROW, content)
        values = numbers(fields, file, line, _ROW)
        number, (cx, cy, w, h) = int(values[0]), values[-4:]
        track = int(values[1]) if len(values) == 6 else None
        if number not in range(len(COCO_NAMES)) or not all(
            -_SLACK <= v <= 1 + _SLACK for v in (cx, cy, w, h)
        ):
            raise DatasetError.at(file, line, _ROW, content)
        label = COCO_NAMES[number]
        if track is not None:
            if (label, track) in tracks:
                raise DatasetError.at(file, line, "each track once in a frame", content)
            tracks.add((label, track))
        box = (
            (cx - w / 2) * sequence.width,
            (cy - h / 2) * sequence.height,
            (cx + w / 2) * sequence.width,
            (cy + h / 2) * sequence.height,
        )
        things.append(Thing(label, checked_box(box, file, line), track))
    return Frame(
        file.stem, sequence.width, sequence.height, tuple(things), index=index, file=file.stem + ".png"
    )


def _with_pictures(found: _Annotated, pictures: Path, *, wanted: bool) -> Clip:
    ordered = tuple(sorted(found.frames, key=lambda frame: frame.index))
    clip = Clip(found.name, ordered, continuous=True)
    sequence = found.sequence
    start = f"{sequence.name}_{sequence.width}x{sequence.height}_{sequence.fps}"
    raw = sorted(pictures.rglob(f"{start}*.yuv"))
    if raw:
        video = Yuv(raw[0], sequence.width, sequence.height)
        skipped = video.frames - len(ordered) if found.ends_with_the_video else 0
        last = ordered[-1].index + max(skipped, 0)
        if skipped < 0 or last >= video.frames:
            raise DatasetError.at(raw[0], None, f"at least the {last + 1} annotated frames", video.frames)
        shifted = tuple(replace(frame, index=frame.index + skipped) for frame in ordered)
        return replace(clip, frames=shifted, pictures=raw[0])
    stills = sorted(pictures.rglob(f"{start}*/images")) or sorted(pictures.rglob(f"{start}*[0-9].png"))
    if stills:
        return replace(clip, pictures=stills[0] if stills[0].is_dir() else stills[0].parent)
    if wanted:
        raise DatasetError.at(pictures, None, f"{start}*.yuv or a folder of {start}*.png below it", "neither")
    return clip
