"""Where the headless viewer's frames come from: a file with features, or an encode on the fly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import av

from core_network.catalogue import Core
from core_network.spec import FeatureSpec
from stream.bitstream import EntropyTables
from stream.file_reader import FileReader
from stream.programme import CodedFeatures, FeatureEncoder
from stream.source import SourceFrame, open_source

__all__ = ["EncodedInput", "FileInput", "Input", "ViewError", "ViewedFrame", "is_whep_url"]

_MEDIA_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".ts",
    ".flv",
    ".avi",
    ".m3u8",
    ".mpd",
    ".mjpg",
    ".mjpeg",
)
_PENDING_FRAMES = 3


class ViewError(ValueError):
    """What the user asked for cannot be viewed: one clear line, exit 2."""


@dataclass(frozen=True)
class ViewedFrame:
    """A picture with its payload; `pts` (90 kHz) is the input's own; `fresh`: the heads start anew."""

    picture: av.VideoFrame
    payload: bytes | None
    pts: int
    name: str | None = None
    fresh: bool = False


class Input(Protocol):
    """Iterable of frames.

    `known`: what to decode payloads with. `warnings`: complete after the iteration. `joins_late`: its first
    frames may lack features, because they refer to a key frame from before.
    """

    joins_late: bool
    fps: float
    known: list[tuple[FeatureSpec, EntropyTables]]
    warnings: list[str]

    def __iter__(self) -> Iterator[ViewedFrame]:
        """Yield frames in order."""

    def close(self) -> None:
        """Let go of everything."""


def is_whep_url(source: str) -> bool:
    """Tell whether an address is a WHEP endpoint: http or https, and not the name of a media file."""
    parts = urlsplit(source)
    return parts.scheme in ("http", "https") and not parts.path.lower().endswith(_MEDIA_SUFFIXES)


class FileInput:
    """A file with features inside."""

    joins_late = False

    def __init__(self, path: str) -> None:
        """Open the file; raises SourceError."""
        self._reader = FileReader(path)
        self.fps, self.known, self.warnings = self._reader.fps, self._reader.known, self._reader.warnings

    def __iter__(self) -> Iterator[ViewedFrame]:
        """Yield every frame of the file."""
        for frame in self._reader:
            yield ViewedFrame(frame.picture, frame.payload, frame.pts)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class EncodedInput:
    """Pictures without features, encoded here with the same code as a broadcast."""

    joins_late = False

    def __init__(self, source: str, core: Core, rate: str) -> None:
        """Open the source; raises SourceError."""
        self._encoder = FeatureEncoder(core, rate=rate)
        self._source = open_source(source)
        self.fps, self.warnings = self._source.fps, self._source.warnings
        self.known = [(core.spec, self._encoder.tables)]
        self._thread = ThreadPoolExecutor(1, "features")

    def __iter__(self) -> Iterator[ViewedFrame]:
        """Yield every frame of the source; the next ones are encoded meanwhile."""
        pending: deque[tuple[SourceFrame, Future[CodedFeatures]]] = deque()
        for frame in self._source:
            pending.append((frame, self._thread.submit(self._encode, frame)))
            if len(pending) >= _PENDING_FRAMES:
                yield _viewed(*pending.popleft())
        while pending:
            yield _viewed(*pending.popleft())

    def close(self) -> None:
        """Stop the thread and close the source."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._source.close()

    def _encode(self, frame: SourceFrame) -> CodedFeatures:
        analysis = self._encoder.analyse(frame)
        return self._encoder.code(frame, analysis, force_key=frame.discontinuity)


def _viewed(frame: SourceFrame, coded: Future[CodedFeatures]) -> ViewedFrame:
    return ViewedFrame(frame.picture, coded.result().payload, frame.pts, frame.name, frame.discontinuity)
