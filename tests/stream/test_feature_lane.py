"""Features meet their deadline or do not go out at all, and lost keys are made again."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from stream.feature_lane import FeatureLane


@dataclass(frozen=True)
class Coded:
    number: int
    key: bool
    payload: bytes = b""
    core_ms: float = 0.0


class Coder:
    """Codes a frame when the test lets it."""

    def __init__(self) -> None:
        self.may_go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.coded: list[tuple[int, bool]] = []

    def encode(self, frame: Any, *, force_key: bool) -> Coded:
        self.begun.release()
        self.may_go.acquire()
        self.coded.append((frame.number, force_key))
        return Coded(frame.number, force_key)


def frame(number: int) -> Any:
    return SimpleNamespace(number=number)


async def test_features_in_time_are_delivered() -> None:
    coder = Coder()
    lane = FeatureLane(coder)
    coder.may_go.release()
    coded = await lane.submit(frame(1), asyncio.get_running_loop(), force_key=True).features()
    assert coded == Coded(1, True)
    lane.close()


async def test_the_waiting_side_is_never_held_beyond_the_deadline() -> None:
    coder = Coder()
    lane = FeatureLane(coder)
    began = time.monotonic()
    assert await lane.submit(frame(1), asyncio.get_running_loop(), force_key=False).features() is None
    assert time.monotonic() - began < 0.5
    coder.may_go.release()
    lane.close()


async def test_a_key_that_came_too_late_is_made_again_and_frames_without_a_chance_are_not_computed() -> None:
    coder, loop = Coder(), asyncio.get_running_loop()
    lane = FeatureLane(coder)
    late = lane.submit(frame(1), loop, force_key=True)
    hopeless = lane.submit(frame(2), loop, force_key=False)
    assert await late.features() is None
    assert await hopeless.features() is None
    coder.may_go.release(2)
    # The lane remembers how slow the core was; it tries again with a later deadline.
    coded = await lane.submit(frame(3), loop, force_key=False).features()
    assert coded == Coded(3, True)
    assert coder.coded == [(1, True), (3, True)]
    lane.close()


async def test_a_bug_in_the_core_is_not_swallowed() -> None:
    class Broken:
        def encode(self, frame: Any, *, force_key: bool) -> Coded:
            raise RuntimeError("broken core")

    lane = FeatureLane(Broken())
    with pytest.raises(RuntimeError, match="broken core"):
        await lane.submit(frame(1), asyncio.get_running_loop(), force_key=False).features()
    lane.close()
