"""The path from frame to access unit: keys go together, bytes add up, threads change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from stream.bitstream import BitstreamDecoder
from stream.carriage import extract
from stream.entropy_tables import load_tables
from stream.programme import CodedFrame, FeatureEncoder, ProgrammeEncoder
from stream.source import SourceFrame, open_source
from stream.video_encoder import VideoEncoder
from tests.stream.files.clips import write_clip


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[SourceFrame]:
    clip = write_clip(tmp_path_factory.mktemp("programme") / "clip.mp4", frames=25)
    with open_source(str(clip)) as source:
        return list(source)


@pytest.fixture(scope="module")
def coded(core: Core, frames: list[SourceFrame]) -> list[CodedFrame]:
    """All frames through the threads, frame 13 as a forced key."""
    features = FeatureEncoder(core, rate="high", key_interval=10)
    with ProgrammeEncoder(features, VideoEncoder(160, 96, 25)) as programme:
        pending = [programme.submit(frame, frame.number == 13) for frame in frames]
        return [frame.result() for frame in pending]


def test_every_video_key_carries_a_feature_key(coded: list[CodedFrame]) -> None:
    assert [frame.number for frame in coded if frame.key] == [0, 13]
    assert [frame.number for frame in coded if frame.feature_key] == [0, 10, 13, 23]


def test_payloads_hold_what_the_core_saw(
    core: Core, frames: list[SourceFrame], coded: list[CodedFrame]
) -> None:
    encoder = Encoder(core)
    decoder = BitstreamDecoder([(core.spec, load_tables(core, "high"))])
    for frame, result in zip(frames[:12], coded, strict=False):
        payload = extract(result.access_unit)
        assert payload is not None
        features = decoder.decode(payload)
        image, _ = prepare(frame.picture, core.spec.input_width, core.spec.input_height)
        latent = encoder.latent(image, fresh=frame.discontinuity)
        assert np.array_equal(features.symbols, core.spec.quantise(latent, "high"))
        assert (features.number, features.pts) == (frame.number, frame.pts)
        assert (features.source_width, features.source_height) == (160, 96)


def test_bytes_add_up(coded: list[CodedFrame]) -> None:
    for frame in coded:
        assert frame.feature_bytes + frame.video_bytes == len(frame.access_unit)
        payload = extract(frame.access_unit)
        assert payload is not None
        # SEI and chunk headers, and rare escapes: a few dozen bytes per chunk.
        assert 24 <= frame.feature_bytes - len(payload) <= 40 * (len(payload) // 1132 + 1)


def test_one_frame_at_a_time_gives_the_same_bytes(
    core: Core, frames: list[SourceFrame], coded: list[CodedFrame]
) -> None:
    features = FeatureEncoder(core, rate="high", key_interval=10)
    with ProgrammeEncoder(features, VideoEncoder(160, 96, 25)) as programme:
        single = [programme.encode(frame).access_unit for frame in frames[:12]]
    assert single == [frame.access_unit for frame in coded[:12]]


def test_an_unknown_rate_is_refused(core: Core) -> None:
    with pytest.raises(ValueError, match="lossless, high, default, low"):
        FeatureEncoder(core, rate="best")


def test_a_failure_in_a_thread_reaches_the_caller(
    core: Core, frames: list[SourceFrame], tmp_path: Path
) -> None:
    other = write_clip(tmp_path / "other.mp4", width=64, height=64, frames=1)
    with (
        open_source(str(other)) as source,
        ProgrammeEncoder(FeatureEncoder(core), VideoEncoder(160, 96, 25)) as programme,
        pytest.raises(ValueError, match="160x96"),
    ):
        programme.encode(next(source))


def test_a_scene_cut_is_a_feature_key_but_no_video_key(core: Core, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=6)
    with open_source(str(clip)) as source:
        frames = list(source)
    for frame in frames[4:]:
        for plane in frame.picture.planes:
            plane.update(bytes(255 - value for value in bytes(plane)))
    with ProgrammeEncoder(FeatureEncoder(core), VideoEncoder(160, 96, 25)) as programme:
        coded = [programme.encode(frame) for frame in frames]
    assert [frame.number for frame in coded if frame.feature_key] == [0, 4]
    assert [frame.number for frame in coded if frame.key] == [0]

    features = FeatureEncoder(core)
    seen = [(frame, features.analyse(frame)) for frame in frames]
    keys = [features.code(*pair, force_key=False).key for pair in seen if pair[0].number != 4]
    assert keys == [True, False, False, False, True], "the cut's own frame may be left out"


def test_the_core_forgets_what_was_before_a_cut_and_a_discontinuity(
    core: Core, frames: list[SourceFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    original = Encoder.latent

    def latent(self: Encoder, image: Any, *, fresh: bool) -> Any:
        seen.append(fresh)
        return original(self, image, fresh=fresh)

    monkeypatch.setattr(Encoder, "latent", latent)
    features = FeatureEncoder(core)
    for frame in (*frames[:3], replace(frames[3], discontinuity=True), frames[4]):
        features.analyse(frame)
    assert seen == [True, False, False, True, False]
