"""What one more viewer costs the server: encode once and fan out, against encoding again for every viewer.

main process                    server process (one at a time)
N light receivers  <-- RTP ---  shared:    Broadcast, clip encoded before, 4 kB of features per frame
                                reencoded: MediaRelay of decoded pictures, aiortc encodes per peer
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.codecs import h264
from aiortc.contrib.media import MediaRelay
from fastapi import FastAPI, Request, Response

from stream.broadcast import Broadcast
from stream.rtc_private import count_rtp, gather_on
from stream.server import create_app, serve
from stream.source import Source, SourceFrame
from stream.sources.base import Arrival
from stream.video_encoder import VideoEncoder, VideoUnit

__all__ = ["FEATURE_BYTES", "Load", "added_cpu_percent", "compare", "main", "measure"]

WIDTH, HEIGHT, FPS = 1280, 720, 25
FEATURE_BYTES = 4000
_CLIP_FRAMES = 50
_KBPS = 2500
_CODECS = ("video/h264", "video/rtx")
_SETTLE_S = 2.0


@dataclass(frozen=True)
class Load:
    """One measurement: the server's CPU with so many viewers, and what they received."""

    mode: str
    viewers: int
    cpu_percent: float
    """CPU time of the server process by wall time, 100 = one core."""
    received_fps: float
    """Frames per second and viewer; below 25 the server has too much to do."""
    received_kbps: float
    """Per viewer, RTP headers included."""


def measure(mode: str, viewers: Sequence[int], seconds: float) -> list[Load]:
    """Return the load of one server ("shared" or "reencoded") for each number of viewers, rising."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_SERVERS[mode], args=(theirs,), daemon=True)
    process.start()
    try:
        return asyncio.run(_measure(mode, sorted(viewers), seconds, ours))
    finally:
        process.terminate()
        process.join()


def added_cpu_percent(loads: Sequence[Load]) -> float:
    """Return what one more viewer at 25 frames per second costs: percent of a core.

    Counted by frames delivered, so that a server that cannot keep up does not look cheap; the mean over
    all loads with viewers, weighted by their frames.
    """
    alone = next(load.cpu_percent for load in loads if load.viewers == 0)
    crowded = [load for load in loads if load.viewers > 0]
    frames = sum(load.viewers * load.received_fps for load in crowded)
    return sum(load.cpu_percent - alone for load in crowded) / frames * FPS


def compare(viewers: Sequence[int], seconds: float, reencoded_viewers: Sequence[int]) -> dict[str, Any]:
    """Measure both servers one after the other; returns plain JSON values.

    `reencoded_viewers` may stop earlier: encoding for a handful of viewers takes all of a small machine,
    and the cost of one more no longer changes.
    """
    shared = measure("shared", (0, *viewers), seconds)
    reencoded = measure("reencoded", (0, *reencoded_viewers), seconds)
    ours, theirs = added_cpu_percent(shared), added_cpu_percent(reencoded)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "feature_bytes": FEATURE_BYTES,
        "loads": [asdict(load) for load in (*shared, *reencoded)],
        "added_cpu_percent": {"shared": round(ours, 3), "reencoded": round(theirs, 3)},
        "ratio": round(theirs / ours, 1),
    }


async def _measure(mode: str, viewers: Sequence[int], seconds: float, server: Connection) -> list[Load]:
    url = await asyncio.to_thread(server.recv)
    loads = []
    async with contextlib.AsyncExitStack() as stack:
        receivers: list[_Receiver] = []
        for count in viewers:
            while len(receivers) < count:
                receivers.append(await stack.enter_async_context(_receiver(url)))
            await asyncio.sleep(_SETTLE_S)
            before, cpu_before = [(r.frames, r.bytes) for r in receivers], await _cpu(server)
            await asyncio.sleep(seconds)
            after, cpu_after = [(r.frames, r.bytes) for r in receivers], await _cpu(server)
            wall = cpu_after[1] - cpu_before[1]
            frames, size = (
                sum(b[i] - a[i] for a, b in zip(before, after, strict=True)) / wall / max(1, count)
                for i in (0, 1)
            )
            cpu = 100 * (cpu_after[0] - cpu_before[0]) / wall
            loads.append(Load(mode, count, round(cpu, 2), round(frames, 2), round(size * 8 / 1000, 1)))
            print(loads[-1], file=sys.stderr, flush=True)
    return loads


async def _cpu(server: Connection) -> tuple[float, float]:
    def ask() -> tuple[float, float]:
        server.send("cpu")
        process_s, monotonic_s = server.recv()
        return process_s, monotonic_s

    return await asyncio.to_thread(ask)


class _Receiver:
    """Counts frames and bytes without decrypting them."""

    def __init__(self) -> None:
        self.frames = self.bytes = 0

    def count(self, packet: bytes) -> None:
        self.frames += packet[1] >> 7  # the marker bit: last packet of a frame
        self.bytes += len(packet)


@contextlib.asynccontextmanager
async def _receiver(url: str) -> AsyncIterator[_Receiver]:
    receiver, peer = _Receiver(), RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        transceiver = peer.addTransceiver("video", direction="recvonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in _CODECS])
        gather_on(peer, ["127.0.0.1"])
        count_rtp(transceiver.receiver.transport, receiver.count)
        await peer.setLocalDescription(await peer.createOffer())
        answer = await asyncio.to_thread(_post, f"{url}/whep", peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield receiver
    finally:
        await peer.close()


def _post(url: str, offer: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            if error.code != 409 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _pictures() -> list[av.VideoFrame]:
    """Return a second or two of a texture that pans, hard enough to code that x264 has something to do."""
    coarse = np.random.default_rng(0).integers(40, 200, (140, 320))
    texture = np.kron(coarse, np.ones((8, 8)))
    for axis in (0, 1):
        texture = np.mean([np.roll(texture, shift, axis) for shift in range(-4, 5)], axis=0)
    chroma = np.full((HEIGHT // 2, WIDTH), 120, np.uint8)
    return [
        av.VideoFrame.from_ndarray(
            np.vstack([texture[n : n + HEIGHT, 2 * n : 2 * n + WIDTH].astype(np.uint8), chroma]),
            format="yuv420p",
        )
        for n in range(_CLIP_FRAMES)
    ]


class _Clip:
    """A clip that was encoded before, in place of the source, the video encoder and the core."""

    width, height = WIDTH, HEIGHT

    def __init__(self) -> None:
        encoder, self._pictures = VideoEncoder(WIDTH, HEIGHT, FPS, _KBPS), _pictures()
        self._units = [
            unit
            for number, picture in enumerate(self._pictures)
            for unit in encoder.encode(picture, number * 90_000 // FPS, number == 0)
        ]
        self._next = 0

    def source(self) -> Source:
        def arrivals() -> Iterator[Arrival]:
            number = 0
            while True:
                yield Arrival(self._pictures[0], number * 90_000 // FPS, WIDTH, HEIGHT)
                number += 1

        return Source(arrivals(), FPS, [])

    def key_due(self, pts: int) -> bool:
        return False

    def encode(self, picture: av.VideoFrame, pts: int, force_key: bool = False) -> list[VideoUnit]:
        if force_key:
            self._next = 0  # the clip's only key frame; a decoder sees a cut
        unit = self._units[self._next % _CLIP_FRAMES]
        self._next += 1
        return [VideoUnit(unit.access_unit, pts, unit.key, 0.0)]


@dataclass(frozen=True)
class _Payload:
    payload: bytes
    anchor: bool = True
    core_ms: float = 0.0


class _RandomFeatures:
    def analyse(self, frame: SourceFrame) -> None:
        """Nothing is looked at."""

    def code(self, frame: SourceFrame, analysis: None, *, force_key: bool) -> _Payload:
        return _Payload(os.urandom(FEATURE_BYTES))


class _NoHeads:
    def entries(self) -> list[dict[str, Any]]:
        return []

    def file(self, name: str, file: str) -> Path | None:
        return None


def _serve_shared(parent: Connection) -> None:
    clip = _Clip()
    broadcast = Broadcast(
        "clip", clip.source, _RandomFeatures(), lambda *size: clip, fingerprint="", rate="default"
    )
    _serve(create_app(broadcast, Path(__file__).parent, _NoHeads(), {}, max_viewers=1000), parent)


class _DecodedTrack(MediaStreamTrack):
    """The clip's pictures at 25 frames per second, as a decoder would yield them."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._pictures, self._number, self._began = _pictures(), 0, time.monotonic()

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(max(0.0, self._began + self._number / FPS - time.monotonic()))
        picture = self._pictures[self._number % _CLIP_FRAMES]
        # Every peer's encoder marks the picture it is given: each frame needs an object of its own.
        frame = av.VideoFrame.from_ndarray(picture.to_ndarray(), format="yuv420p")
        frame.pts, frame.time_base = self._number, Fraction(1, FPS)
        self._number += 1
        return frame


