"""Debian's Janus as a forwarding unit: plain RTP goes in at a port, viewers join by HTTP and WebRTC.

RTP -> streaming mountpoint -> POST /janus: create, attach, watch -> offer -> answer, start -> frames
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from aioice.ice import get_host_addresses
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

_PAYLOAD_TYPE = 96
_MOUNTPOINT = 1
_START_S = 30.0


def free_port(kind: socket.SocketKind) -> int:
    """Return a port on 127.0.0.1 that nobody uses."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def janus_libraries() -> Path:
    """Return the folder of Janus' plugins and transports; skips where Janus cannot run.

    Somebody who has not installed it skips; a continuous integration that has must be able to run it.
    """
    if shutil.which("janus") is None:
        pytest.skip("janus is not installed (Debian: apt install janus)")
    if not get_host_addresses(use_ipv4=True, use_ipv6=False):
        pytest.skip("Janus leaves loopback out, and this machine has no other address")
    for root in (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/janus/lib")):
        for streaming in root.glob("**/janus/plugins/libjanus_streaming.so"):
            return streaming.parents[1]
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Janus has no streaming plugin here")


class Janus:
    """A running Janus with one mountpoint that takes H.264 over plain RTP."""

    def __init__(self, folder: Path, libraries: Path) -> None:
        """Write its configuration into `folder` and start it."""
        self.rtp_port, http_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self._api = f"http://127.0.0.1:{http_port}/janus"
        self._transactions = itertools.count()
        for kind, library in (("plugins", "streaming"), ("transports", "http")):
            (folder / kind).mkdir()
            name = f"libjanus_{library}.so"
            (folder / kind / name).symlink_to(libraries / kind / name)
        (folder / "janus.jcfg").write_text(
            f'general: {{ configs_folder = "{folder}"; plugins_folder = "{folder}/plugins"; '
            f'transports_folder = "{folder}/transports"; events_folder = "{folder}"; '
            f'loggers_folder = "{folder}"; debug_level = 3; }}\n'
        )
        (folder / "janus.transport.http.jcfg").write_text(
            f'general: {{ http = true; port = {http_port}; ip = "127.0.0.1"; https = false; }}\n'
        )
        (folder / "janus.plugin.streaming.jcfg").write_text(
            f'featurecast: {{ type = "rtp"; id = {_MOUNTPOINT}; audio = false; video = true; '
            f"videoport = {self.rtp_port}; videopt = {_PAYLOAD_TYPE}; "
            f'videoiface = "127.0.0.1"; videocodec = "h264"; '
            'videofmtp = "profile-level-id=42e01f;packetization-mode=1"; }\n'
        )
        self._log = folder / "janus.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(["janus", "-F", str(folder)], stdout=log, stderr=log)

    async def ready(self) -> None:
        """Wait until it answers; fails the test with its log when it does not."""
        async with httpx.AsyncClient() as http, asyncio.timeout(_START_S):
            while True:
                assert self._process.poll() is None, self._log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{self._api}/info")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[MediaStreamTrack]:
        """Join the mountpoint as a viewer and yield its video."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        tracks: list[MediaStreamTrack] = []
        peer.on("track", tracks.append)
        async with httpx.AsyncClient(timeout=40) as http:
            session = f"{self._api}/{(await self._post(http, self._api, janus='create'))['data']['id']}"
            attached = await self._post(http, session, janus="attach", plugin="janus.plugin.streaming")
            handle = f"{session}/{attached['data']['id']}"
            try:
                await self._message(http, handle, {"request": "watch", "id": _MOUNTPOINT})
                offer = await self._session_description(http, session)
                await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                await peer.setLocalDescription(await peer.createAnswer())
                answer = {"type": "answer", "sdp": peer.localDescription.sdp}
                await self._message(http, handle, {"request": "start"}, jsep=answer)
                yield tracks[0]
            finally:
                await peer.close()
                await self._post(http, session, janus="destroy")

    async def _message(self, http: httpx.AsyncClient, handle: str, body: Any, **more: Any) -> None:
        await self._post(http, handle, janus="message", body=body, **more)

    async def _post(self, http: httpx.AsyncClient, url: str, **message: Any) -> Any:
        message["transaction"] = str(next(self._transactions))
        answer = (await http.post(url, json=message)).json()
        assert answer["janus"] in ("success", "ack"), answer
        return answer

    async def _session_description(self, http: httpx.AsyncClient, session: str) -> str:
        while True:
            event = (await http.get(session)).json()
            assert event["janus"] != "error", event
            assert "error" not in event.get("plugindata", {}).get("data", {}), event
            if "jsep" in event:
                return str(event["jsep"]["sdp"])


class RtpOut:
    """Sends frames as plain RTP (RFC 3550 5.1) to a port of this machine."""

    def __init__(self, port: int) -> None:
        """Open a socket for 127.0.0.1:`port`."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._sequence = 0

    def send(self, payloads: Sequence[bytes], pts: int) -> None:
        """Send the payloads of one frame; `pts` in 90 kHz."""
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            header = struct.pack(
                ">BBHII", 0x80, marker | _PAYLOAD_TYPE, self._sequence & 0xFFFF, pts & 0xFFFFFFFF, 0xFEA70001
            )
            # Nobody listens before Janus does: what is refused then is lost, as on any network.
            with contextlib.suppress(ConnectionRefusedError):
                self._socket.send(header + payload)
            self._sequence += 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextlib.contextmanager
def rtp_out(port: int) -> Iterator[RtpOut]:
    """Lend a sender."""
    sender = RtpOut(port)
    try:
        yield sender
    finally:
        sender.close()
