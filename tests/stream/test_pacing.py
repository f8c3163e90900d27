"""Frames keep their own pace; a stall is never followed by a burst."""

from __future__ import annotations

import pytest

from stream.pacing import Pacer


def test_frames_are_due_at_their_pts_counted_from_the_first() -> None:
    pacer = Pacer()
    assert pacer.wait_s(900_000, 50.0) == 0.0
    assert pacer.wait_s(900_000 + 3600, 50.01) == pytest.approx(0.03)


def test_a_little_lateness_is_caught_up() -> None:
    pacer = Pacer()
    pacer.wait_s(0, 0.0)
    assert pacer.wait_s(3600, 0.1) == 0.0
    assert pacer.wait_s(7 * 3600, 0.1) == pytest.approx(0.18)


def test_after_a_stall_the_clock_moves_on_instead_of_sending_a_burst() -> None:
    pacer = Pacer()
    pacer.wait_s(0, 0.0)
    assert pacer.wait_s(3600, 5.0) == 0.0
    assert pacer.wait_s(2 * 3600, 5.0) == pytest.approx(0.04)


def test_a_source_slower_than_its_frame_rate_never_waits() -> None:
    pacer, now = Pacer(), 0.0
    for number in range(100):
        assert pacer.wait_s(number * 3600, now) == 0.0
        now += 0.05
