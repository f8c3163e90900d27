"""Features meet their deadline or do not go out at all, and nothing refers to what was not sent."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamEncoder, EncodedFeatures, EntropyTables
from stream.feature_lane import FeatureLane, Ticket
from tests.vectors.make import fitted, synthetic_latents, synthetic_spec


@dataclass(frozen=True)
class Coded:
    number: int
    anchor: bool
    payload: bytes = b""
    core_ms: float = 0.0


class Step:
    """One of a coder's two steps: its frames wait until the test lets them through."""

    def __init__(self) -> None:
        self.begun, self._may_go = threading.Semaphore(0), threading.Semaphore(0)
        self.numbers: list[int] = []

    def let(self, frames: int = 1) -> None:
        self._may_go.release(frames)

    def run(self, number: int) -> None:
        self.numbers.append(number)
        self.begun.release()
        self._may_go.acquire()


class Coder:
    """A coder whose steps the test controls; frames in `anchors` become anchors without being told."""

    def __init__(self, *anchors: int) -> None:
        self.analysing, self.coding = Step(), Step()
        self.forced: list[int] = []
        self._anchors = anchors

    def analyse(self, frame: Any) -> int:
        self.analysing.run(frame.number)
        return 10 * frame.number

    def code(self, frame: Any, analysis: int, *, force_key: bool) -> Coded:
        assert analysis == 10 * frame.number
        if force_key:
            self.forced.append(frame.number)
        self.coding.run(frame.number)
        return Coded(frame.number, force_key or frame.number in self._anchors)

    def let(self, frames: int = 1) -> None:
        self.analysing.let(frames)
        self.coding.let(frames)


class Lane:
    """A lane with its coder; `submit` takes numbers for frames."""

    def __init__(self, coder: Any) -> None:
        self._lane = FeatureLane(coder)

    def submit(self, number: int, *, force_key: bool = False) -> Ticket:
        frame: Any = SimpleNamespace(number=number)
        return self._lane.submit(frame, asyncio.get_running_loop(), force_key=force_key)

    def expect(self, *, seconds: float) -> None:
        """Make the lane believe that frames take so long."""
        self._lane._expected_s = seconds

    def close(self) -> None:
        self._lane.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine nothing is late but what a test wants to be late."""
    monkeypatch.setattr("stream.feature_lane._LEAST_BUDGET_S", 60.0)


@pytest.fixture
def coder() -> Coder:
    return Coder(2)


@pytest.fixture
def lane(coder: Coder) -> Iterator[Lane]:
    lane = Lane(coder)
    yield lane
    lane.close()
    coder.let(100)


async def too_late(ticket: Ticket) -> None:
    """Let a ticket's time be up."""
    ticket.deadline = 0.0
    assert await ticket.features() is None


async def begun(step: Step) -> None:
    assert await asyncio.to_thread(step.begun.acquire, timeout=10)


async def test_features_in_time_are_delivered(lane: Lane, coder: Coder) -> None:
    coder.let()
    assert await lane.submit(1, force_key=True).features() == Coded(1, True)


async def test_the_core_sees_the_next_frame_while_the_last_is_coded(lane: Lane, coder: Coder) -> None:
    coder.analysing.let(2)
    first, second = lane.submit(1), lane.submit(3)
    await begun(coder.coding)
    await begun(coder.analysing)
    await begun(coder.analysing)
    assert (coder.analysing.numbers, coder.coding.numbers) == ([1, 3], [1])
    coder.coding.let(2)
    assert [await first.features(), await second.features()] == [Coded(1, False), Coded(3, False)]


