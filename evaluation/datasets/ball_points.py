"""Where the ball or shuttle is, frame by frame, as CSV: three layouts told apart by their header.

frame,x,y,visible,how      px, frames from 1; how `transition` says that a frame is not labelled
Frame,Ball,x,y             relative to the picture, frames from 0, Ball 0 where it is not to be seen
frame_num,x,y,visible      relative, frames from 0; `visible` is not to be trusted and not read
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.datasets.splits import Membership
from evaluation.datasets.textfiles import csv_rows, number
from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, NothingOfSplit, Spot
from evaluation.datasets.videos import find_video, video_shape

__all__ = ["BallRow", "read_ball", "read_ball_rows"]

_OURS, _BADMINTON, _VOLLEYBALL = (
    ["frame", "x", "y", "visible", "how"],
    ["Frame", "Ball", "x", "y"],
    ["frame_num", "x", "y", "visible"],
)


@dataclass(frozen=True)
class BallRow:
    """One labelled frame: `place` (px, or 0..1 where `relative`) is None where the ball is not to be seen."""

    index: int
    place: tuple[float, float] | None
    relative: bool


def read_ball_rows(path: Path) -> Iterator[BallRow]:
    """Yield the labelled frames of one file; raises DatasetError."""
    rows = csv_rows(path, "a table of ball places")
    line, header = next(rows, (1, [""]))
    if header not in (_OURS, _BADMINTON, _VOLLEYBALL):
        known = " or ".join(",".join(one) for one in (_OURS, _BADMINTON, _VOLLEYBALL))
        raise DatasetError.at(path, line, f"the header {known}", ",".join(header))
    seen: set[int] = set()
    for line, row in rows:
        if len(row) != len(header):
            raise DatasetError.at(path, line, ",".join(header), ",".join(row))
        entry = dict(zip(header, row, strict=True))
        index = int(number(row[0], path, line, "a frame number")) - (header == _OURS)
        if index < 0 or index in seen:
            raise DatasetError.at(path, line, "each frame once", f"frame {row[0]}")
        seen.add(index)
        if entry.get("how") == "transition":
            continue
        seen_flag = {tuple(_OURS): "visible", tuple(_BADMINTON): "Ball"}.get(tuple(header))
        visible = seen_flag is None or number(entry[seen_flag], path, line, f"{seen_flag} 0 or 1") == 1
        place = (
            (number(entry["x"], path, line, "x"), number(entry["y"], path, line, "y")) if visible else None
        )
        if place and header != _OURS and not all(0 <= value <= 1 for value in place):
            raise DatasetError.at(path, line, "x and y from 0 to 1", ",".join(row))
        yield BallRow(index, place, header != _OURS)


def read_ball(path: Path, pictures: Path | None = None, split: str | None = None) -> Dataset:
    """Return a clip for each CSV of a folder (or of one CSV) that has a video of its name.

    `pictures`: the video or the folder of videos, else beside the CSV. `split`: only videos of this split of
    the splits.csv above them. Raises DatasetError.
    """
    files = [path] if path.is_file() else sorted(set(path.glob("*.csv")) - {path / "splits.csv"})
    clips = []
    for file in files:
        name = file.parent.name if file.name == "ball.csv" else file.stem
        video = find_video(pictures or file.parent, name)
        if video is None:
            raise DatasetError.at(file, None, f"a video {name}.mp4 in {pictures or file.parent}", "none")
        membership = Membership.of(video.parent)
        if split is None or (membership and membership.of_file(video)[1] == split):
            clips.append(_clip(file, name, video))
    if not files:
        raise DatasetError.at(path, None, "ball CSVs", "none")
    if not clips:
        raise NothingOfSplit.at(path, None, f"ball CSVs of the split {split}", "none")
    return Dataset(path.stem, tuple(clips), ("ball",))


def _clip(file: Path, name: str, video: Path) -> Clip:
    width, height, _ = video_shape(video)
    frames = []
    for row in read_ball_rows(file):
        spots: tuple[Spot, ...] = ()
        if row.place:
            across, down = (width, height) if row.relative else (1, 1)
            spots = (Spot("ball", row.place[0] * across, row.place[1] * down),)
        frames.append(Frame(f"{row.index:06d}", width, height, (), spots, index=row.index))
    return Clip(name, tuple(frames), video, continuous=True)
