"""The delivered video at a size and a bitrate: coded by our H.264 encoder, kept on disk, decoded again."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from evaluation.rate_accuracy.footage import Footage
from stream.source import SourceFrame
from stream.sync import CLOCK_RATE
from stream.video_encoder import VideoEncoder

__all__ = ["Delivery", "coded_video", "decoded_video", "luma_psnr"]


@dataclass(frozen=True)
class Delivery:
    """The height of the coded picture in px and the bitrate that the encoder was asked for."""

    height: int
    kbps: int

    def width(self, footage: Footage) -> int:
        """Return the even width that keeps the aspect."""
        return max(2, round(footage.width * self.height / footage.height / 2) * 2)

    def __str__(self) -> str:
        """Return it as tables show it."""
        return f"{self.height}p, {self.kbps} kbit/s asked"


def coded_video(footage: Footage, delivery: Delivery, cache: Path) -> list[bytes]:
    """Return the access unit of each frame; read from `cache` when it was coded there before."""
    path = _stored(footage, delivery, cache, ".npz")
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            lengths, content = stored["lengths"], stored["units"].tobytes()
        ends = np.cumsum(lengths)
        return [content[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    units = list(_code(footage, delivery))
    path.parent.mkdir(parents=True, exist_ok=True)
    partly = path.with_name(f"{path.name}.part")
    with partly.open("wb") as file:
        np.savez(
            file,
            lengths=np.array([len(unit) for unit in units]),
            units=np.frombuffer(b"".join(units), np.uint8),
        )
    os.replace(partly, path)
    return units


def luma_psnr(units: list[bytes], footage: Footage, delivery: Delivery, cache: Path) -> float | None:
    """Return the mean PSNR of the decoded luma in dB, kept in `cache`; None at another size."""
    if delivery.height != footage.height:
        return None
    path = _stored(footage, delivery, cache, ".psnr")
    if not path.is_file():
        pairs = zip(footage.frames(), decoded_video(units, footage), strict=True)
        value = fmean(_psnr(_luma(source), _luma(decoded)) for source, decoded in pairs)
        partly = path.with_name(f"{path.name}.part")
        partly.write_text(f"{value:.4f}\n")
        os.replace(partly, path)
    return float(path.read_text())


def _luma(frame: SourceFrame) -> NDArray[np.float32]:
    picture = frame.picture
    return picture.to_ndarray(format="yuv420p")[: picture.height].astype(np.float32)


def _psnr(source: NDArray[np.float32], decoded: NDArray[np.float32]) -> float:
    error = max(float(np.square(source - decoded).mean()), 1e-4)  # equal pictures: 88 dB rather than infinity
    return 10 * math.log10(255**2 / error)


def _stored(footage: Footage, delivery: Delivery, cache: Path, suffix: str) -> Path:
    settings = {
        "file": footage.path.name,
        "size": footage.path.stat().st_size,
        "frames": footage.count,
        "height": delivery.height,
        "kbps": delivery.kbps,
    }
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    return cache / f"{footage.name}-{delivery.height}p-{delivery.kbps}k-{key}{suffix}"


def decoded_video(units: list[bytes], footage: Footage) -> Iterator[SourceFrame]:
    """Yield the decoded pictures as frames of the source: its numbers, times and size."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    number = 0
    for packet in (*map(av.Packet, units), None):
        for picture in decoder.decode(packet):
            pts = round(number * CLOCK_RATE / footage.fps)
            yield SourceFrame(number, pts, picture, footage.width, footage.height, None, number == 0)
            number += 1


def _code(footage: Footage, delivery: Delivery) -> Iterator[bytes]:
    width = delivery.width(footage)
    encoder = VideoEncoder(width, delivery.height, footage.fps, delivery.kbps)
    scaler = VideoReformatter()
    for frame in footage.frames():
        picture = frame.picture
        if (picture.width, picture.height) != (width, delivery.height):
            picture = scaler.reformat(
                picture, width=width, height=delivery.height, interpolation=Interpolation.AREA
            )
        for unit in encoder.encode(picture, frame.pts, frame.discontinuity):
            yield unit.access_unit
    yield from (unit.access_unit for unit in encoder.flush())
