"""Reads an MP4 back: pictures, and the payloads that ride in them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import cast

import av
from av.sidedata.sidedata import SideData, Type

from core_network.spec import FeatureSpec
from stream.bitstream import EntropyTables
from stream.carriage import join_chunks
from stream.entropy_tables import shipped_tables
from stream.file_writer import SPEC_TAG, TABLES_TAG
from stream.sources.container import decoded_frames, open_container
from stream.sync import CLOCK_RATE, Timeline

__all__ = ["DecodedFrame", "FileReader", "carries_features", "payload_of"]

_PROBED_FRAMES = 12


@dataclass(frozen=True)
class DecodedFrame:
    """One picture of a file: its place, pts (90 kHz, first 0) and payload, if it has one."""

    picture: av.VideoFrame
    number: int
    pts: int
    payload: bytes | None


class FileReader:
    """Iterates the frames of a file that `encode` wrote, or of any other video (payloads None then).

    `known`: (spec, tables) to decode with: those stored in the file, then the shipped ones. `warnings`:
    complete once the iteration has ended.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file; raises SourceError, one line."""
        self._path = str(path)
        self._container = open_container(self._path)
        self.warnings: list[str] = []
        stream = next(iter(self._container.streams.video), None)
        rate = (stream.average_rate or stream.guessed_rate) if stream is not None else None
        self.fps = float(rate) if rate else 25.0
        self.known = _stored_tables(self._container.metadata, self.warnings) + shipped_tables()

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Yield every frame in order of presentation."""
        timeline = Timeline(self.fps)
        if not self._container.streams.video:
            return
        for number, (picture, _) in enumerate(decoded_frames(self._path, self._container, self.warnings)):
            ticks = None
            if picture.pts is not None and picture.time_base:
                ticks = round(picture.pts * picture.time_base * CLOCK_RATE)
            yield DecodedFrame(picture, number, timeline.place(ticks), payload_of(picture))

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def carries_features(path: str | Path) -> bool:
    """Tell whether features ride in the first frames of a video file; raises SourceError when it is none."""
    with FileReader(path) as reader:
        return any(frame.payload is not None for frame in islice(reader, _PROBED_FRAMES))


def payload_of(picture: av.VideoFrame) -> bytes | None:
    """Return the payload in a decoded picture's user-data SEI, or None when it has none or not all of it."""
    try:
        units = [
            bytes(entry)
            for entry in cast(Iterable[SideData], picture.side_data)
            if entry.type == Type.SEI_UNREGISTERED
        ]
    except ValueError:
        # PyAV does not know a newer kind of side data; features never come with one.
        return None
    return join_chunks(units)


def _stored_tables(metadata: dict[str, str], warnings: list[str]) -> list[tuple[FeatureSpec, EntropyTables]]:
    if SPEC_TAG not in metadata or TABLES_TAG not in metadata:
        return []
    try:
        spec = FeatureSpec.from_json(json.loads(metadata[SPEC_TAG]))
        return [(spec, EntropyTables.from_bytes(base64.b64decode(metadata[TABLES_TAG], validate=True)))]
    except (ValueError, TypeError, binascii.Error) as error:
        warnings.append(f"the feature spec stored in the file is damaged ({error}); using the shipped ones")
        return []
