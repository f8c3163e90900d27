"""The live path with real peers on loopback: frame and payload stay together whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport

from stream import session as session_module
from stream.client import ReceivedFrame, StreamWithoutFeatures, WhepError, watch
from stream.rtc_private import lose_rtp
from stream.source import Source
from tests.stream.live.peers import joined, offer, post
from tests.stream.live.rig import (
    NumberCoder,
    burnt_number,
    collect,
    number_payload,
    numbered_source,
    serving,
    until,
)


def assert_paired(frames: list[ReceivedFrame], least_with_features: float = 1.0) -> list[int]:
    """Check that every payload is its picture's own; returns the numbers burnt into the pictures."""
    numbers = [burnt_number(frame.picture) for frame in frames]
    for number, frame in zip(numbers, frames, strict=True):
        assert frame.payload in (None, number_payload(number)), f"frame {number} has another frame's payload"
    assert sum(frame.payload is not None for frame in frames) >= least_with_features * len(frames)
    return numbers


async def test_every_frame_has_its_own_features(page: Path) -> None:
    async with serving(page) as live:
        numbers = assert_paired(await collect(watch(live.whep), 60))
        assert numbers == list(range(numbers[0], numbers[0] + 60))
        await until(lambda: live.sessions_now == 0)


async def test_numbers_and_times_go_on_when_the_source_fails_and_comes_back(page: Path) -> None:
    opening: Iterator[Callable[[], Source]] = iter(
        (
            lambda: numbered_source(12, OSError("the camera hung up")),
            lambda: numbered_source(0),  # raises SourceError: nothing to see yet
            lambda: numbered_source(12),
        )
    )
    async with serving(page, lambda: next(opening)()) as live:
        frames = await collect(watch(live.whep), 1000)
        carried = [int.from_bytes(frame.payload[:4], "big") for frame in frames if frame.payload]
        # aiortc's receiver keeps the very last frame: it cannot know that no packet of it is missing.
        assert carried == list(range(carried[0], 23))
        times = [frame.picture.pts for frame in frames]
        assert all(after > before for before, after in pairwise(times))
        assert await live.metric("source_restarts_total") == 2
        assert (await live.status())["state"] == "ended"


@pytest.mark.parametrize("loss", [0.01, 0.03])
async def test_loss_costs_frames_or_time_but_never_the_pairing(
    page: Path, loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, fates = random.Random(7), []

    def lost() -> bool:
        fates.append(dice.random() < loss)
        return fates[-1]

    monkeypatch.setattr(RTCDtlsTransport, "_send_rtp", RTCDtlsTransport._send_rtp)  # restored afterwards
    lose_rtp(lost)
    async with serving(page) as live:
        numbers = assert_paired(await collect(watch(live.whep), 120), least_with_features=0.9)
        assert numbers == sorted(numbers)
        assert any(fates)


async def test_key_frame_requests_of_many_viewers_become_few_key_frames(page: Path) -> None:
    async with serving(page) as live, joined(live.whep):
        before, keys = await live.metric("key_frames_forced_total"), len(live.coder.keys)
        began, asked, forced = time.monotonic(), 0, 0.0
        while forced < 3:
            for _ in range(5):
                live.broadcast.request_key_frame()
            asked += 5
            await asyncio.sleep(0.01)
            forced = await live.metric("key_frames_forced_total") - before
        assert time.monotonic() - began >= 1.0, "three key frames are at least two spacings of 0.5 s apart"
        assert await live.metric("key_frame_requests_total") >= asked > 3 * forced
        # Every IDR carries a feature key; the last one may still be on its way.
        await until(lambda: len(live.coder.keys) - keys >= 3)


async def test_a_viewer_that_falls_silent_disturbs_nobody_and_is_forgotten(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1)
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.3)
    async with serving(page) as live, joined(live.whep) as silent:
        await until(lambda: live.connected_now == 1)
        for protocol in silent.connection.getTransceivers()[
            0
        ].receiver.transport.transport._connection._protocols:
            protocol.transport.sendto = lambda *_: None
        numbers = assert_paired(await collect(watch(live.whep), 50))
        assert numbers == list(range(numbers[0], numbers[0] + 50))
        await until(lambda: live.sessions_now == 0, 20)


