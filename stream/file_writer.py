"""One source into an ordinary MP4 with features inside its video."""

from __future__ import annotations

import base64
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from core_network.catalogue import Core
from stream.programme import CodedFrame, FeatureEncoder, PendingFrame, ProgrammeEncoder
from stream.source import Source, SourceError, SourceFrame, open_source
from stream.sync import CLOCK_RATE
from stream.video_encoder import VideoEncoder

__all__ = ["SPEC_TAG", "TABLES_TAG", "EncodeReport", "OutputError", "encode_file"]

SPEC_TAG = "featurecast_spec"
"""MP4 metadata: the feature spec as JSON."""
TABLES_TAG = "featurecast_tables"
"""MP4 metadata: the entropy tables in base64."""

_PENDING_FRAMES = 4
_PROGRESS_S = 0.5


class OutputError(ValueError):
    """The output cannot be written as asked: one clear line."""


@dataclass(frozen=True)
class EncodeReport:
    """What `encode --json` prints (`to_json`), plus the warnings for stderr.

    `fps`: frames per second that the encoding reached. Bytes are per frame: `feature_bytes` as carried (SEI,
    escaping and chunk headers included): mean, p50, p95, max, key_mean, delta_mean. `ms`: mean work per frame
    of each step (decode, prepare, core, bitstream, video_encode); steps overlap.
    """

    frames: int
    fps: float
    feature_bytes: dict[str, float]
    video_bytes: dict[str, float]
    ms: dict[str, float]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, without the warnings."""
        return {
            "frames": self.frames,
            "fps": self.fps,
            "feature_bytes": self.feature_bytes,
            "video_bytes": self.video_bytes,
            "ms": self.ms,
        }


def encode_file(
    source: str,
    out_path: str | Path,
    core: Core,
    rate: str = "default",
    on_progress: Callable[[int, float], None] | None = None,
) -> EncodeReport:
    """Write `source` (file, folder, URL, `synthetic:`) to `out_path` as an MP4 that any player plays.

    `on_progress(frames_done, seconds_of_video_done)` is called about twice a second. Raises SourceError or
    OutputError (both ValueError, one clear line: exit 2) for an unusable source, unequal sizes in a folder or
    an output that cannot be written. Nothing half written stays behind, whatever interrupts it.
    """
    target = _checked_target(source, Path(out_path))
    feature_encoder = FeatureEncoder(core, rate=rate)
    # The muxer goes by the ending, so the temporary name keeps it.
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part.mp4")
    try:
        with ExitStack() as stack:
            frames = stack.enter_context(open_source(source))
            writer = stack.enter_context(_Mp4Writer(temporary, frames, feature_encoder))
            video_encoder = VideoEncoder(frames.width, frames.height, frames.fps)
            programme = stack.enter_context(ProgrammeEncoder(feature_encoder, video_encoder))
            tally = _Tally()
            for coded in _coded_frames(frames, programme):
                writer.write(coded)
                tally.add(coded)
                if on_progress and tally.progress_due():
                    on_progress(tally.frames, coded.pts / CLOCK_RATE)
            writer.finish()
            warnings = (*frames.warnings, *writer.warnings)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return tally.report(warnings)


def _checked_target(source: str, target: Path) -> Path:
    if target.suffix.lower() not in (".mp4", ".m4v"):
        raise OutputError(f"{target}: expected an output name that ends in .mp4")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: the folder {target.parent} does not exist; make it first")
    if target.is_dir() or (target.exists() and Path(source).exists() and target.samefile(source)):
        raise OutputError(
            f"{target}: expected a file of its own to write to, not a folder and not the source itself"
        )
    return target


def _coded_frames(frames: Source, programme: ProgrammeEncoder) -> Iterator[CodedFrame]:
    """Keep a few frames under way, so that decoding, core, bitstream and x264 overlap."""
    pending: deque[PendingFrame] = deque()
    for frame in frames:
        _check_size(frame, frames)
        pending.append(programme.submit(frame))
        if len(pending) >= _PENDING_FRAMES:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _check_size(frame: SourceFrame, frames: Source) -> None:
    expected, size = (frames.source_width, frames.source_height), (frame.source_width, frame.source_height)
    if size != expected:
        raise SourceError(
            f"{frame.name}: is {size[0]}x{size[1]}, the first image is {expected[0]}x{expected[1]}; "
            "one video needs images of equal size"
        )


class _Mp4Writer:
    """access units + the source's own audio packets -> MP4 with its index first."""

    def __init__(self, path: Path, source: Source, features: FeatureEncoder) -> None:
        self.warnings: list[str] = []
        self._source = source
        try:
            self._container: OutputContainer = av.open(
                str(path), "w", format="mp4", options={"movflags": "faststart+use_metadata_tags"}
            )
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot write there ({error.strerror or error})") from error
        self._container.metadata[SPEC_TAG] = json.dumps(features.spec.to_json(), separators=(",", ":"))
        self._container.metadata[TABLES_TAG] = base64.b64encode(features.tables.to_bytes()).decode()
        self._video = self._container.add_mux_stream(
            "h264",
            rate=Fraction(source.fps).limit_denominator(1001),
            width=source.width,
            height=source.height,
        )
        self._video.time_base = Fraction(1, CLOCK_RATE)
        self._audio = _AudioCopy.open(self._container, source, self.warnings)
        self._held: CodedFrame | None = None

    def write(self, coded: CodedFrame) -> None:
        """Take the next access unit; it is written when the next one tells how long it lasts."""
        if self._held is not None:
            self._mux(self._held, coded.pts - self._held.pts)
        self._held = coded

    def finish(self) -> None:
        """Write what is held, the rest of the audio and the index."""
        if self._held is not None:
            self._mux(self._held, max(1, round(CLOCK_RATE / self._source.fps)))
            self._held = None
        if self._audio is not None:
            self._audio.copy_until(None)
        self._container.close()

    def __enter__(self) -> _Mp4Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._audio is not None:
            self._audio.close()
        self._container.close()

    def _mux(self, coded: CodedFrame, duration: int) -> None:
        if self._audio is not None:
            self._audio.copy_until(coded.pts / CLOCK_RATE)
        packet: av.Packet[Stream] = av.Packet(coded.access_unit)
        packet.stream, packet.time_base = self._video, Fraction(1, CLOCK_RATE)
        packet.pts = packet.dts = coded.pts
        packet.duration, packet.is_keyframe = duration, coded.key
        self._container.mux(packet)


