"""Small videos made on the fly, each frame with its number burnt in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_BITS = 10


def burnt_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return RGB [height, width, 3]: a gradient with the number on top as ten black or white blocks.

    The blocks are so small that another number is no scene cut.
    """
    x, y = np.linspace(60, 180, width).astype(np.uint8), np.linspace(40, 160, height).astype(np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = x[None], y[:, None], x[None] // 2 + y[:, None] // 2
    strip = max(1, height // 16)
    for bit in range(_BITS):
        picture[:strip, bit * width // _BITS : (bit + 1) * width // _BITS] = 235 if number >> bit & 1 else 16
    return picture


def burnt_number(picture: av.VideoFrame) -> int:
    """Return the number that `burnt_picture` burnt into a decoded picture."""
    plane = picture.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    row = luma[plane.height // 32]
    return sum(int(row[(2 * bit + 1) * plane.width // (2 * _BITS)] > 125) << bit for bit in range(_BITS))


def write_clip(
    path: Path,
    *,
    width: int = 160,
    height: int = 96,
    frames: int = 12,
    fps: int = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: list[int] | None = None,
    rotation: float | None = None,
    mirrored: bool = False,
    sample_aspect: Fraction | None = None,
    audio: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video; `times` are frame times in ms; `audio` names the codec of a tone beside it."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "qp": "10", "bf": "0"}
        if sample_aspect:
            stream.codec_context.sample_aspect_ratio = sample_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        tone: Any = container.add_stream(audio, rate=48_000) if audio else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(burnt_picture(number, width, height), "rgb24").reformat(
                format=pixel_format
            )
            frame.pts = times[number] if times else number * 1000 // fps
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _write_tone(container, tone, frames / fps)
    return path


def _write_tone(container: Any, stream: Any, seconds: float) -> None:
    size, at = stream.codec_context.frame_size or 1024, 0
    while at < seconds * 48_000:
        wave = np.sin((at + np.arange(size)) * 2 * np.pi * 440 / 48_000)
        samples = (wave * 9000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
        at += size
    container.mux(stream.encode(None))
