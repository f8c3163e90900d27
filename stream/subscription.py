"""One viewer's bounded queue of frames: a slow viewer loses frames, it never delays the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["QUEUE_FRAMES", "BroadcastEnded", "PacketisedFrame", "Subscription"]

QUEUE_FRAMES = 8
"""Frames a viewer may lag behind (a third of a second) before it is sent on to the next key frame."""


class BroadcastEnded(Exception):
    """The broadcast has ended; there will be no next frame."""


@dataclass(frozen=True, slots=True)
class PacketisedFrame:
    """One access unit as RTP payloads (RFC 6184), shared by all viewers."""

    number: int
    pts: int
    """90 kHz ticks."""
    key: bool
    payloads: tuple[bytes, ...]


class Subscription:
    """Frames for one viewer, beginning with a key frame.

    When the queue is full everything in it is dropped and the viewer waits for the next key frame: a
    decoder can do nothing with frames whose references are missing.
    """

    def __init__(self, request_key_frame: Callable[[], None]) -> None:
        """`request_key_frame` is called when the viewer starts and whenever it has lost frames."""
        self.request_key_frame = request_key_frame
        self._frames: deque[PacketisedFrame] = deque()
        self._arrived = asyncio.Event()
        self._started = self._begun = self._ended = False
        self._waits_for_key = True

    def offer(self, frame: PacketisedFrame) -> int:
        """Queue a frame; returns how many frames the viewer lost by that. Never blocks."""
        if not self._started:
            return 0
        lost = 0
        if len(self._frames) >= QUEUE_FRAMES:
            lost = len(self._frames)
            self._frames.clear()
            self._waits_for_key = True
            if not frame.key:
                self.request_key_frame()
        if frame.key:
            self._begun, self._waits_for_key = True, False
        if self._waits_for_key:
            return lost + self._begun
        self._frames.append(frame)
        self._arrived.set()
        return lost

    async def next(self) -> PacketisedFrame:
        """Return the next frame in order; the first call starts the flow. Raises BroadcastEnded."""
        if not self._started:
            self._started = True
            self.request_key_frame()
        while not self._frames:
            if self._ended:
                raise BroadcastEnded
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    def end(self) -> None:
        """Let `next` raise BroadcastEnded once the queue is empty."""
        self._ended = True
        self._arrived.set()