async def test_a_viewer_that_takes_no_frames_loses_them_alone(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.subscription.QUEUE_FRAMES", 20)
    async with serving(page) as live:
        with live.broadcast.subscription() as stuck:
            first = asyncio.create_task(stuck.next())
            numbers = assert_paired(await collect(watch(live.whep), 50))
            assert (await first).key
        assert numbers == list(range(numbers[0], numbers[0] + 50))
        assert await live.metric("frames_dropped_total") > 10


async def test_viewers_come_and_go_without_leaving_anything(page: Path) -> None:
    async with serving(page) as live:
        await collect(watch(live.whep), 2)  # threads and sockets that stay for good exist after the first
        await until(lambda: live.sessions_now == 0)
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()
        for _ in range(3):
            await asyncio.gather(*(collect(watch(live.whep), 3) for _ in range(3)))
            async with joined(live.whep):
                pass
        await until(lambda: live.sessions_now == 0)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        await until(
            lambda: threading.active_count() <= threads + 4
        )  # the client's thread pool may have grown
        assert len(live.broadcast._subscriptions) == 0


async def test_a_peer_that_never_connects_is_forgotten(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_CONNECT_S", 0.3)
    async with serving(page) as live:
        connection, sdp = await offer()
        assert (await post(live.whep, sdp)).status_code == 201
        assert live.sessions_now == 1
        tasks = len(asyncio.all_tasks())
        await until(lambda: live.sessions_now == 0)
        await connection.close()
        await until(lambda: len(asyncio.all_tasks()) < tasks)


async def test_an_audio_section_is_answered_inactive_and_video_flows(page: Path) -> None:
    async with serving(page) as live, joined(live.whep, "audio", "video", mime=None) as peer:
        audio, video = peer.answer.split("m=video")
        assert "a=inactive" in audio and "a=sendonly" in video
        assert "VP8" not in peer.answer
        (track,) = peer.tracks
        async with asyncio.timeout(10):
            burnt_number(await track.recv())


async def test_when_the_core_is_late_video_goes_on_without_features(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.feature_lane._LEAST_BUDGET_S", 0.12)

    class Slow(NumberCoder):
        may_go = threading.Event()

        def analyse(self, frame: Any) -> None:
            if 20 <= frame.number < 22:
                self.may_go.wait(10)

    coder = Slow()
    async with serving(page, coder=coder) as live:
        async with contextlib.aclosing(watch(live.whep)) as frames, asyncio.timeout(20):
            received = []
            async for frame in frames:
                received.append(frame)
                number = burnt_number(frame.picture)
                if number == 40:
                    coder.may_go.set()
                if frame.payload is not None and number > 45:
                    break
        numbers = assert_paired(received, 0.1)
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert [
            frame.payload for frame, number in zip(received, numbers, strict=True) if 22 <= number <= 39
        ] == [None] * 18
        assert await live.metric("frames_without_features_total") >= 18


async def test_a_stream_without_features_is_refused_by_the_client(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.client._WITHOUT_FEATURES_S", 0.5)

    class Bare(NumberCoder):
        def analyse(self, frame: Any) -> None:
            threading.Event().wait(0.2)

    monkeypatch.setattr("stream.broadcast.insert", lambda access_unit, payload: access_unit)
    async with serving(page) as live:
        with pytest.raises(StreamWithoutFeatures, match="no features in"):
            await collect(watch(live.whep), 1000)
        await until(lambda: live.sessions_now == 0)


async def test_joining_is_fast(page: Path) -> None:
    async with serving(page) as live:
        took = []
        for _ in range(5):
            began = time.monotonic()
            await collect(watch(live.whep), 1)
            took.append(time.monotonic() - began)
        assert sorted(took)[2] < 2.0, (
            "the benchmark holds the figure (0.7 s); this catches a wait for key frames"
        )


@pytest.mark.parametrize("path", ["/whep/none", "/nothing"])
async def test_the_client_says_what_is_wrong_with_the_address(page: Path, path: str) -> None:
    async with serving(page) as live:
        with pytest.raises(WhepError, match="40[45]"):
            await collect(watch(live.url + path), 1)


async def test_the_client_says_that_nobody_listens(page: Path) -> None:
    with pytest.raises(WhepError, match="cannot be reached"):
        await collect(watch("http://127.0.0.1:9/whep"), 1)


async def test_the_client_passes_the_server_s_reason_on(page: Path) -> None:
    async with serving(page, max_viewers=0) as live:
        with pytest.raises(WhepError, match="503 all places for viewers are taken"):
            await collect(watch(live.whep), 1)
        assert await live.metric("sessions_refused_total") == 1
