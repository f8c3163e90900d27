"""Frames of a video file or of a stream at a URL, whatever libavformat can read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from stream.sources.base import Arrival, Source, SourceError
from stream.sources.upright import Uprighter
from stream.sync import CLOCK_RATE

__all__ = ["URL_SCHEMES", "decoded_frames", "is_url", "open_container", "open_container_source"]

URL_SCHEMES = ("rtsp", "rtsps", "srt", "rtmp", "rtmps", "http", "https", "udp", "tcp")

_OPEN_TIMEOUT_S, _READ_TIMEOUT_S = 10.0, 10.0
_DEFAULT_FPS = 25.0
_ONE_THREAD_AREA = 1920 * 1088
"""Up to this many pixels one decoding thread keeps up, and leaves the other cores to the core network."""


def open_container(place: str) -> InputContainer:
    """Open a file or URL for reading; raises SourceError with one line for everything that stops it."""
    remote = is_url(place)
    if not remote:
        path = Path(place)
        if not path.exists():
            raise SourceError(
                f"{place}: no such file; expected a video, a folder of images, a URL or synthetic:football"
            )
        if not path.is_file():
            raise SourceError(f"{place}: expected a file, this is something else")
        if path.stat().st_size == 0:
            raise SourceError(f"{place}: the file is empty; expected a video")
    options = {"rtsp_transport": "tcp"} if place.startswith("rtsp") else {}
    try:
        return av.open(
            place if remote else f"file:{place}",
            options=options,
            timeout=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S) if remote else None,
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{place}: {_refusal(place, error)}") from error


def _refusal(place: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, av.error.ProtocolNotFoundError):
        return (
            f"PyAV's FFmpeg has no {place.partition(':')[0]}; let the ffmpeg program receive and pass it on: "
            f"ffmpeg -i {place} -c copy -f mpegts 'tcp://127.0.0.1:9000?listen=1', and open tcp://127.0.0.1:9000"
        )
    if is_url(place):
        return f"cannot open the stream ({reason}); is it running and is the address right?"
    cut = (
        "; its index is missing, so it was cut off before it was finished"
        if _lacks_index(Path(place))
        else ""
    )
    return f"not a video that can be read ({reason}){cut}"


def is_url(place: str) -> bool:
    """Tell whether `place` is a network address rather than a path."""
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme.lower() in URL_SCHEMES


def open_container_source(place: str, *, loop: bool) -> Source:
    """Open a video file or URL as a source; with `loop` it starts again at its end, for ever."""
    container = open_container(place)
    warnings: list[str] = []
    try:
        fps = _frame_rate(container, place)
        source = Source(_arrivals(place, container, loop, warnings), fps, warnings, live=_is_paced(place))
    except BaseException:
        container.close()
        raise
    if not is_url(place):
        source.path = place
    return source


def _is_paced(place: str) -> bool:
    # A file behind http is read at the reader's pace; a relay or camera runs on its own clock.
    return is_url(place) and not place.lower().startswith("http")


def _frame_rate(container: InputContainer, place: str) -> float:
    if not container.streams.video:
        raise SourceError(f"{place}: has no video stream; expected a video file")
    stream = container.streams.video[0]
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate and 0.1 <= rate <= 1000 else _DEFAULT_FPS


def _arrivals(place: str, container: InputContainer, loop: bool, warnings: list[str]) -> Iterator[Arrival]:
    uprighter: Uprighter | None = None
    while True:
        frames = 0
        with container:
            stream = container.streams.video[0]
            if uprighter is None:
                aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
            for frame, started in decoded_frames(place, container, warnings):
                uprighter = uprighter or Uprighter(frame, aspect)
                picture = uprighter.picture(frame)
                pts = None
                if frame.pts is not None and frame.time_base:
                    pts = round(frame.pts * frame.time_base * CLOCK_RATE)
                yield Arrival(
                    picture,
                    pts,
                    uprighter.source_width,
                    uprighter.source_height,
                    discontinuity=frames == 0,
                    decode_ms=(time.perf_counter() - started) * 1e3,
                )
                frames += 1
        if frames == 0:
            if uprighter is None:
                raise SourceError(
                    "; ".join([f"{place}: no frame of it could be decoded, expected a video", *warnings])
                )
            return
        if not loop:
            return
        container = open_container(place)


def decoded_frames(
    place: str, container: InputContainer, warnings: list[str]
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield (frame, time at which work on it began); damage is skipped, counted and reported once."""
    stream = container.streams.video[0]
    context = stream.codec_context
    if context.width * context.height <= _ONE_THREAD_AREA:
        context.thread_count = 1
    else:
        context.thread_type = "AUTO"
    damaged = packets = decoded = 0
    end = 0.0
    ended_early = False
    demuxer = container.demux(stream)
    started = time.perf_counter()
    while True:
        try:
            packet = next(demuxer)
        except StopIteration:
            break
        except (av.error.FFmpegError, OSError) as error:
            _warn(warnings, f"{place}: reading stopped early ({getattr(error, 'strerror', None) or error})")
            ended_early = True
            break
        packets += packet.dts is not None or packet.size > 0
        damaged += packet.is_corrupt
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damaged += not packet.is_corrupt
            continue
        for frame in frames:
            if frame.time is not None:
                end = max(end, frame.time)
            decoded += 1
            yield frame, started
            started = time.perf_counter()
    if ended_early:
        try:
            for frame in context.decode(None):
                decoded += 1
                yield frame, started
        except av.error.FFmpegError:
            damaged += 1
    lost = _truncation(container, packets, decoded, end)
    if lost and not is_url(place):
        _warn(warnings, f"{place}: the file is truncated; played {lost}")
    elif damaged:
        _warn(warnings, f"{place}: {damaged} damaged packet{'s' if damaged > 1 else ''} skipped")


def _warn(warnings: list[str], line: str) -> None:
    # Once, however often the source loops.
    if line not in warnings:
        warnings.append(line)


def _truncation(container: InputContainer, packets: int, decoded: int, end: float) -> str:
    """Describe what is missing of what the container's header promised; empty when nothing is."""
    stream = container.streams.video[0]
    if stream.frames and packets < stream.frames:
        return f"{decoded} of {stream.frames} frames"
    duration = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    start = float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0
    if not stream.frames and duration and end - start < duration - 1.0:
        return f"{end - start:.1f} of {duration:.1f} s"
    return ""


def _lacks_index(path: Path) -> bool:
    """Tell whether a file is an MP4 that begins well but has no `moov` box."""
    with path.open("rb") as file:
        kind, found = file.read(8)[4:], False
        if kind != b"ftyp":
            return False
        position, size = 0, path.stat().st_size
        while position + 8 <= size and not found:
            file.seek(position)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            found = header[4:8] == b"moov"
            if length < 8:
                break
            position += length
    return not found
