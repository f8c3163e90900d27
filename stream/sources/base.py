"""What every source is: an iterator of numbered, timed, upright frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import av

from stream.sync import Timeline

__all__ = ["Arrival", "Source", "SourceError", "SourceFrame"]


class SourceError(ValueError):
    """What the user named cannot be a source: one line with what was expected and what came."""


@dataclass(frozen=True)
class SourceFrame:
    """One frame of the programme.

    `number`: decode order from 0, goes on over loops. `pts`: 90 kHz, first 0, strictly rising, gapless over
    loops. `picture`: yuv420p, upright, square pixels, even size, at most 1920x1080 or 1080x1920, tagged
    BT.709 or BT.601. `source_width`, `source_height`: px of the upright source picture before scaling and
    padding; results are in these pixels (anamorphic video: its display size, height kept). `name`: the
    image's file name in a folder. `discontinuity`: the first frame, a loop's first, each image of a folder.
    `decode_ms`: time spent on reading, decoding and making it upright.
    """

    number: int
    pts: int
    picture: av.VideoFrame
    source_width: int
    source_height: int
    name: str | None = None
    discontinuity: bool = False
    decode_ms: float = 0.0


@dataclass(frozen=True)
class Arrival:
    """A picture as its container gave it; `pts` (90 kHz) on the container's own clock, where it has one."""

    picture: av.VideoFrame
    pts: int | None
    source_width: int
    source_height: int
    name: str | None = None
    discontinuity: bool = False
    decode_ms: float = 0.0


class Source:
    """Iterator of SourceFrame; subclasses bring arrivals, this numbers and times them.

    `fps`: nominal frames per second. `width`, `height`: the first picture's size (all pictures' but in a
    folder of images). `warnings`: lines for the operator, complete once the source has ended. `live`: it
    sets its own pace (a camera or relay); anything else is read as fast as one asks. `path`: the local
    video file, where it is one, so that its audio can be copied; `start_pts`: the first frame's time on the
    container's own clock (90 kHz).
    """

    def __init__(
        self, arrivals: Iterator[Arrival], fps: float, warnings: list[str], *, live: bool = False
    ) -> None:
        """Take the first arrival at once, so that an unusable source fails here with SourceError."""
        self.fps = fps
        self.warnings = warnings
        self.live = live
        self.path: str | None = None
        self._timeline = Timeline(fps)
        self._arrivals = arrivals
        self._number = 0
        first = next(arrivals, None)
        if first is None:
            raise SourceError("the source has no frame; expected at least one picture")
        self._first: Arrival | None = first
        self.start_pts = first.pts or 0
        self.width, self.height = first.picture.width, first.picture.height
        self.source_width, self.source_height = first.source_width, first.source_height

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> SourceFrame:
        """Return the next frame; raises StopIteration at the end."""
        if self._first is not None:
            arrival, self._first = self._first, None
        else:
            arrival = next(self._arrivals)
        frame = SourceFrame(
            number=self._number,
            pts=self._timeline.place(arrival.pts, restart=arrival.discontinuity),
            picture=arrival.picture,
            source_width=arrival.source_width,
            source_height=arrival.source_height,
            name=arrival.name,
            discontinuity=arrival.discontinuity,
            decode_ms=arrival.decode_ms,
        )
        self._number += 1
        return frame

    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""
        close = getattr(self._arrivals, "close", None)
        if close is not None:
            close()
        self._first = None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
