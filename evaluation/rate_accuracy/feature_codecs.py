"""Ways to send the core's latents: our bitstream, quantised bytes under zstd, and mosaics under x265.

Each takes the latents of a clip [C, h, w] and returns, frame by frame, what is sent and what arrives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.spec import FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamEncoder
from stream.carriage import carried_size
from stream.entropy_tables import load_tables
from stream.sync import CLOCK_RATE

__all__ = [
    "FeatureCodec",
    "Latents",
    "OurBitstream",
    "QuantisedBytes",
    "Sent",
    "X265Mosaic",
    "mosaic",
    "rounded",
    "tiles",
]

Latent = NDArray[np.float32]


@dataclass(frozen=True)
class Latents:
    """The latents of successive frames; `keys[i]`: frame i must be decodable by itself, as at a video IDR."""

    values: Sequence[Latent]
    keys: Sequence[bool]
    fps: float
    source_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Sent:
    """Bytes of one frame as carried, and the features that the viewer gets, float32 [1, C, h, w]."""

    size: int
    features: NDArray[np.float32]


class FeatureCodec(Protocol):
    """`method` names the family (one curve), `setting` the point on it."""

    method: str
    setting: str

    def send(self, latents: Latents) -> Iterator[Sent]:
        """Yield what each frame costs and what arrives."""


class OurBitstream:
    """symbols -> rANS with contexts, keys and deltas -> SEI units."""

    method = "ours"

    def __init__(self, core: Core, rate: str) -> None:
        """Code at one of the named rates."""
        self._core, self.setting = core, rate

    def send(self, latents: Latents) -> Iterator[Sent]:
        """Code and decode; bytes are those of the SEI units in the access unit."""
        spec, rate = self._core.spec, self.setting
        tables = load_tables(self._core, rate)
        encoder, decoder = BitstreamEncoder(spec, tables, rate), BitstreamDecoder([(spec, tables)])
        for number, (latent, key) in enumerate(zip(latents.values, latents.keys, strict=True)):
            payload = encoder.encode(
                spec.quantise(latent, rate),
                number=number,
                pts=round(number * CLOCK_RATE / latents.fps),
                source_size=latents.source_size,
                force_key=key,
            ).payload
            symbols = decoder.decode(payload).symbols
            yield Sent(carried_size(payload), spec.dequantise(symbols, rate))


class QuantisedBytes:
    """latent -> uniform levels over its range, a byte each -> zstd -> SEI units; every frame by itself."""

    method = "quantised + zstd"
    _LEVEL = 19

    def __init__(self, spec: FeatureSpec, bits: int) -> None:
        """Use 2**bits levels; 8 is the plain way."""
        self._spec = spec
        self._limit, self._most, self.setting = _limit(spec), 2**bits - 1, f"{bits} bit"

    def send(self, latents: Latents) -> Iterator[Sent]:
        """Code and decode each frame."""
        import zstandard

        packer, unpacker = zstandard.ZstdCompressor(level=self._LEVEL), zstandard.ZstdDecompressor()
        for latent in latents.values:
            packed = packer.compress(_levels(latent, self._limit, self._most).tobytes())
            levels = np.frombuffer(unpacker.decompress(packed), np.uint8).reshape(latent.shape)
            yield Sent(carried_size(packed), rounded(self._spec, _values(levels, self._limit, self._most)))


class X265Mosaic:
    """latent -> 8 bits -> channels as tiles of one grey picture -> x265 -> the same way back.

    The inner codec of feature coding for machines (MPEG-AI part 4) works on such pictures. Low delay: no
    reordering, an IDR wherever the video has one; bytes are the elementary stream's.
    """

    method = "x265 mosaic"

    def __init__(self, spec: FeatureSpec, qp: int) -> None:
        """Code at one quantisation parameter."""
        self._spec, self._limit, self._qp, self.setting = spec, _limit(spec), qp, f"QP {qp}"

    def send(self, latents: Latents) -> Iterator[Sent]:
        """Code the clip, then decode it."""
        shape = latents.values[0].shape
        pictures = [mosaic(_levels(latent, self._limit, 255)) for latent in latents.values]
        units = _x265(pictures, latents.keys, latents.fps, self._qp)
        for unit, picture in zip(units, _decoded(units), strict=True):
            values = _values(tiles(picture, shape), self._limit, 255)
            yield Sent(len(unit), rounded(self._spec, values))


def rounded(spec: FeatureSpec, latent: Latent) -> NDArray[np.float32]:
    """Return features [1, C, h, w] of a latent that was not sent through our bitstream, at the finest step.

    Heads have learned from rounded latents alone, so that every rival's are rounded before they see them.
    """
    return spec.dequantise(spec.quantise(latent, "lossless"), "lossless")


def mosaic(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the channels [C, h, w] as tiles of one picture, as square as C allows."""
    count, height, width = channels.shape
    rows = _rows(count)
    picture = channels.reshape(rows, count // rows, height, width).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(picture.reshape(rows * height, count // rows * width))


def tiles(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the channels [C, h, w] of a mosaic."""
    count, height, width = shape
    rows = _rows(count)
    return picture.reshape(rows, height, count // rows, width).transpose(0, 2, 1, 3).reshape(shape)


def _rows(count: int) -> int:
    """Return the number of tile rows: of two factors that are nearest, the larger, tiles being wide."""
    below = max(factor for factor in range(1, math.isqrt(count) + 1) if count % factor == 0)
    return count // below


def _limit(spec: FeatureSpec) -> float:
    """Return the largest value that features may have."""
    return spec.symbol_max * max(spec.steps["lossless"])


def _levels(latent: Latent, limit: float, most: int) -> NDArray[np.uint8]:
    scaled = (latent + limit) * (most / (2 * limit))
    levels: NDArray[np.uint8] = np.rint(scaled).clip(0, most).astype(np.uint8)
    return levels


def _values(levels: NDArray[np.uint8], limit: float, most: int) -> Latent:
    values: Latent = (levels.astype(np.float32) * np.float32(2 * limit / most) - np.float32(limit)).astype(
        np.float32
    )
    return values


def _x265(pictures: Sequence[NDArray[np.uint8]], keys: Sequence[bool], fps: float, qp: int) -> list[bytes]:
    height, width = pictures[0].shape
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "gray"
    encoder.framerate = Fraction(fps).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.options = {
        "preset": "medium",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": ":".join(
            (
                f"qp={qp}",
                "keyint=-1",  # the keys decide
                "scenecut=0",
                "pools=none",
                "frame-threads=1",
                "repeat-headers=1",
                "log-level=error",
            )
        ),
    }
    units = []
    for number, (picture, key) in enumerate(zip(pictures, keys, strict=True)):
        frame = av.VideoFrame.from_ndarray(picture, "gray")
        frame.pts, frame.time_base = number, encoder.time_base
        frame.pict_type = PictureType.I if key else PictureType.NONE
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units + [bytes(packet) for packet in encoder.encode(None)]


def _decoded(units: Iterable[bytes]) -> Iterator[NDArray[np.uint8]]:
    decoder = av.CodecContext.create("hevc", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    for packet in (*map(av.Packet, units), None):
        for frame in decoder.decode(packet):
            # Straight from the plane: a conversion could stretch the range.
            plane = frame.planes[0]
            rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
            yield np.ascontiguousarray(rows[:, : plane.width])