def _serve_reencoded(parent: Connection) -> None:
    h264.DEFAULT_BITRATE = _KBPS * 1000  # aiortc's own is 1 Mbit/s; both servers send the same video bitrate
    app, relay, peers = FastAPI(), MediaRelay(), set[RTCPeerConnection]()
    tracks: list[_DecodedTrack] = []

    @app.post("/whep")
    async def whep(request: Request) -> Response:
        if not tracks:
            tracks.append(_DecodedTrack())
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.add(peer)
        transceiver = peer.addTransceiver(relay.subscribe(tracks[0]), direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in _CODECS])
        offer = (await request.body()).decode()
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        gather_on(peer, ["127.0.0.1"])
        await peer.setLocalDescription(await peer.createAnswer())
        return Response(peer.localDescription.sdp, 201, media_type="application/sdp")

    _serve(app, parent)


def _serve(app: FastAPI, parent: Connection) -> None:
    def answer() -> None:
        with contextlib.suppress(EOFError):
            while parent.recv() == "cpu":
                parent.send((time.process_time(), time.monotonic()))

    def ready(url: str) -> None:
        parent.send(url)
        threading.Thread(target=answer, daemon=True).start()

    serve(app, port=0, on_ready=ready)


_SERVERS: dict[str, Callable[[Connection], None]] = {"shared": _serve_shared, "reencoded": _serve_reencoded}


def main() -> None:
    """Compare both servers and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--viewers", default="1,8,32", help="numbers of viewers, with commas")
    parser.add_argument("--reencoded-viewers", default="1,2,4", help="the same for encoding per viewer")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    parser.add_argument("--json", type=Path, help="write the figures there instead of to stdout")
    arguments = parser.parse_args()
    counts, reencoded = (
        [int(count) for count in text.split(",") if int(count) > 0]
        for text in (arguments.viewers, arguments.reencoded_viewers)
    )
    text = json.dumps(compare(counts, arguments.seconds, reencoded), indent=2) + "\n"
    if arguments.json:
        arguments.json.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
