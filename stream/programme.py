"""The one path from a frame to its access unit with features inside, for files and for the live broadcast."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from stream.bitstream import BitstreamEncoder, EntropyTables
from stream.carriage import insert
from stream.scene_cuts import SceneCuts
from stream.source import SourceFrame
from stream.sync import KeySchedule
from stream.video_encoder import VideoEncoder, VideoUnit

__all__ = ["CodedFeatures", "CodedFrame", "FeatureEncoder", "PendingFrame", "ProgrammeEncoder"]


@dataclass(frozen=True)
class CodedFeatures:
    """The payload of one frame, and what each step took; `core_ms` is the session's run alone."""

    number: int
    payload: bytes
    key: bool
    prepare_ms: float
    core_ms: float
    bitstream_ms: float


@dataclass(frozen=True)
class CodedFrame:
    """One access unit (Annex B) with its features.

    `key`: video IDR, which always comes with a feature key; `feature_key`: the features stand alone.
    `feature_bytes`: as carried, with SEI and chunk headers and escaping; `video_bytes`: the rest.
    """

    access_unit: bytes
    pts: int
    number: int
    key: bool
    feature_key: bool
    feature_bytes: int
    video_bytes: int
    decode_ms: float
    prepare_ms: float
    core_ms: float
    bitstream_ms: float
    video_encode_ms: float


class FeatureEncoder:
    """frame -> prepare -> core network -> quantise -> bitstream -> payload; one per broadcast.

    The three steps may run in three threads, each step in frame order.
    """

    def __init__(
        self, core: Core, *, rate: str = "default", key_interval: int = 10, threads: int = 1
    ) -> None:
        """Load the core and its tables; raises ValueError when `rate` is unknown."""
        self.spec = core.spec
        self.rate = rate
        if rate not in core.spec.steps:
            raise ValueError(f"rate: expected one of {', '.join(core.spec.steps)}, got {rate!r}")
        self.tables = EntropyTables.from_bytes(core.tables_path.read_bytes())
        self._encoder = Encoder(core, threads)
        self._bitstream = BitstreamEncoder(core.spec, self.tables, rate, key_interval)
        self._reformatter = VideoReformatter()
        self._cuts = SceneCuts()

    def encode(self, frame: SourceFrame, *, force_key: bool) -> CodedFeatures:
        """Return the coded features of one frame; `force_key` or a scene cut makes them stand alone."""
        image, prepare_ms = self.prepare(frame)
        cut = self.scene_changed(image)
        latent, core_ms = self.latent(image)
        return self.code(frame, latent, force_key=force_key or cut, prepare_ms=prepare_ms, core_ms=core_ms)

    def prepare(self, frame: SourceFrame) -> tuple[NDArray[np.uint8], float]:
        """Return the core's input [H, W, 3] and the milliseconds it took."""
        started = time.perf_counter()
        image, _ = prepare(
            frame.picture,
            self.spec.input_width,
            self.spec.input_height,
            (frame.source_width, frame.source_height),
            self._reformatter,
        )
        return image, _ms_since(started)

    def scene_changed(self, image: NDArray[np.uint8]) -> bool:
        """Return whether a new scene begins with this prepared image; call it once per frame, in order."""
        return self._cuts.is_cut(image)

    def latent(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Return the latent [C, h, w] of a prepared image and the milliseconds it took."""
        started = time.perf_counter()
        return self._encoder.latent(image), _ms_since(started)

    def code(
        self,
        frame: SourceFrame,
        latent: NDArray[np.float32],
        *,
        force_key: bool,
        prepare_ms: float,
        core_ms: float,
    ) -> CodedFeatures:
        """Quantise a latent and write its payload."""
        started = time.perf_counter()
        coded = self._bitstream.encode(
            self.spec.quantise(latent, self.rate),
            number=frame.number,
            pts=frame.pts,
            source_size=(frame.source_width, frame.source_height),
            force_key=force_key,
        )
        return CodedFeatures(frame.number, coded.payload, coded.key, prepare_ms, core_ms, _ms_since(started))


class PendingFrame:
    """A frame on its way through the programme's threads."""

    def __init__(self, frame: SourceFrame, features: Future[CodedFeatures], video: Future[VideoUnit]) -> None:
        """Join the two halves of one frame."""
        self._frame, self._features, self._video = frame, features, video

    def result(self) -> CodedFrame:
        """Wait for both halves and return them as one access unit; raises what either raised."""
        unit, features = self._video.result(), self._features.result()
        access_unit = insert(unit.access_unit, features.payload)
        return CodedFrame(
            access_unit=access_unit,
            pts=unit.pts,
            number=features.number,
            key=unit.key,
            feature_key=features.key,
            feature_bytes=len(access_unit) - len(unit.access_unit),
            video_bytes=len(unit.access_unit),
            decode_ms=self._frame.decode_ms,
            prepare_ms=features.prepare_ms,
            core_ms=features.core_ms,
            bitstream_ms=features.bitstream_ms,
            video_encode_ms=unit.encode_ms,
        )


class ProgrammeEncoder:
    """Features and video of the same frames, side by side.

    frame -+- prepare, core -> quantise, bitstream -+-> access unit with features
           +- x264 ---------------------------------+
    """

    def __init__(self, feature_encoder: FeatureEncoder, video_encoder: VideoEncoder) -> None:
        """Take over both encoders: only this programme calls them from now on."""
        self._features, self._video = feature_encoder, video_encoder
        self._keys = KeySchedule(video_encoder.fps)
        self._core_thread = ThreadPoolExecutor(1, "core")
        self._bitstream_thread = ThreadPoolExecutor(1, "bitstream")
        self._video_thread = ThreadPoolExecutor(1, "video")

    def submit(self, frame: SourceFrame, force_key: bool = False) -> PendingFrame:
        """Start a frame and return at once; call it in frame order and keep few frames pending.

        A discontinuity of the source and every two seconds of it make an IDR with a feature key.
        """
        key = self._keys.decide(frame.pts, force_key or frame.discontinuity)
        video = self._video_thread.submit(self._encode_video, frame, key)
        latent = self._core_thread.submit(self._latent, frame)
        features = self._bitstream_thread.submit(self._code, frame, latent, key)
        return PendingFrame(frame, features, video)

    def encode(self, frame: SourceFrame, force_key: bool = False) -> CodedFrame:
        """Return the access unit of one frame (features and video in parallel)."""
        return self.submit(frame, force_key).result()

    def close(self) -> None:
        """Stop the threads; frames that have not started are given up."""
        for thread in (self._core_thread, self._bitstream_thread, self._video_thread):
            thread.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> ProgrammeEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _encode_video(self, frame: SourceFrame, key: bool) -> VideoUnit:
        (unit,) = self._video.encode(frame.picture, frame.pts, key)
        return unit

    def _latent(self, frame: SourceFrame) -> _Latent:
        image, prepare_ms = self._features.prepare(frame)
        cut = self._features.scene_changed(image)
        values, core_ms = self._features.latent(image)
        return _Latent(values, cut, prepare_ms, core_ms)

    def _code(self, frame: SourceFrame, pending: Future[_Latent], key: bool) -> CodedFeatures:
        latent = pending.result()
        return self._features.code(
            frame,
            latent.values,
            force_key=key or latent.cut,
            prepare_ms=latent.prepare_ms,
            core_ms=latent.core_ms,
        )


@dataclass(frozen=True, eq=False)
class _Latent:
    """What the core's thread hands to the bitstream's."""

    values: NDArray[np.float32]
    cut: bool
    prepare_ms: float
    core_ms: float


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
