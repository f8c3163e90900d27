"""What the headless viewer writes: result lines, MOT lines and the overlay video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from task_heads.manifest import Manifest
from task_heads.result import Result
from viewer.overlay import Overlay

__all__ = ["HeadResult", "MotFile", "OutputFile", "OverlayVideo", "ResultsFile", "SeenFrame"]


@dataclass(frozen=True)
class HeadResult:
    """One head's result on one frame: `written` goes to files (`--all` or not), `shown` on the picture."""

    manifest: Manifest
    written: Result
    shown: Result


@dataclass(frozen=True)
class SeenFrame:
    """One frame after the heads.

    `shown_pts` (90 kHz): when the input shows it. `number` and `pts` as in the payload; `number` is None when
    the frame has no features. `name`: the image's file name in a folder. Results are in px of a source of
    `source_width` x `source_height`.
    """

    picture: av.VideoFrame
    shown_pts: int
    number: int | None = None
    pts: int = 0
    name: str | None = None
    source_width: int = 1
    source_height: int = 1
    results: Sequence[HeadResult] = ()


class OutputFile(Protocol):
    """A file that grows by one frame at a time."""

    def add(self, seen: SeenFrame) -> None:
        """Take one frame."""

    def close(self) -> None:
        """Finish the file."""


class ResultsFile:
    """One JSON object per frame and head, one per line."""

    def __init__(self, path: Path) -> None:
        """Start the file anew."""
        self._file = path.open("w", encoding="utf-8")

    def add(self, seen: SeenFrame) -> None:
        """Write a line for each head; none when the frame has no features."""
        if seen.number is not None:
            for result in seen.results:
                self._file.write(result.written.to_json_line(seen.number, seen.pts, seen.name) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class MotFile:
    """`frame,id,x,y,w,h,score,-1,-1,-1` for each box with an id of one head, as MOTChallenge has it."""

    def __init__(self, path: Path, head: str) -> None:
        """Start the file anew with the boxes of `head`."""
        self._file, self._head = path.open("w", encoding="utf-8"), head

    def add(self, seen: SeenFrame) -> None:
        """Write the lines of the frame."""
        if seen.number is not None:
            for result in seen.results:
                if result.manifest.name == self._head:
                    self._file.writelines(line + "\n" for line in result.written.to_mot_lines(seen.number))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class OverlayVideo:
    """An H.264 MP4 of the pictures with the results drawn on them; the first picture decides its size."""

    def __init__(self, path: Path, fps: float) -> None:
        """Start the file anew; frames keep their own times, `fps` is nominal."""
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stream: Any = None
        self._overlay: Overlay | None = None
        self._reader, self._writer = VideoReformatter(), VideoReformatter()
        self._first_pts = 0
        self._last_pts = -1

    def add(self, seen: SeenFrame) -> None:
        """Draw and code one frame; one without features is shown bare."""
        if self._stream is None:
            self._open(seen)
        size = _fitted(seen.picture, self._stream.width, self._stream.height)
        rgb = _rgb(self._reader, seen.picture, size)
        if seen.results:
            if self._overlay is None or self._overlay.size != size:
                self._overlay = Overlay(*size)
            results = [(result.manifest, result.shown) for result in seen.results]
            rgb = self._overlay.draw(rgb, results, seen.source_width, seen.source_height)
        drawn = self._writer.reformat(
            av.VideoFrame.from_ndarray(_centred(rgb, self._stream.width, self._stream.height), "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        self._last_pts = max(seen.shown_pts - self._first_pts, self._last_pts + 1)
        drawn.pts, drawn.time_base = self._last_pts, Fraction(1, 90_000)
        self._container.mux(self._stream.encode(drawn))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _open(self, seen: SeenFrame) -> None:
        width, height = (side + side % 2 for side in (seen.picture.width, seen.picture.height))
        stream = self._container.add_stream("libx264", rate=self._fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        stream.codec_context.colorspace = 1
        stream.codec_context.color_range = ColorRange.MPEG
        stream.options = {"preset": "veryfast", "crf": "20"}
        self._stream, self._first_pts = stream, seen.shown_pts


def _fitted(picture: av.VideoFrame, width: int, height: int) -> tuple[int, int]:
    """Return the size at which a picture fits into the video without changing its aspect."""
    scale = min(width / picture.width, height / picture.height)
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def _centred(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture [height, width, 3] with black bars around it where it is smaller."""
    rows, columns, _ = rgb.shape
    if (rows, columns) == (height, width):
        return rgb
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top : top + rows, left : left + columns] = rgb
    return canvas


def _rgb(reader: VideoReformatter, picture: av.VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    converted = reader.reformat(picture, width=size[0], height=size[1], format="rgb24")
    return np.asarray(converted.to_ndarray(), np.uint8)
