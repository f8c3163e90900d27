"""Features beside the video, in a thread of their own and with a deadline: video never waits for them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stream.source import SourceFrame

__all__ = ["CodedFeatures", "FeatureCoder", "FeatureLane", "Ticket"]

_LEAST_BUDGET_S = 0.2
_MOST_BUDGET_S = 1.0
_RETRY_S = 0.5


class CodedFeatures(Protocol):
    """One frame's features as bytes, and what they cost."""

    @property
    def payload(self) -> bytes:
        """The bitstream of this frame."""

    @property
    def key(self) -> bool:
        """Whether later deltas refer to these features."""

    @property
    def core_ms(self) -> float:
        """Run time of the core network alone (ms)."""


class FeatureCoder(Protocol):
    """Turns frames into coded features, one after the other."""

    def encode(self, frame: SourceFrame, *, force_key: bool) -> CodedFeatures:
        """Return the coded features of one frame."""


class Ticket:
    """The claim to one frame's features, good until its deadline.

    Exactly one side closes it: the worker with a result, or the waiting side when time is up. The worker
    learns which, because a key that nobody sends must be made again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """`deadline` is a time of the monotonic clock (s)."""
        self.deadline = deadline
        self.took_ms = 0.0
        self._loop = loop
        self._settled = asyncio.Event()
        self._lock = threading.Lock()
        self._closed = False
        self._coded: CodedFeatures | None = None
        self._error: Exception | None = None

    def settle(self, coded: CodedFeatures | None, error: Exception | None = None) -> bool:
        """Hand in the result, from any thread; returns False when it came too late."""
        with self._lock:
            if self._closed:
                return False
            self._closed, self._coded, self._error = True, coded, error
        self._loop.call_soon_threadsafe(self._settled.set)
        return True

    @property
    def closed(self) -> bool:
        """Whether nobody waits any more."""
        return self._closed

    async def features(self) -> CodedFeatures | None:
        """Wait until the deadline; None when the features were late or skipped. Raises the worker's bugs."""
        if not self._settled.is_set():
            try:
                async with asyncio.timeout(self.deadline - time.monotonic()):
                    await self._settled.wait()
            except TimeoutError:
                pass
        with self._lock:
            self._closed = True
        if self._error is not None:
            raise self._error
        return self._coded


class FeatureLane:
    """frame -> [thread: prepare -> core -> bitstream] -> coded features, or nothing when they would be late.

    A frame that has no chance any more is skipped before the core runs, so that a core slower than the
    frame rate serves every second or third frame in time instead of all of them too late.
    """

    def __init__(self, coder: FeatureCoder) -> None:
        """Take over the coder: only this lane's thread calls it from now on."""
        self._coder = coder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._expected_s = self._deviation_s = 0.0
        self._last_run = 0.0
        self._key_is_lost = False

    def submit(self, frame: SourceFrame, loop: asyncio.AbstractEventLoop, *, force_key: bool) -> Ticket:
        """Queue a frame from any thread, in frame order; await the ticket's features on `loop`."""
        # Mean and deviation as in TCP's retransmission timer (RFC 6298): slow is fine, uneven needs room.
        usual_s = self._expected_s + 4 * self._deviation_s
        budget_s = max(_LEAST_BUDGET_S, min(usual_s, _MOST_BUDGET_S))
        ticket = Ticket(loop, time.monotonic() + budget_s)
        self._thread.submit(self._encode, frame, ticket, force_key)
        return ticket

    def close(self) -> None:
        """Let the thread end after the frame it works on."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _encode(self, frame: SourceFrame, ticket: Ticket, force_key: bool) -> None:
        began = time.monotonic()
        force_key = force_key or self._key_is_lost
        # Now and then a frame is tried whatever is expected, or one slow spell would end them for good.
        hopeless = began + self._expected_s > ticket.deadline and began - self._last_run < _RETRY_S
        if ticket.closed or hopeless:
            self._key_is_lost = force_key
            ticket.settle(None)
            return
        try:
            coded = self._coder.encode(frame, force_key=force_key)
        except Exception as error:
            ticket.settle(None, error)
            return
        self._last_run = time.monotonic()
        took_s = self._last_run - began
        self._deviation_s += 0.25 * (abs(took_s - self._expected_s) - self._deviation_s)
        self._expected_s += 0.25 * (took_s - self._expected_s)
        ticket.took_ms = took_s * 1000
        sent = ticket.settle(coded)
        self._key_is_lost = coded.key and not sent
