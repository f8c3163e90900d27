"""The one path from a frame to its access unit with features inside, for files and for the live broadcast."""

from __future__ import annotations

import os
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
from stream.bitstream import KEY_INTERVAL, BitstreamEncoder
from stream.carriage import insert
from stream.entropy_tables import load_tables
from stream.scene_cuts import SceneCuts
from stream.source import SourceFrame
from stream.sync import KeySchedule
from stream.video_encoder import VideoEncoder, VideoUnit

__all__ = [
    "Analysis",
    "CodedFeatures",
    "CodedFrame",
    "FeatureEncoder",
    "PendingFrame",
    "Prepared",
    "ProgrammeEncoder",
    "core_threads",
]


@dataclass(frozen=True)
class CodedFeatures:
    """The payload of one frame, and what each step took; `core_ms` is the session's run alone."""

    number: int
    payload: bytes
    key: bool
    anchor: bool
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


@dataclass(frozen=True, eq=False)
class Prepared:
    """One frame as the core network takes it: RGB uint8 [H, W, 3]; `scene` as in Analysis."""

    image: NDArray[np.uint8]
    scene: int
    prepare_ms: float


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the core network saw in one frame: the latent float32 [C, h, w], and what each step took.

    `scene` counts the scenes of the programme: a frame with another number than the frame before has
    nothing to do with it.
    """

    latent: NDArray[np.float32]
    scene: int
    prepare_ms: float
    core_ms: float


class FeatureEncoder:
    """frame -> analyse (prepare, then see) -> code (quantise, bitstream) -> payload; one per broadcast.

    The steps may run in threads of their own, each step in frame order. Frames may be left out before any.
    """

    def __init__(
        self, core: Core, *, rate: str = "default", key_interval: int = KEY_INTERVAL, threads: int = 1
    ) -> None:
        """Load the core and its tables; raises ValueError when `rate` is unknown."""
        self.spec = core.spec
        self.rate = rate
        if rate not in core.spec.steps:
            raise ValueError(f"rate: expected one of {', '.join(core.spec.steps)}, got {rate!r}")
        self.tables = load_tables(core, rate)
        self._encoder = Encoder(core, threads)
        self._bitstream = BitstreamEncoder(core.spec, self.tables, rate, key_interval)
        self._reformatter = VideoReformatter()
        self._cuts = SceneCuts()
        self._scene = self._seen_scene = self._coded_scene = 0

    def analyse(self, frame: SourceFrame) -> Analysis:
        """Run the core on one frame; a discontinuity or a scene cut makes it forget the frames before."""
        return self.see(self.prepare(frame))

    def prepare(self, frame: SourceFrame) -> Prepared:
        """Bring one frame to the core's input size and colours, and notice where a scene begins."""
        started = time.perf_counter()
        image, _ = prepare(
            frame.picture,
            self.spec.input_width,
            self.spec.input_height,
            (frame.source_width, frame.source_height),
            self._reformatter,
        )
        self._scene += self._cuts.is_cut(image) or frame.discontinuity
        return Prepared(image, self._scene, _ms_since(started))

    def see(self, prepared: Prepared) -> Analysis:
        """Run the core on one prepared frame; in a new scene it forgets the frames before."""
        started = time.perf_counter()
        latent = self._encoder.latent(prepared.image, fresh=prepared.scene != self._seen_scene)
        self._seen_scene = prepared.scene
        return Analysis(latent, prepared.scene, prepared.prepare_ms, _ms_since(started))

    def code(self, frame: SourceFrame, analysis: Analysis, *, force_key: bool) -> CodedFeatures:
        """Quantise and write one frame's payload; `force_key` or a new scene makes it stand alone."""
        started = time.perf_counter()
        coded = self._bitstream.encode(
            self.spec.quantise(analysis.latent, self.rate),
            number=frame.number,
            pts=frame.pts,
            source_size=(frame.source_width, frame.source_height),
            force_key=force_key or analysis.scene != self._coded_scene,
        )
        self._coded_scene = analysis.scene
        return CodedFeatures(
            frame.number,
            coded.payload,
            coded.key,
            coded.anchor,
            analysis.prepare_ms,
            analysis.core_ms,
            _ms_since(started),
        )


def core_threads() -> int:
    """Return how many threads a live core network gets: a second shortens its delay where cores are to spare.

    On two cores it would only take from the video encoder, and its threads would wait for each other.
    """
    return 2 if (os.cpu_count() or 1) > 2 else 1


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

    frame -+- prepare | see | code -+-> access unit with features
           +- x264 -----------------+

    The caller's thread decodes and prepares, which leaves the slowest step, the core, a thread to itself.
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
        analysis = self._core_thread.submit(self._features.see, self._features.prepare(frame))
        features = self._bitstream_thread.submit(self._code, frame, analysis, key)
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

    def _code(self, frame: SourceFrame, analysis: Future[Analysis], key: bool) -> CodedFeatures:
        return self._features.code(frame, analysis.result(), force_key=key)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
