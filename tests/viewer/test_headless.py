"""The headless viewer: what it reads, when it resets heads, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from core_network.catalogue import Core
from stream.file_writer import encode_file
from stream.source import SourceError
from task_heads.manifest import HeadError
from tests.stream.files.clips import burnt_number, burnt_picture, write_clip
from tests.viewer.heads import write_head
from viewer.headless import ViewError, view
from viewer.inputs import is_whep_url

_FRAMES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headless")


@pytest.fixture(scope="module")
def head(folder: Path, core: Core) -> str:
    return str(write_head(folder / "counter", core.spec))


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return write_clip(folder / "clip.mp4", frames=_FRAMES)


@pytest.fixture(scope="module")
def match(folder: Path, clip: Path, core: Core) -> Path:
    encode_file(str(clip), folder / "match.mp4", core)
    return folder / "match.mp4"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_results_have_the_documented_fields(match: Path, head: str, core: Core, tmp_path: Path) -> None:
    summary = view(str(match), [head], core=core, results=tmp_path / "r.jsonl")
    lines = lines_of(tmp_path / "r.jsonl")
    assert (summary.frames, summary.frames_with_features, summary.results) == (_FRAMES, _FRAMES, _FRAMES)
    assert [line["frame"] for line in lines] == list(range(_FRAMES))
    assert [line["pts"] for line in lines] == [3600 * number for number in range(_FRAMES)]
    first = lines[0]
    assert (first["source"], first["head"]) == (None, "counter")
    assert first["boxes"] == [{"xyxy": [40.0, 24.0, 120.0, 48.0], "score": 0.9, "label": "player", "id": 7}]
    assert first["points"] == [{"xy": [80.0, 24.0], "score": 0.8, "label": "player"}]
    assert (first["stats"]["source_width"], first["stats"]["source_height"]) == (160, 96)
    assert [line["stats"]["seen"] for line in lines] == list(range(1, _FRAMES + 1))
    assert [line["stats"]["dt"] for line in lines] == pytest.approx([0] + [0.04] * (_FRAMES - 1))
    assert summary.head_ms["counter"] > 0


def test_a_recording_and_its_source_give_the_same_results(
    match: Path, clip: Path, head: str, core: Core, tmp_path: Path
) -> None:
    view(str(match), [head], core=core, results=tmp_path / "recorded.jsonl")
    view(str(clip), [head], core=core, results=tmp_path / "direct.jsonl")
    assert (tmp_path / "recorded.jsonl").read_text() == (tmp_path / "direct.jsonl").read_text()
    view(str(clip), [head], core=core, rate="lossless", results=tmp_path / "lossless.jsonl")
    assert (tmp_path / "lossless.jsonl").read_text() != (tmp_path / "direct.jsonl").read_text()


def test_all_keeps_what_is_below_the_display_threshold(
    match: Path, head: str, core: Core, tmp_path: Path
) -> None:
    view(str(match), [head], core=core, results=tmp_path / "r.jsonl", frames=1, keep_all=True)
    (line,) = lines_of(tmp_path / "r.jsonl")
    assert [box["score"] for box in line["boxes"]] == [0.9, 0.02]
    assert "id" not in line["boxes"][1]


def test_mot_lines_count_from_one(match: Path, head: str, core: Core, tmp_path: Path) -> None:
    view(str(match), [head], core=core, mot=tmp_path / "t.txt", frames=2)
    assert (tmp_path / "t.txt").read_text().splitlines() == [
        "1,7,40.00,24.00,80.00,24.00,0.9000,-1,-1,-1",
        "2,7,40.00,24.00,80.00,24.00,0.9000,-1,-1,-1",
    ]


def test_mot_needs_exactly_one_head_with_ids(match: Path, head: str, core: Core, tmp_path: Path) -> None:
    other = str(write_head(tmp_path / "other", core.spec, "other"))
    bare = str(write_head(tmp_path / "bare", core.spec, "bare", ids=False))
    with pytest.raises(ViewError, match="exactly one head .* counter, other"):
        view(str(match), [head, other], core=core, mot=tmp_path / "t.txt")
    with pytest.raises(ViewError, match="got none"):
        view(str(match), [bare], core=core, mot=tmp_path / "t.txt")
    view(str(match), [head, bare], core=core, mot=tmp_path / "t.txt", frames=1)
    assert len((tmp_path / "t.txt").read_text().splitlines()) == 1


def test_statistics_and_tracking_are_exported(match: Path, head: str, core: Core, tmp_path: Path) -> None:
    view(str(match), [head], core=core, frames=3, stats=tmp_path / "s.csv", tracking=tmp_path / "t.xml")
    rows = (tmp_path / "s.csv").read_text().splitlines()
    assert rows[1] == "0,0.000,counter,seen,1,"
    assert len(rows) == 1 + 3 * 5, "five statistics on each of three frames"
    # The head's box has no team, so that only the ball has a place.
    assert (tmp_path / "t.txt").read_text().splitlines()[0] == "0:0.50000,0.25000"
    with pytest.raises(ViewError, match=r"--stats: expected a name that ends in \.csv or \.json, got s\.txt"):
        view(str(match), [head], core=core, stats=tmp_path / "s.txt")
    with pytest.raises(ViewError, match=r"--tracking: expected a name that ends in \.xml"):
        view(str(match), [head], core=core, tracking=tmp_path / "t.csv")
    bare = str(write_head(tmp_path / "bare", core.spec, "bare", ids=False))
    with pytest.raises(ViewError, match="--tracking needs exactly one head"):
        view(str(match), [bare], core=core, tracking=tmp_path / "t.xml")


def test_the_overlay_video_shows_every_frame_with_its_own_result(
    match: Path, head: str, core: Core, tmp_path: Path
) -> None:
    view(str(match), [head], core=core, video=tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        frames = list(container.decode(video=0))
    assert [burnt_number(frame) for frame in frames] == list(range(_FRAMES))
    assert [round(frame.time * 25) for frame in frames if frame.time is not None] == list(range(_FRAMES))


def test_heads_start_anew_with_each_image_of_a_folder(head: str, core: Core, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number, size in enumerate([(160, 96), (96, 160), (120, 90)]):
        Image.fromarray(burnt_picture(number, *size)).save(images / f"{'cab'[number]}.png")
    summary = view(str(images), [head], core=core, results=tmp_path / "r.jsonl", video=tmp_path / "o.mp4")
    lines = lines_of(tmp_path / "r.jsonl")
    assert [line["source"] for line in lines] == ["a.png", "b.png", "c.png"]
    assert [line["stats"]["seen"] for line in lines] == [1, 1, 1]
    assert [line["stats"]["dt"] for line in lines] == [0, 0, 0]
    assert [line["boxes"][0]["xyxy"] for line in lines] == [
        [24.0, 40.0, 72.0, 80.0],
        [30.0, 22.5, 90.0, 45.0],
        [40.0, 24.0, 120.0, 48.0],
    ]
    assert summary.frames == 3


def test_frames_without_features_have_no_line_but_stay_in_the_video(
    match: Path, head: str, core: Core, tmp_path: Path
) -> None:
    partial = tmp_path / "partial.mp4"
    with av.open(str(match)) as source, av.open(str(partial), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is None:
                continue
            packet.stream = stream
            # Frame 5 loses the mark by which its payload is known.
            if number == 5:
                packet = _without_features(packet)
            target.mux(packet)
    summary = view(str(partial), [head], core=core, results=tmp_path / "r.jsonl", video=tmp_path / "o.mp4")
    assert (summary.frames, summary.frames_with_features) == (_FRAMES, _FRAMES - 1)
    lines = lines_of(tmp_path / "r.jsonl")
    assert [line["frame"] for line in lines] == [n for n in range(_FRAMES) if n != 5]
    assert lines[5]["stats"]["dt"] == pytest.approx(0.08)
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].frames == _FRAMES


def test_features_of_an_unknown_core_are_refused(
    match: Path, head: str, core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare.mp4"
    with av.open(str(match)) as source, av.open(str(bare), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    monkeypatch.setattr("stream.entropy_tables.shipped_cores", lambda: [])
    with pytest.raises(ViewError, match="none of 12 frames' features could be decoded"):
        view(str(bare), [head], core=core)


def _without_features(packet: Any) -> Any:
    from stream.carriage import FEATURES_UUID

    bare: Any = av.Packet(bytes(packet).replace(FEATURES_UUID, bytes(range(1, 17))))
    bare.stream, bare.pts, bare.dts, bare.time_base = packet.stream, packet.pts, packet.dts, packet.time_base
    return bare


def test_a_truncated_match_is_viewed_as_far_as_it_goes(
    match: Path, head: str, core: Core, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.mp4"
    content = match.read_bytes()
    cut.write_bytes(content[: content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2])
    summary = view(str(cut), [head], core=core, results=tmp_path / "r.jsonl")
    assert 0 < summary.frames_with_features < _FRAMES
    assert any("truncated" in warning for warning in summary.warnings)


def test_what_cannot_be_viewed_is_refused_in_one_line(
    match: Path, head: str, core: Core, tmp_path: Path
) -> None:
    with pytest.raises(HeadError, match="no_such_head"):
        view(str(match), ["no_such_head"], core=core)
    with pytest.raises(ViewError, match="no head"):
        view(str(match), [], core=core)
    with pytest.raises(SourceError, match="no such file"):
        view(str(tmp_path / "none.mp4"), [head], core=core)
    with pytest.raises(ViewError, match="does not exist"):
        view(str(match), [head], core=core, results=tmp_path / "none" / "r.jsonl")
    with pytest.raises(HeadError, match="expects features"):
        view(str(match), [str(_foreign_head(tmp_path, core))], core=core)


def _foreign_head(folder: Path, core: Core) -> Path:
    head = write_head(folder / "foreign", core.spec, "foreign")
    manifest = json.loads((head / "head.json").read_text())
    manifest["spec"]["fingerprint"] = "0" * 64
    (head / "head.json").write_text(json.dumps(manifest))
    return head


@pytest.mark.parametrize(
    ("address", "whep"),
    [
        ("http://127.0.0.1:8080/whep", True),
        ("https://example.org/live/7/whep?token=1", True),
        ("https://example.org/match.mp4", False),
        ("https://example.org/live.m3u8?x=1", False),
        ("rtsp://camera/stream", False),
        ("match.mp4", False),
    ],
)
def test_which_addresses_are_whep(address: str, whep: bool) -> None:
    assert is_whep_url(address) is whep
