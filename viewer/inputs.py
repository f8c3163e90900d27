"""Where the headless viewer's frames and payloads come from: a file, an encode on the fly, or a WHEP stream."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import urllib.request
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import av

from core_network.catalogue import Core
from core_network.spec import FeatureSpec
from stream.bitstream import EntropyTables
from stream.client import ReceivedFrame, watch
from stream.file_reader import FileReader, shipped_tables
from stream.programme import CodedFeatures, FeatureEncoder
from stream.source import SourceFrame, open_source
from stream.sources.timeline import CLOCK_RATE, Timeline

__all__ = ["EncodedInput", "FileInput", "Input", "ViewedFrame", "WhepInput", "is_whep_url"]

_MEDIA_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts", ".flv", ".avi", ".m3u8", ".mpd", ".mjpg", ".mjpeg")
_PENDING_FRAMES = 3
_SPEC_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class ViewedFrame:
    """A picture with its payload; `pts` (90 kHz) is the input's own, `fresh` means that the heads start anew."""

    picture: av.VideoFrame
    payload: bytes | None
    pts: int
    name: str | None = None
    fresh: bool = False


class Input(Protocol):
    """Iterable of frames. `known`: what to decode payloads with; `warnings`: complete after the iteration."""

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
            pending.append((frame, self._thread.submit(self._encoder.encode, frame, force_key=frame.discontinuity)))
            if len(pending) >= _PENDING_FRAMES:
                yield _viewed(*pending.popleft())
        while pending:
            yield _viewed(*pending.popleft())

    def close(self) -> None:
        """Stop the thread and close the source."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._source.close()


def _viewed(frame: SourceFrame, coded: Future[CodedFeatures]) -> ViewedFrame:
    return ViewedFrame(frame.picture, coded.result().payload, frame.pts, frame.name, frame.discontinuity)


class WhepInput:
    """A live broadcast; its network runs in a thread of its own, so that slow heads never stall it."""

    fps = 30.0

    def __init__(self, url: str) -> None:
        """Prepare to join `url`; joining happens with the first frame and raises WhepError there."""
        self.warnings: list[str] = []
        self.known = _served_tables(url) + shipped_tables()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="whep", daemon=True)
        self._thread.start()
        self._frames = watch(url)

    def __iter__(self) -> Iterator[ViewedFrame]:
        """Yield frames as they come until the broadcast ends the session."""
        timeline = Timeline(self.fps)
        while True:
            try:
                received = self._wait(anext(self._frames))
            except StopAsyncIteration:
                return
            picture = received.picture
            ticks = None
            if picture.pts is not None and picture.time_base:
                ticks = round(picture.pts * picture.time_base * CLOCK_RATE)
            yield ViewedFrame(picture, received.payload, timeline.place(ticks))

    def close(self) -> None:
        """Leave the session and stop the thread."""
        if not self._loop.is_closed():
            self._wait(self._frames.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, step: Any) -> ReceivedFrame | Any:
        async def run() -> Any:
            return await step

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def _served_tables(url: str) -> list[tuple[FeatureSpec, EntropyTables]]:
    """Return spec and tables that the broadcast's server offers; none when it does not, the shipped ones may do."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        fingerprint = _json(f"{origin}/api/status")["spec"]
        document = _json(f"{origin}/spec/{fingerprint}")
        spec = FeatureSpec.from_json(document["spec"])
        return [(spec, EntropyTables.from_bytes(base64.b64decode(part["base64"]))) for part in document["tables"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_SPEC_TIMEOUT_S) as answer:
        return json.loads(answer.read())
