"""Bare aiortc peers that join by hand, to do what the client never does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from stream.rtc_private import gather_on


@dataclass
class Peer:
    connection: RTCPeerConnection
    answer: str
    headers: httpx.Headers
    tracks: list[MediaStreamTrack]


async def offer(
    *kinds: str, direction: str = "recvonly", mime: str | None = "video/h264"
) -> tuple[RTCPeerConnection, str]:
    """Return a peer and its offer with one section per kind; video offers `mime` only, or everything."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds or ("video",):
        transceiver = connection.addTransceiver(kind, direction=direction)
        if kind == "video" and mime:
            codecs = transceiver.receiver.getCapabilities("video").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in (mime, "video/rtx")])
    gather_on(connection, ["127.0.0.1"])
    await connection.setLocalDescription(await connection.createOffer())
    return connection, str(connection.localDescription.sdp)


async def post(whep: str, sdp: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.post(whep, content=sdp, headers={"Content-Type": "application/sdp", **headers})


@contextlib.asynccontextmanager
async def joined(whep: str, *kinds: str, **options: Any) -> AsyncIterator[Peer]:
    """Join and yield the connected peer; it leaves by closing its connection, without DELETE."""
    connection, sdp = await offer(*kinds, **options)
    tracks: list[MediaStreamTrack] = []
    connection.on("track", tracks.append)
    try:
        response = await post(whep, sdp)
        assert response.status_code == 201, response.text
        await connection.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        async with asyncio.timeout(10):
            while connection.connectionState != "connected":
                await asyncio.sleep(0.01)
        yield Peer(connection, response.text, response.headers, tracks)
    finally:
        await connection.close()
