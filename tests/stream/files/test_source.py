"""Sources: every odd input becomes upright, even, timed frames, or one clear line."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest
from PIL import Image

from stream.source import SourceError, SourceFrame, open_source
from stream.sources.upright import luma
from tests.stream.files.clips import burnt_number, burnt_picture, write_clip


def frames_of(path: Path | str, limit: int | None = None, *, loop: bool = False) -> list[SourceFrame]:
    with open_source(str(path), loop=loop) as source:
        return list(islice(source, limit))


@pytest.mark.parametrize(
    ("stored", "source_size", "picture_size"),
    [
        ((160, 96), (160, 96), (160, 96)),
        ((96, 160), (96, 160), (96, 160)),
        ((161, 97), (161, 97), (162, 98)),
        ((1, 1), (1, 1), (2, 2)),
        ((640, 480), (640, 480), (640, 480)),
        ((2560, 1440), (2560, 1440), (1920, 1080)),
        ((1440, 2560), (1440, 2560), (1080, 1920)),
        ((7680, 4320), (7680, 4320), (1920, 1080)),
        ((3001, 1001), (3001, 1001), (1920, 640)),
    ],
)
def test_sizes(
    tmp_path: Path, stored: tuple[int, int], source_size: tuple[int, int], picture_size: tuple[int, int]
) -> None:
    width, height = stored
    count = 1 if width > 4000 else 2
    clip = write_clip(
        tmp_path / "clip.mkv",
        width=width,
        height=height,
        frames=count,
        codec="mjpeg",
        pixel_format="yuvj420p",
    )
    frames = frames_of(clip)
    for frame in frames:
        assert (frame.source_width, frame.source_height) == source_size
        assert (frame.picture.width, frame.picture.height) == picture_size
        assert frame.picture.format.name == "yuv420p"
    if min(stored) > 10:
        assert [burnt_number(frame.picture) for frame in frames] == list(range(count))


def test_a_frame_that_needs_nothing_is_passed_on_untouched(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", width=1280, height=720, frames=3)
    with av.open(str(clip)) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    for frame, pixels in zip(frames_of(clip), expected, strict=True):
        assert np.array_equal(frame.picture.to_ndarray(), pixels)
        assert frame.picture.colorspace == 1


def test_small_pictures_are_bt601(tmp_path: Path) -> None:
    (frame,) = frames_of(write_clip(tmp_path / "clip.mp4", frames=1))
    assert frame.picture.colorspace == 5


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_display_matrix_makes_pictures_upright(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=1, rotation=degrees, mirrored=mirrored)
    with av.open(str(clip)) as container:
        stored = luma(next(container.decode(video=0))).copy()
    (frame,) = frames_of(clip)
    # As FFmpeg does: turn counterclockwise, then mirror.
    turned = np.rot90(stored, degrees // 90)
    expected = turned[:, ::-1] if mirrored else turned
    assert np.array_equal(luma(frame.picture), expected)
    assert (frame.source_width, frame.source_height) == expected.shape[::-1]


def test_sample_aspect_gives_square_pixels(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", width=120, height=96, frames=3, sample_aspect=Fraction(4, 3))
    frames = frames_of(clip)
    assert {(frame.source_width, frame.source_height) for frame in frames} == {(160, 96)}
    assert {(frame.picture.width, frame.picture.height) for frame in frames} == {(160, 96)}
    assert [burnt_number(frame.picture) for frame in frames] == [0, 1, 2]


def test_sample_aspect_belongs_to_the_stored_picture(tmp_path: Path) -> None:
    aspect = Fraction(4, 3)
    clip = write_clip(
        tmp_path / "clip.mp4", width=120, height=96, frames=1, rotation=90, sample_aspect=aspect
    )
    (frame,) = frames_of(clip)
    assert (frame.source_width, frame.source_height) == (96, 160)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 50, 200, 201, 900]
    frames = frames_of(write_clip(tmp_path / "clip.mp4", frames=6, times=times))
    assert [frame.pts for frame in frames] == [90 * time for time in times]
    assert [burnt_number(frame.picture) for frame in frames] == list(range(6))


def test_missing_times_are_filled_in(tmp_path: Path) -> None:
    clip, raw = write_clip(tmp_path / "clip.mp4", frames=8), tmp_path / "clip.m4v"
    with av.open(str(clip)) as source, av.open(str(raw), "w", format="rawvideo") as target:
        stream = target.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"  # type: ignore[union-attr]
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))  # type: ignore[union-attr]
        target.mux(stream.encode(None))  # type: ignore[union-attr]
    frames = frames_of(raw)
    assert [burnt_number(frame.picture) for frame in frames] == list(range(8))
    steps = np.diff([frame.pts for frame in frames])
    assert frames[0].pts == 0
    assert (steps > 0).all()


def test_a_loop_goes_on_without_a_gap(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=5)
    frames = frames_of(clip, 12, loop=True)
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.pts for frame in frames] == [3600 * number for number in range(12)]
    assert [burnt_number(frame.picture) for frame in frames] == [0, 1, 2, 3, 4] * 2 + [0, 1]
    assert [frame.number for frame in frames if frame.discontinuity] == [0, 5, 10]


def test_a_truncated_file_plays_what_is_there_and_says_so(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=20, codec="mpeg4", options={"movflags": "faststart"})
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 8 // 10])
    with open_source(str(clip)) as source:
        frames = list(source)
        (warning,) = source.warnings
    assert 0 < len(frames) < 20
    assert [burnt_number(frame.picture) for frame in frames] == list(range(len(frames)))
    assert "truncated" in warning
    assert "of 20 frames" in warning


def test_a_whole_file_gives_no_warning(tmp_path: Path) -> None:
    with open_source(str(write_clip(tmp_path / "clip.mp4", audio="aac"))) as source:
        assert len(list(source)) == 12
        assert source.warnings == []


def refusal(spec: Path | str) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(spec))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unusable_files_are_refused_in_one_line(tmp_path: Path) -> None:
    missing, empty, text = tmp_path / "none.mp4", tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("hello\n" * 100)
    assert "no such file" in refusal(missing)
    assert "is empty" in refusal(empty)
    assert "not a video" in refusal(text)
    assert "no source given" in refusal("")
    assert "no image" in refusal(tmp_path)


def test_a_recording_that_was_cut_off_is_named_as_such(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    assert "cut off" in refusal(clip)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))  # type: ignore[union-attr]
    assert "no video stream" in refusal(path)


def test_an_address_that_nobody_serves_is_refused() -> None:
    assert "cannot open the stream" in refusal("http://127.0.0.1:9/match.mp4")


def test_a_protocol_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_srt(*_: object, **__: object) -> None:
        raise av.error.ProtocolNotFoundError(0, "Protocol not found")

    monkeypatch.setattr(av, "open", without_srt)
    assert "has no srt" in refusal("srt://127.0.0.1:9000")


def test_a_video_is_read_over_http(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=5)
    handler = partial(_QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            frames = frames_of(f"http://127.0.0.1:{server.server_port}/clip.mp4")
        finally:
            server.shutdown()
            thread.join()
    assert [burnt_number(frame.picture) for frame in frames] == list(range(5))


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_folder_gives_each_image_as_a_start_of_its_own(tmp_path: Path) -> None:
    for number, name in enumerate(["b.png", "a.jpg", "c%d.png"]):
        Image.fromarray(burnt_picture(number, 160 + 20 * number, 96)).save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no image either")
    with open_source(str(tmp_path)) as source:
        frames = list(source)
        warnings = source.warnings
    assert [frame.name for frame in frames] == ["a.jpg", "b.png", "c%d.png"]
    assert [burnt_number(frame.picture) for frame in frames] == [1, 0, 2]
    assert [frame.source_width for frame in frames] == [180, 160, 200]
    assert all(frame.discontinuity for frame in frames)
    assert [frame.pts for frame in frames] == [0, 3600, 7200]
    assert warnings == ["broken.jpg: not an image that can be read, skipped"]


@pytest.mark.parametrize(("orientation", "turn"), [(6, -1), (3, 2), (8, 1)])
def test_the_orientation_of_a_photograph_is_obeyed(tmp_path: Path, orientation: int, turn: int) -> None:
    picture = burnt_picture(5, 160, 96)
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    (frame,) = frames_of(tmp_path)
    expected = np.asarray(Image.fromarray(np.ascontiguousarray(np.rot90(picture, turn))).convert("L"), float)
    assert (frame.source_height, frame.source_width) == expected.shape
    # Limited range against full range, and compression: the same picture within a few levels.
    levels = (luma(frame.picture).astype(float) - 16) * 255 / 219
    assert np.abs(levels - expected).mean() < 4


def test_a_picture_of_another_size_within_a_video_is_fitted_not_stretched(tmp_path: Path) -> None:
    path = tmp_path / "clip.mjpeg"
    images = []
    for size in ((160, 96), (96, 160)):
        image = tmp_path / f"{size[0]}.jpg"
        Image.new("RGB", size, (255, 255, 255)).save(image)
        images.append(image.read_bytes())
    path.write_bytes(b"".join(images))
    frames = frames_of(path)
    assert {(frame.picture.width, frame.picture.height) for frame in frames} == {(160, 96)}
    white = luma(frames[1].picture) > 200
    columns = np.flatnonzero(white[48])
    assert len(columns) == pytest.approx(96 * 96 / 160, abs=2)
    assert columns.mean() == pytest.approx(79.5, abs=2)


def test_the_synthetic_match_is_the_same_every_time() -> None:
    spec = "synthetic:football?seed=3&seconds=0.2&width=128&height=72&fps=20"
    first, second = frames_of(spec), frames_of(spec)
    assert [frame.pts for frame in first] == [0, 4500, 9000, 13500]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.picture.to_ndarray(), other.picture.to_ndarray())
    assert [frame.number for frame in frames_of(spec, 6, loop=True) if frame.discontinuity] == [0, 4]


@pytest.mark.parametrize(
    "spec",
    [
        "synthetic:tennis",
        "synthetic:football?speed=2",
        "synthetic:football?width=12",
        "synthetic:football?width=640.5",
        "synthetic:football?seconds=nan",
        "synthetic:football?seed=one",
    ],
)
def test_a_wrong_synthetic_address_is_refused(spec: str) -> None:
    assert spec in refusal(spec)