async def test_the_waiting_side_is_never_held_beyond_the_deadline(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.feature_lane._LEAST_BUDGET_S", 0.1)
    async with asyncio.timeout(10):
        assert await lane.submit(1).features() is None


async def test_a_key_that_came_too_late_is_made_again_and_frames_nobody_waits_for_are_not_computed(
    lane: Lane, coder: Coder
) -> None:
    late, given_up = lane.submit(1, force_key=True), lane.submit(3)
    await begun(coder.analysing)
    await too_late(late)
    await too_late(given_up)
    coder.let(2)
    assert await lane.submit(4).features() == Coded(4, True)
    assert coder.analysing.numbers == [1, 4]
    assert coder.coding.numbers == coder.forced == [4], "nobody waited for frame 1 any more: it is not coded"


async def test_a_frame_without_a_chance_is_skipped_before_the_core_runs(
    lane: Lane, coder: Coder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.feature_lane._RETRY_S", 60.0)
    coder.let(2)
    assert await lane.submit(1).features() == Coded(1, False)
    lane.expect(seconds=120.0)
    assert await lane.submit(3, force_key=True).features() is None
    assert coder.analysing.numbers == [1]
    monkeypatch.setattr("stream.feature_lane._RETRY_S", 0.0)
    coded = await lane.submit(4).features()
    assert coded == Coded(4, True), "tried again now and then; the skipped frame should have been a key"


@pytest.mark.parametrize("number", [1, 2], ids=["a forced key", "an anchor of the interval"])
async def test_after_an_anchor_that_was_coded_too_late_comes_a_key(
    lane: Lane, coder: Coder, number: int
) -> None:
    coder.analysing.let()
    late = lane.submit(number, force_key=number == 1)
    await begun(coder.coding)
    await too_late(late)
    coder.let(3)
    coded = [await lane.submit(after).features() for after in (3, 4)]
    assert coded == [Coded(3, True), Coded(4, False)], "a delta may never refer to what nobody has"


async def test_a_delta_that_was_coded_too_late_costs_nothing_else(lane: Lane, coder: Coder) -> None:
    coder.analysing.let()
    late = lane.submit(1)
    await begun(coder.coding)
    await too_late(late)
    coder.let(2)
    assert await lane.submit(3).features() == Coded(3, False)


@pytest.mark.parametrize("step", ["analyse", "code"])
async def test_a_bug_is_not_swallowed(step: str) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken core")

    lane = Lane(SimpleNamespace(**({"analyse": lambda frame: None, "code": broken} | {step: broken})))
    with pytest.raises(RuntimeError, match="broken core"):
        await lane.submit(1).features()
    lane.close()


class RealCoder:
    """Real payloads; the test decides at which step a frame is held until nobody waits for it any more."""

    def __init__(self, spec: FeatureSpec, tables: EntropyTables, frames: NDArray[np.int8]) -> None:
        self._bitstream = BitstreamEncoder(spec, tables, "high", key_interval=9, anchor_interval=2)
        self._frames = frames
        self.held_at, self.held, self.go_on = "", threading.Semaphore(0), threading.Semaphore(0)

    def _hold(self, step: str) -> None:
        if step == self.held_at:
            self.held.release()
            self.go_on.acquire()

    def analyse(self, frame: Any) -> NDArray[np.int8]:
        self._hold("analyse")
        symbols: NDArray[np.int8] = self._frames[frame.number]
        return symbols

    def code(self, frame: Any, analysis: NDArray[np.int8], *, force_key: bool) -> EncodedFeatures:
        pts, size = 3000 * frame.number, (64, 48)
        coded = self._bitstream.encode(
            analysis, number=frame.number, pts=pts, source_size=size, force_key=force_key
        )
        self._hold("code")
        return coded


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_late_all_that_is_sent_can_be_decoded(seed: int) -> None:
    spec = synthetic_spec((6, 7, 9), "late")
    tables = fitted(spec)
    frames = spec.quantise(synthetic_latents(spec.shape, 60, seed), "high")
    coder, dice = RealCoder(spec, tables, frames), random.Random(seed)
    lane, decoder, sent = Lane(coder), BitstreamDecoder([(spec, tables)]), 0
    for number in range(len(frames)):
        coder.held_at = dice.choice(("", "", "analyse", "code"))
        ticket = lane.submit(number, force_key=dice.random() < 0.1)
        if coder.held_at:
            assert await asyncio.to_thread(coder.held.acquire, timeout=10)
            await too_late(ticket)
            coder.go_on.release()
            continue
        coded = await ticket.features()
        assert coded is not None
        assert np.array_equal(decoder.decode(coded.payload).symbols, frames[number])
        sent += 1
    assert 15 < sent < 45
    lane.close()
