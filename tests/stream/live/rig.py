"""A real broadcast on loopback: small pictures with their number burnt in, real x264, real peers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import uvicorn

from evaluation.numbered_server import burnt, moving_picture
from stream.broadcast import Broadcast
from stream.client import ReceivedFrame
from stream.server import create_app
from stream.session import Sessions
from stream.source import Source, SourceFrame
from stream.sources.base import Arrival
from stream.video_encoder import VideoEncoder

WIDTH, HEIGHT, FPS = 320, 176, 25
_BLOCK = 16


def numbered_picture(number: int) -> av.VideoFrame:
    """Return a moving picture with its number burnt in."""
    return moving_picture(number, WIDTH, HEIGHT, _BLOCK)


def burnt_number(picture: av.VideoFrame) -> int:
    """Read back what `numbered_picture` burnt in."""
    return burnt(picture, _BLOCK)


def numbered_source(frames: int | None = None, failure: Exception | None = None) -> Source:
    """Return an endless source, or one that ends (or fails) after `frames`."""

    def arrivals() -> Iterator[Arrival]:
        number = 0
        while frames is None or number < frames:
            yield Arrival(
                numbered_picture(number), number * 90_000 // FPS, WIDTH, HEIGHT, discontinuity=number == 0
            )
            number += 1
        if failure is not None:
            raise failure

    return Source(arrivals(), FPS, [])


@dataclass(frozen=True)
class NumberPayload:
    payload: bytes
    anchor: bool
    core_ms: float = 1.0


class NumberCoder:
    """Stands in for the core: the payload is the frame's number and 3 kB that depend on it."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    def analyse(self, frame: SourceFrame) -> None:
        """There is nothing to know."""

    def code(self, frame: SourceFrame, analysis: None, *, force_key: bool) -> NumberPayload:
        if force_key:
            self.keys.append(frame.number)
        return NumberPayload(number_payload(frame.number), force_key)


def number_payload(number: int) -> bytes:
    return struct.pack(">I", number) + np.random.default_rng(number).bytes(3000)


class Heads:
    def entries(self) -> list[dict[str, Any]]:
        return [{"name": "one", "ok": False, "reason": "a test"}]

    def file(self, name: str, file: str) -> Path | None:
        return None


@dataclass
class Live:
    """A broadcast that is served on loopback."""

    broadcast: Broadcast
    url: str
    whep: str
    coder: Any
    sessions: Sessions

    @property
    def sessions_now(self) -> int:
        return len(self.sessions)

    @property
    def connected_now(self) -> int:
        return self.sessions.connected

    async def metric(self, name: str) -> float:
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{self.url}/metrics")).text
        (line,) = (line for line in text.splitlines() if line.startswith(f"featurecast_{name} "))
        return float(line.split()[1])

    async def status(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as http:
            return dict((await http.get(f"{self.url}/api/status")).json())


def make_broadcast(open_source: Callable[[], Source] = numbered_source, coder: Any = None) -> Broadcast:
    return Broadcast(
        "numbers",
        open_source,
        coder or NumberCoder(),
        lambda width, height, fps: VideoEncoder(width, height, fps, 400),
        fingerprint="f" * 64,
        rate="default",
    )


@contextlib.asynccontextmanager
async def serving(
    page: Path, open_source: Callable[[], Source] = numbered_source, coder: Any = None, **options: Any
) -> AsyncIterator[Live]:
    coder = coder or NumberCoder()
    broadcast = make_broadcast(open_source, coder)
    app = create_app(broadcast, page, Heads(), {"f" * 64: {"fingerprint": "f" * 64}}, **options)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        live = Live(broadcast, url, f"{url}/whep", coder, app.state.sessions)
        try:
            await until(lambda: broadcast.live or task.done())
            yield live
        finally:
            server.should_exit = True
            await task


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition that has no event; fails the test when it does not come true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def collect(
    frames: AsyncIterator[ReceivedFrame], count: int, seconds: float = 20.0
) -> list[ReceivedFrame]:
    """Return the next `count` frames."""
    received: list[ReceivedFrame] = []
    async with asyncio.timeout(seconds), contextlib.aclosing(frames):  # type: ignore[type-var]
        async for frame in frames:
            received.append(frame)
            if len(received) == count:
                break
    return received
