"""Pairs are exact or they are not made."""

from __future__ import annotations

from stream.sync import FrameMap


def test_each_value_is_given_out_once() -> None:
    frames: FrameMap[str] = FrameMap()
    frames.put(3000, "first")
    frames.put(6000, "second")
    assert frames.take(6000) == "second"
    assert frames.take(3000) == "first"
    assert frames.take(3000) is None
    assert frames.take(9000) is None


def test_frames_with_one_timestamp_cannot_be_told_apart() -> None:
    frames: FrameMap[str] = FrameMap()
    for value in ("a", "b", "c"):
        frames.put(0, value)
    assert frames.take(0) is None


def test_it_forgets_the_oldest() -> None:
    frames: FrameMap[int] = FrameMap(kept=3)
    for number in range(10):
        frames.put(number, number)
    assert [frames.take(number) for number in range(10)] == [None] * 7 + [7, 8, 9]
