"""An MP4 with features: any player plays it, and everything comes out again as it went in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from stream import file_writer
from stream.bitstream import BitstreamDecoder
from stream.file_reader import FileReader, carries_features
from stream.file_writer import OutputError, encode_file
from stream.source import SourceError, open_source
from tests.stream.files.clips import burnt_number, burnt_picture, write_clip

_FRAMES = 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mp4")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return write_clip(folder / "clip.mp4", frames=_FRAMES, audio="aac")


@pytest.fixture(scope="module")
def match(folder: Path, clip: Path, core: Core) -> Path:
    encode_file(str(clip), folder / "match.mp4", core)
    return folder / "match.mp4"


def test_features_come_out_symbol_for_symbol(clip: Path, match: Path, core: Core) -> None:
    encoder = Encoder(core)
    with FileReader(match) as reader, open_source(str(clip)) as source:
        decoder = BitstreamDecoder(reader.known)
        for frame, original in zip(reader, source, strict=True):
            assert frame.payload is not None
            features = decoder.decode(frame.payload)
            assert features.number == frame.number == burnt_number(frame.picture) == original.number
            assert features.pts == frame.pts == original.pts
            image, _ = prepare(original.picture, core.spec.input_width, core.spec.input_height)
            latent = encoder.latent(image, fresh=original.discontinuity)
            assert np.array_equal(features.symbols, core.spec.quantise(latent, "default"))
    assert original.number == _FRAMES - 1


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_audio_is_copied_untouched(clip: Path, match: Path) -> None:
    assert len(packets_of(clip)) > 40
    assert packets_of(match) == packets_of(clip)


def test_it_is_an_ordinary_mp4(match: Path) -> None:
    with av.open(str(match)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "h264"
        assert audio.codec_context.name == "aac"
        assert video.frames == _FRAMES
        assert container.duration == pytest.approx(_FRAMES / 25 * 1e6, abs=60_000)
        assert [burnt_number(frame) for frame in container.decode(video=0)] == list(range(_FRAMES))
    content = match.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), (
        "the index comes first, so that playing starts at once"
    )


def test_the_file_brings_its_own_spec_and_tables(
    match: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.entropy_tables.shipped_cores", lambda: [])
    with FileReader(match) as reader:
        ((spec, _),) = reader.known
        assert spec.fingerprint == core.spec.fingerprint
        first = next(iter(reader))
        assert first.payload is not None
        assert BitstreamDecoder(reader.known).decode(first.payload).number == 0


def test_damaged_metadata_is_reported_and_the_shipped_spec_used(
    match: Path, tmp_path: Path, core: Core
) -> None:
    content = match.read_bytes()
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content.replace(b'"weights_sha256":"', b'"weights_sha256":[', 1))
    with FileReader(damaged) as reader:
        assert {spec.fingerprint for spec, _ in reader.known} == {core.spec.fingerprint}
        assert "damaged" in reader.warnings[0]


def test_a_plain_video_has_no_payloads(clip: Path) -> None:
    assert not carries_features(clip)
    with FileReader(clip) as reader:
        assert {frame.payload for frame in reader} == {None}


def test_a_truncated_match_plays_what_is_there(match: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    content = match.read_bytes()
    cut.write_bytes(content[: content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2])
    with FileReader(cut) as reader:
        frames = list(reader)
        assert 0 < len(frames) < _FRAMES
        assert [frame.number for frame in frames if frame.payload] == list(range(len(frames)))
        assert any("truncated" in warning for warning in reader.warnings)


def test_the_report_adds_up(clip: Path, folder: Path, core: Core) -> None:
    told: list[tuple[int, float]] = []
    report = encode_file(
        str(clip), folder / "again.mp4", core, "low", lambda *progress: told.append(progress)
    )
    document = report.to_json()
    assert list(document) == ["frames", "fps", "feature_bytes", "video_bytes", "ms"]
    assert list(document["feature_bytes"]) == ["mean", "p50", "p95", "max", "key_mean", "delta_mean"]
    assert list(document["ms"]) == ["decode", "prepare", "core", "bitstream", "video_encode"]
    assert document["frames"] == _FRAMES
    assert all(value > 0 for value in document["ms"].values())
    sizes = document["feature_bytes"]
    assert sizes["p50"] <= sizes["p95"] <= sizes["max"]
    assert sizes["mean"] == pytest.approx((2 * sizes["key_mean"] + 23 * sizes["delta_mean"]) / 25, abs=0.2)
    with av.open(str(folder / "again.mp4")) as container:
        total = sum(packet.size for packet in container.demux(video=0))
    # An MP4 has a length where Annex B has a start code: the same four bytes per unit, three for some.
    assert total == pytest.approx(_FRAMES * (sizes["mean"] + document["video_bytes"]["mean"]), rel=0.01)
    assert report.warnings == ()


def test_variable_times_survive(tmp_path: Path, core: Core) -> None:
    times = [0, 40, 50, 200, 201, 900]
    clip = write_clip(tmp_path / "clip.mp4", frames=6, times=times)
    encode_file(str(clip), tmp_path / "match.mp4", core)
    with av.open(str(tmp_path / "match.mp4")) as container:
        assert [
            round(frame.time * 1000) for frame in container.decode(video=0) if frame.time is not None
        ] == times


@pytest.mark.parametrize("size", [(161, 97), (96, 160), (1, 1)])
def test_unusual_sizes_make_the_round_trip(tmp_path: Path, core: Core, size: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "clip.mkv", width=size[0], height=size[1], frames=3, codec="ffv1")
    encode_file(str(clip), tmp_path / "match.mp4", core)
    with FileReader(tmp_path / "match.mp4") as reader:
        decoder = BitstreamDecoder(reader.known)
        frames = [decoder.decode(frame.payload) for frame in reader if frame.payload]
    assert [(frame.source_width, frame.source_height) for frame in frames] == [size] * 3


def test_audio_that_mp4_cannot_carry_is_left_out_with_a_warning(tmp_path: Path, core: Core) -> None:
    clip = write_clip(tmp_path / "clip.mkv", frames=4, audio="wavpack")
    report = encode_file(str(clip), tmp_path / "match.mp4", core)
    assert any("wavpack" in warning for warning in report.warnings)
    with av.open(str(tmp_path / "match.mp4")) as container:
        assert not container.streams.audio


def test_an_interruption_leaves_nothing_behind(
    clip: Path, tmp_path: Path, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "match.mp4"
    target.write_bytes(b"the recording from before")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(file_writer, "_PROGRESS_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        encode_file(str(clip), target, core, on_progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["match.mp4"]
    assert target.read_bytes() == b"the recording from before"


def test_outputs_that_cannot_be_are_refused_in_one_line(clip: Path, tmp_path: Path, core: Core) -> None:
    before = hashlib.sha256(clip.read_bytes()).digest()
    for target, reason in (
        (tmp_path / "none" / "a.mp4", "does not exist"),
        (tmp_path / "a.avi", "ends in .mp4"),
        (clip, "source itself"),
    ):
        with pytest.raises(OutputError, match=reason):
            encode_file(str(clip), target, core)
    assert hashlib.sha256(clip.read_bytes()).digest() == before


def test_a_folder_becomes_a_video_if_its_images_are_of_one_size(tmp_path: Path, core: Core) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        Image.fromarray(burnt_picture(number, 160, 96)).save(images / f"{number}.png")
    assert encode_file(str(images), tmp_path / "match.mp4", core).frames == 3
    Image.fromarray(burnt_picture(3, 96, 160)).save(images / "3.png")
    with pytest.raises(SourceError, match=r"3\.png: is 96x160"):
        encode_file(str(images), tmp_path / "other.mp4", core)
    assert not (tmp_path / "other.mp4").exists()
