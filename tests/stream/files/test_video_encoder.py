"""The H.264 encoder's promises that WebRTC, MP4 and the carriage rely on."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from stream.video_encoder import VideoEncoder, VideoUnit
from tests.stream.files.clips import burnt_number, burnt_picture


def picture(number: int, width: int = 160, height: int = 96) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(burnt_picture(number, width, height), "rgb24")
    return rgb.reformat(format="yuv420p")


def units_of(access_unit: bytes) -> list[int]:
    """Return the NAL unit types of an access unit in order."""
    return [part[0] & 31 for part in access_unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


def encoded(frames: int, fps: float = 25, keys: tuple[int, ...] = ()) -> list[VideoUnit]:
    encoder = VideoEncoder(160, 96, fps)
    units = []
    for number in range(frames):
        (unit,) = encoder.encode(picture(number), round(number * 90_000 / fps), number in keys)
        units.append(unit)
    assert encoder.flush() == []
    return units


def test_one_picture_in_one_access_unit_out_with_one_slice() -> None:
    for unit in encoded(30, keys=(7,)):
        kinds = units_of(unit.access_unit)
        assert unit.access_unit.startswith(b"\0\0\0\1")
        assert sum(kind in (1, 5) for kind in kinds) == 1
        assert (7 in kinds and 8 in kinds) == unit.key
        assert (5 in kinds) == unit.key


def test_keys_come_when_asked_for_and_at_most_two_seconds_apart() -> None:
    units = encoded(130, keys=(7, 60))
    assert [number for number, unit in enumerate(units) if unit.key] == [0, 7, 57, 60, 110]
    assert [unit.pts for unit in units] == [3600 * number for number in range(130)]


def test_the_profile_is_constrained_baseline_and_pictures_survive() -> None:
    decoder = av.CodecContext.create("h264", "r")
    numbers = []
    for unit in encoded(20):
        packet: av.Packet = av.Packet(unit.access_unit)
        packet.pts, packet.time_base = unit.pts, Fraction(1, 90_000)
        numbers += [burnt_number(frame) for frame in decoder.decode(packet)]  # type: ignore[attr-defined]
    numbers += [burnt_number(frame) for frame in decoder.decode(None)]  # type: ignore[attr-defined]
    assert numbers == list(range(20))
    assert decoder.profile == "Constrained Baseline"


def test_a_decoded_pictures_old_type_is_no_order() -> None:
    encoder = VideoEncoder(160, 96, 25)
    keys = []
    for number in range(5):
        frame = picture(number)
        frame.pict_type = 1
        keys.append(encoder.encode(frame, 3600 * number)[0].key)
    assert keys == [True, False, False, False, False]


def test_the_smallest_picture_can_be_coded() -> None:
    assert VideoEncoder(2, 2, 25).encode(picture(0, 2, 2), 0)[0].key


def test_odd_and_changed_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        VideoEncoder(161, 96, 25)
    with pytest.raises(ValueError, match="160x96"):
        VideoEncoder(160, 96, 25).encode(picture(0, 64, 64), 0)
