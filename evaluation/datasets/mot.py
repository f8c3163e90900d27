"""MOTChallenge: SEQUENCE/gt/gt.txt with rows frame,id,x,y,w,h,mark,class,visibility, and our own labels.

The folder may be one sequence or a folder of sequences, or hold gt.txt itself as ../shared/data/labels do:
tracks.csv then names each track's role and shot, ball.csv the ball's place, and shots become clips.
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.datasets.ball_points import read_ball_rows
from evaluation.datasets.scored_region import outside
from evaluation.datasets.stills import picture_size, stills
from evaluation.datasets.textfiles import csv_rows, number, numbers
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Spot, Thing, checked_box
from evaluation.datasets.videos import find_video, video_shape

__all__ = ["MIN_VISIBILITY", "read_mot"]

MIN_VISIBILITY = 0.2
"""In our own labels, boxes of things that are less visible are guesses: they count as ignored."""

_ROW = "a row frame,id,x,y,w,h,mark[,class[,visibility]]"


@dataclass(frozen=True)
class _Track:
    role: str
    shot: str
    first: int
    last: int


def read_mot(path: Path, labels: Sequence[str] = (), pictures: Path | None = None) -> Dataset:
    """Return a clip for each sequence or shot; frames are counted from 1 in the file, from 0 in `index`.

    `labels`: names of the classes from number 1 on. Without them class 1 is a person and others count as
    ignored; so does everything marked 0 and, where tracks.csv lies beside it, everything less visible than
    MIN_VISIBILITY. `pictures`: the video, or a folder with it; sequences with a folder img1 have their own.
    Raises DatasetError.
    """
    if path.is_file() or (path / "gt.txt").is_file():
        file = path if path.is_file() else path / "gt.txt"
        # Results and some labels are called after their sequence, not gt.txt.
        name = file.parent.name if file.name == "gt.txt" else file.stem
        clips = _clips(file, name, labels, pictures)
    else:
        files = sorted([*path.glob("gt/gt.txt"), *path.glob("*/gt/gt.txt")])
        if not files:
            raise DatasetError.at(path, None, "gt.txt, gt/gt.txt or SEQUENCE/gt/gt.txt", "none")
        clips = [
            clip
            for file in files
            for clip in _clips(file, file.parents[1].name, labels, pictures, file.parents[1])
        ]
    used = {thing.label for clip in clips for frame in clip.frames for thing in frame.things}
    order = [*labels, "player", "goalkeeper", "referee"]
    ranked = sorted(used, key=lambda name: (order.index(name) if name in order else len(order), name))
    return Dataset(path.stem if path.is_file() else path.name, tuple(clips), tuple(ranked))


def _clips(
    file: Path, name: str, labels: Sequence[str], pictures: Path | None, sequence: Path | None = None
) -> list[Clip]:
    tracks = _tracks(file.with_name("tracks.csv"))
    things = _things(file, labels, tracks)
    ball_file = file.with_name("ball.csv")
    balls = {row.index: row for row in read_ball_rows(ball_file)} if ball_file.is_file() else {}
    source, (width, height), length = _source(name, pictures, sequence)
    clips = []
    for shot, first, last in _shots(tracks, things, length):
        frames = tuple(
            Frame(
                f"{count:06d}",
                width,
                height,
                tuple(things.get(count, ())),
                (Spot("ball", *ball.place),) if (ball := balls.get(count - 1)) and ball.place else (),
                index=count - 1,
                file=f"{count:06d}.jpg",
            )
            for count in range(first, last + 1)
        )
        clip_name = f"{name}_{shot}" if shot else name
        clips.append(Clip(clip_name, frames, source, continuous=True, outside=outside(file.parent)))
    return clips


def _things(file: Path, labels: Sequence[str], tracks: dict[int, _Track]) -> dict[int, list[Thing]]:
    things: dict[int, list[Thing]] = {}
    seen: set[tuple[int, int]] = set()
    for line, row in csv_rows(file, "MOTChallenge rows"):
        if len(row) < 7:
            raise DatasetError.at(file, line, _ROW, ",".join(row))
        values = numbers(row[:9], file, line, _ROW)
        count, track = int(values[0]), int(values[1])
        if count < 1:
            raise DatasetError.at(file, line, "frames counted from 1", row[0])
        if (count, track) in seen:
            raise DatasetError.at(file, line, "each id once in a frame", f"id {track} twice in frame {count}")
        seen.add((count, track))
        x, y, w, h = values[2:6]
        kind = int(values[7]) if len(values) > 7 else 1
        visibility = values[8] if len(values) > 8 and values[8] >= 0 else 1.0
        label = tracks[track].role if track in tracks else _label(kind, labels)
        things.setdefault(count, []).append(
            Thing(
                label,
                checked_box((x, y, x + w, y + h), file, line),
                track,
                ignore=values[6] == 0
                or (bool(tracks) and visibility < MIN_VISIBILITY)
                or (not tracks and not labels and kind > 1),
            )
        )
    if not things:
        raise DatasetError.at(file, None, _ROW, "an empty file")
    return things


def _label(kind: int, labels: Sequence[str]) -> str:
    if 1 <= kind <= len(labels):
        return labels[kind - 1]
    # Other benchmarks write -1 where there is only one class.
    return "person" if kind <= 1 else f"class {kind}"


def _tracks(file: Path) -> dict[int, _Track]:
    if not file.is_file():
        return {}
    rows = csv_rows(file, "a table of tracks")
    _, header = next(rows, (0, [""]))
    tracks = {}
    for line, row in rows:
        if len(row) != len(header):
            raise DatasetError.at(file, line, ",".join(header), ",".join(row))
        entry = dict(zip(header, row, strict=True))
        first, last = (
            int(number(entry.get(key) or "0", file, line, "frames")) for key in ("first_frame", "last_frame")
        )
        identity = int(number(entry.get("id", ""), file, line, "an id"))
        tracks[identity] = _Track(entry.get("role", ""), entry.get("shot", ""), first, last)
    return tracks


def _shots(
    tracks: dict[int, _Track], things: dict[int, list[Thing]], length: int
) -> list[tuple[str, int, int]]:
    """Return (name, first frame, last frame) of every shot; one without a name where there are none."""
    names = sorted({track.shot for track in tracks.values() if track.shot})
    if not names:
        return [("", 1 if length else min(things), length or max(things))]
    return [
        (
            f"shot_{name}",
            min(track.first for track in tracks.values() if track.shot == name),
            max(track.last for track in tracks.values() if track.shot == name),
        )
        for name in names
    ]


def _source(
    name: str, pictures: Path | None, sequence: Path | None
) -> tuple[Path | None, tuple[int, int], int]:
    """Return where the pictures are, their size (0, 0 when unknown) and their number (0 when unknown)."""
    own = sequence / "img1" if sequence and pictures is None else None
    size, length = (0, 0), 0
    info = sequence / "seqinfo.ini" if sequence else None
    if info and info.is_file():
        parser = configparser.ConfigParser()
        try:
            parser.read_string(info.read_text())
            values = parser["Sequence"]
            size = (int(values["imWidth"]), int(values["imHeight"]))
            length = int(values["seqLength"])
        except (configparser.Error, KeyError, ValueError) as error:
            raise DatasetError.at(
                info, None, "[Sequence] with imWidth, imHeight, seqLength", str(error)
            ) from None
    if own and own.is_dir():
        return own, size if size != (0, 0) else picture_size(stills(own)[0]), length
    if pictures is None:
        return None, size, length
    video = find_video(pictures, name)
    if video is None:
        raise DatasetError.at(pictures, None, f"a video, or a folder with {name}.mp4", "neither")
    width, height, _ = video_shape(video)
    return video, (width, height), length
