"""Raw video: every sample in its place, 8 and 10 bits, and files that are no such video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluation.datasets.types import DatasetError
from evaluation.datasets.yuv import Yuv

WIDTH, HEIGHT = 16, 8


def grey(level: int, depth: int) -> bytes:
    """One frame of one luma level and no colour."""
    kind = "<u2" if depth == 10 else "u1"
    luma = np.full(WIDTH * HEIGHT, level, kind)
    chroma = np.full(WIDTH * HEIGHT // 2, 128 << (depth - 8), kind)
    return luma.tobytes() + chroma.tobytes()


@pytest.mark.parametrize(("name", "depth"), [("a_16x8_25.yuv", 8), ("a_16x8_25_10bit.yuv", 10)])
def test_frames_are_found_and_keep_their_level(tmp_path: Path, name: str, depth: int) -> None:
    path = tmp_path / name
    path.write_bytes(b"".join(grey(level << (depth - 8), depth) for level in (16, 126, 235)))
    video = Yuv(path, WIDTH, HEIGHT)
    assert (video.frames, video.depth) == (3, depth)
    # Limited range: 16 is black, 235 is white.
    assert [int(video.picture(index).mean()) for index in range(3)] == pytest.approx([0, 128, 255], abs=1)
    assert video.picture(0).shape == (HEIGHT, WIDTH, 3)


def test_planes_are_luma_then_both_chroma_planes(tmp_path: Path) -> None:
    samples = np.arange(WIDTH * HEIGHT * 3 // 2, dtype=np.uint8)
    path = tmp_path / "a.yuv"
    path.write_bytes(samples.tobytes())
    assert Yuv(path, WIDTH, HEIGHT).planes(0).ravel().tolist() == samples.tolist()


def test_red_is_red(tmp_path: Path) -> None:
    path = tmp_path / "red.yuv"
    planes = [
        np.full(WIDTH * HEIGHT, 81),
        np.full(WIDTH * HEIGHT // 4, 90),
        np.full(WIDTH * HEIGHT // 4, 240),
    ]
    path.write_bytes(b"".join(plane.astype(np.uint8).tobytes() for plane in planes))
    red, green, blue = Yuv(path, WIDTH, HEIGHT).picture(0)[4, 8]
    assert red > 240 and green < 15 and blue < 15


def test_a_file_of_half_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yuv"
    path.write_bytes(grey(16, 8)[:-1])
    with pytest.raises(DatasetError, match="whole frames of 192 bytes"):
        Yuv(path, WIDTH, HEIGHT)


def test_samples_above_ten_bits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a_10bit.yuv"
    path.write_bytes(grey(1024, 10))
    with pytest.raises(DatasetError, match="10-bit samples"):
        Yuv(path, WIDTH, HEIGHT).picture(0)


def test_a_frame_after_the_last_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yuv"
    path.write_bytes(grey(16, 8))
    with pytest.raises(DatasetError, match="frame 1"):
        Yuv(path, WIDTH, HEIGHT).picture(1)
