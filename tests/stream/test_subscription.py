"""A viewer's queue: it begins with a key frame, and overflow costs that viewer alone."""

from __future__ import annotations

import asyncio

import pytest

from stream.subscription import QUEUE_FRAMES, BroadcastEnded, PacketisedFrame, Subscription


def frame(number: int, key: bool = False) -> PacketisedFrame:
    return PacketisedFrame(number, number * 3600, key, (b"x",))


class Requests:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def started(requests: Requests) -> tuple[Subscription, asyncio.Task[PacketisedFrame]]:
    subscription = Subscription(requests)
    first = asyncio.create_task(subscription.next())
    await asyncio.sleep(0)
    return subscription, first


async def test_nothing_is_queued_or_asked_for_before_the_peer_is_connected() -> None:
    requests = Requests()
    subscription = Subscription(requests)
    assert subscription.offer(frame(0, key=True)) == 0
    assert requests.count == 0


async def test_a_viewer_asks_for_a_key_frame_and_begins_with_it() -> None:
    requests = Requests()
    subscription, first = await started(requests)
    assert requests.count == 1
    assert subscription.offer(frame(1)) == 0
    subscription.offer(frame(2, key=True))
    subscription.offer(frame(3))
    assert (await first).number == 2
    assert (await subscription.next()).number == 3


async def test_overflow_drops_to_the_next_key_frame_and_counts_every_lost_frame() -> None:
    requests = Requests()
    subscription, first = await started(requests)
    subscription.offer(frame(0, key=True))
    await first
    lost = sum(subscription.offer(frame(number)) for number in range(1, QUEUE_FRAMES + 1))
    assert lost == 0
    assert subscription.offer(frame(9)) == QUEUE_FRAMES + 1
    assert requests.count == 2
    assert subscription.offer(frame(10)) == 1
    assert subscription.offer(frame(11, key=True)) == 0
    assert (await subscription.next()).number == 11
    assert requests.count == 2


async def test_overflow_at_a_key_frame_goes_on_with_it_and_asks_for_none() -> None:
    requests = Requests()
    subscription, first = await started(requests)
    subscription.offer(frame(0, key=True))
    await first
    for number in range(1, QUEUE_FRAMES + 1):
        subscription.offer(frame(number))
    assert subscription.offer(frame(9, key=True)) == QUEUE_FRAMES
    assert (await subscription.next()).number == 9
    assert requests.count == 1


async def test_the_end_comes_after_what_is_queued() -> None:
    subscription, first = await started(Requests())
    subscription.offer(frame(0, key=True))
    subscription.offer(frame(1))
    subscription.end()
    assert [(await first).number, (await subscription.next()).number] == [0, 1]
    with pytest.raises(BroadcastEnded):
        await subscription.next()
