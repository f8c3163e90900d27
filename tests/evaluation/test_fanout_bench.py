"""The fan-out benchmark counts by frames delivered, and really serves what it measures."""

from __future__ import annotations

import pytest

from evaluation.fanout_bench import FEATURE_BYTES, Load, added_cpu_percent, measure


def load(viewers: int, cpu: float, fps: float) -> Load:
    return Load("shared", viewers, cpu, fps, 0.0)


def test_the_cost_of_a_viewer_is_what_it_adds_to_the_idle_server() -> None:
    assert added_cpu_percent([load(0, 5.0, 0.0), load(1, 6.0, 25.0), load(9, 14.0, 25.0)]) == pytest.approx(
        1.0
    )


def test_a_server_that_cannot_keep_up_does_not_look_cheap() -> None:
    assert added_cpu_percent([load(0, 0.0, 0.0), load(8, 100.0, 12.5)]) == pytest.approx(25.0)


def test_viewers_of_the_shared_server_receive_video_and_features() -> None:
    idle, one = measure("shared", (0, 1), 1.0)
    assert (idle.viewers, idle.received_fps) == (0, 0.0)
    assert one.received_fps > 1
    assert one.received_kbps * 125 / one.received_fps > FEATURE_BYTES
    assert one.cpu_percent > 0
