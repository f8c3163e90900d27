"""Features beside the video, in threads of their own and with a deadline: video never waits for them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from stream.source import SourceFrame

__all__ = ["CodedFeatures", "FeatureCoder", "FeatureLane", "Ticket"]

_LEAST_BUDGET_S = 0.3
_MOST_BUDGET_S = 1.0
_RETRY_S = 0.5


class CodedFeatures(Protocol):
    """One frame's features as bytes, and what they cost."""

    @property
    def payload(self) -> bytes:
        """The bitstream of this frame."""

    @property
    def anchor(self) -> bool:
        """Whether later frames refer to these features."""

    @property
    def core_ms(self) -> float:
        """Run time of the core network alone (ms)."""


class FeatureCoder(Protocol):
    """Turns frames into coded features in two steps, each in frame order.

    Frames may be left out before either step.
    """

    def analyse(self, frame: SourceFrame) -> Any:
        """Return what `code` needs to know of one frame."""

    def code(self, frame: SourceFrame, analysis: Any, *, force_key: bool) -> CodedFeatures:
        """Return the coded features of one frame."""


class Ticket:
    """The claim to one frame's features, good until its deadline.

    Exactly one side closes it: the worker with a result, or the waiting side when time is up. The worker
    learns which, because nothing may refer to an anchor that nobody sends.
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
    """frame -> [thread "core": analyse] -> [thread "bitstream": code] -> features, or nothing when late.

    A frame that has no chance any more is skipped before the core runs, so that a core slower than the
    frame rate serves every second or third frame in time instead of all of them too late.
    """

    def __init__(self, coder: FeatureCoder) -> None:
        """Take over the coder: only this lane's threads call it from now on."""
        self._coder = coder
        self._core_thread = ThreadPoolExecutor(1, thread_name_prefix="core")
        self._bitstream_thread = ThreadPoolExecutor(1, thread_name_prefix="bitstream")
        # Written by the bitstream's thread alone; whoever reads an old value decides a frame later.
        self._expected_s = self._deviation_s = 0.0
        self._last_run = 0.0
        self._key_is_due = False

    def submit(self, frame: SourceFrame, loop: asyncio.AbstractEventLoop, *, force_key: bool) -> Ticket:
        """Queue a frame from any thread, in frame order; await the ticket's features on `loop`."""
        # Mean and deviation as in TCP's retransmission timer (RFC 6298): slow is fine, uneven needs room.
        usual_s = self._expected_s + 4 * self._deviation_s
        budget_s = max(_LEAST_BUDGET_S, min(usual_s, _MOST_BUDGET_S))
        ticket = Ticket(loop, time.monotonic() + budget_s)
        begun = self._core_thread.submit(self._analyse, frame, ticket)
        self._bitstream_thread.submit(self._code, frame, ticket, begun, force_key)
        return ticket

    def close(self) -> None:
        """Let the threads end after the frames they work on."""
        for thread in (self._core_thread, self._bitstream_thread):
            thread.shutdown(wait=False, cancel_futures=True)

    def _analyse(self, frame: SourceFrame, ticket: Ticket) -> _Begun | None:
        began = time.monotonic()
        # Now and then a frame is tried whatever is expected, or one slow spell would end them for good.
        hopeless = began + self._expected_s > ticket.deadline and began - self._last_run < _RETRY_S
        if ticket.closed or hopeless:
            return None
        return _Begun(began, self._coder.analyse(frame))

    def _code(
        self, frame: SourceFrame, ticket: Ticket, pending: Future[_Begun | None], force_key: bool
    ) -> None:
        force_key = force_key or self._key_is_due
        try:
            begun = pending.result()
            coded = None
            if begun is not None and not ticket.closed:
                coded = self._coder.code(frame, begun.analysis, force_key=force_key)
        except Exception as error:
            ticket.settle(None, error)
            return
        if begun is not None:
            self._learn(begun.at, ticket)
        sent = ticket.settle(coded)
        # Nothing may refer to an anchor that nobody sends, so what comes after it stands alone.
        self._key_is_due = force_key if coded is None else coded.anchor and not sent

    def _learn(self, began: float, ticket: Ticket) -> None:
        self._last_run = time.monotonic()
        took_s = self._last_run - began
        self._deviation_s += 0.25 * (abs(took_s - self._expected_s) - self._deviation_s)
        self._expected_s += 0.25 * (took_s - self._expected_s)
        ticket.took_ms = took_s * 1000


@dataclass(frozen=True, slots=True)
class _Begun:
    """A frame that the core has seen, and the monotonic time (s) at which it began."""

    at: float
    analysis: Any