class _AudioCopy:
    """The first audio stream of the source file, packet by packet, on the programme's clock."""

    def __init__(
        self,
        source: InputContainer,
        stream: AudioStream,
        output: OutputContainer,
        target: AudioStream,
        start_pts: int,
    ) -> None:
        self._container, self._output, self._target = source, output, target
        self._time_base = Fraction(stream.time_base or Fraction(1, CLOCK_RATE))
        self._shift = round(Fraction(start_pts, CLOCK_RATE) / self._time_base)
        self._packets = source.demux(stream)
        self._next: av.Packet[Any] | None = None

    @classmethod
    def open(cls, output: OutputContainer, source: Source, warnings: list[str]) -> _AudioCopy | None:
        """Return the copier, or None (with a warning if audio is lost) when there is nothing to copy."""
        if source.path is None:
            return None
        container = av.open(f"file:{source.path}", metadata_errors="replace")
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            container.close()
            return None
        try:
            target = output.add_stream_from_template(stream)
        except ValueError:
            warnings.append(
                f"{source.path}: MP4 cannot carry its {stream.codec_context.name} audio; it was left out"
            )
            container.close()
            return None
        if "language" in stream.metadata:
            target.metadata["language"] = stream.metadata["language"]
        return cls(container, stream, output, target, source.start_pts)

    def copy_until(self, seconds: float | None) -> None:
        """Write the packets that begin before this time of the programme; None: all that are left."""
        while True:
            packet = self._next or self._read()
            self._next = None
            if packet is None:
                return
            if (
                seconds is not None
                and packet.dts is not None
                and (packet.dts - self._shift) * self._time_base >= seconds
            ):
                self._next = packet
                return
            for name in ("pts", "dts"):
                value = getattr(packet, name)
                setattr(packet, name, None if value is None else value - self._shift)
            packet.stream = self._target
            self._output.mux(packet)

    def close(self) -> None:
        self._container.close()

    def _read(self) -> av.Packet[Any] | None:
        try:
            return next(
                (packet for packet in self._packets if packet.size > 0 and packet.dts is not None), None
            )
        except av.error.FFmpegError:
            return None


class _Tally:
    """Adds up what the report says."""

    def __init__(self) -> None:
        self._started = self._told = time.perf_counter()
        self._frames: list[CodedFrame] = []
        self.frames = 0

    def add(self, coded: CodedFrame) -> None:
        # Only the figures are kept: an hour of access units would not fit into memory.
        self._frames.append(CodedFrame(**{**vars(coded), "access_unit": b""}))
        self.frames += 1

    def progress_due(self) -> bool:
        now = time.perf_counter()
        if now - self._told < _PROGRESS_S:
            return False
        self._told = now
        return True

    def report(self, warnings: tuple[str, ...]) -> EncodeReport:
        elapsed = time.perf_counter() - self._started
        sizes = np.array([frame.feature_bytes for frame in self._frames], float)
        keys = np.array([frame.feature_key for frame in self._frames], bool)
        steps = {
            "decode": "decode_ms",
            "prepare": "prepare_ms",
            "core": "core_ms",
            "bitstream": "bitstream_ms",
            "video_encode": "video_encode_ms",
        }
        return EncodeReport(
            frames=self.frames,
            fps=round(self.frames / elapsed, 2),
            feature_bytes={
                "mean": _mean(sizes),
                "p50": round(float(np.percentile(sizes, 50)), 1),
                "p95": round(float(np.percentile(sizes, 95)), 1),
                "max": float(sizes.max()),
                "key_mean": _mean(sizes[keys]),
                "delta_mean": _mean(sizes[~keys]),
            },
            video_bytes={"mean": _mean(np.array([frame.video_bytes for frame in self._frames], float))},
            ms={
                step: _mean(np.array([getattr(frame, name) for frame in self._frames]), 3)
                for step, name in steps.items()
            },
            warnings=warnings,
        )


def _mean(values: np.ndarray[Any, Any], digits: int = 1) -> float:
    return round(float(values.mean()), digits) if values.size else 0.0
