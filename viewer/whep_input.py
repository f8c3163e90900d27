"""A live WHEP broadcast as the headless viewer's input."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from core_network.spec import FeatureSpec
from stream.bitstream import EntropyTables
from stream.client import ReceivedFrame, WhepError, watch
from stream.entropy_tables import shipped_tables
from stream.sync import CLOCK_RATE, Timeline
from viewer.inputs import ViewedFrame, ViewError

__all__ = ["WhepInput"]

_SPEC_TIMEOUT_S = 5.0


class WhepInput:
    """A live broadcast; its network runs in a thread of its own, so that slow heads never stall it."""

    joins_late = True
    fps = 30.0

    def __init__(self, url: str) -> None:
        """Prepare to join `url`; joining happens with the first frame and raises ViewError there."""
        self.warnings: list[str] = []
        self.known = _served_tables(url) + shipped_tables()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="whep", daemon=True)
        self._thread.start()
        self._frames = watch(url)
        self._step: asyncio.Task[Any] | None = None

    def __iter__(self) -> Iterator[ViewedFrame]:
        """Yield frames as they come until the broadcast ends the session."""
        timeline = Timeline(self.fps)
        while True:
            try:
                received = self._next()
            except StopAsyncIteration:
                return
            except WhepError as error:
                raise ViewError(str(error)) from error
            picture = received.picture
            ticks = None
            if picture.pts is not None and picture.time_base:
                ticks = round(picture.pts * picture.time_base * CLOCK_RATE)
            yield ViewedFrame(picture, received.payload, timeline.place(ticks))

    def close(self) -> None:
        """Leave the session and stop the thread."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _next(self) -> ReceivedFrame:
        async def step() -> ReceivedFrame:
            self._step = asyncio.current_task()
            return await anext(self._frames)

        return asyncio.run_coroutine_threadsafe(step(), self._loop).result()

    async def _leave(self) -> None:
        # After Ctrl+C a step may still be waiting for a frame, and a generator cannot be closed from outside.
        if self._step is not None:
            self._step.cancel()
            await asyncio.wait([self._step])
        await self._frames.aclose()


def _served_tables(url: str) -> list[tuple[FeatureSpec, EntropyTables]]:
    """Return spec and tables that the broadcast's server offers; none if not, the shipped ones may do."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        fingerprint = _json(f"{origin}/api/status")["spec"]
        document = _json(f"{origin}/spec/{fingerprint}")
        spec = FeatureSpec.from_json(document["spec"])
        return [
            (spec, EntropyTables.from_bytes(base64.b64decode(part["base64"]))) for part in document["tables"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_SPEC_TIMEOUT_S) as answer:
        return json.loads(answer.read())
