"""A WHEP viewer without a window: joins a broadcast and yields its pictures with their payloads."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin, urlsplit

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import get_capabilities
from aiortc.mediastreams import MediaStreamError
from av.sidedata.sidedata import SideData, Type

from stream.carriage import join_chunks
from stream.rtc_private import gather_on

__all__ = ["ReceivedFrame", "StreamWithoutFeatures", "WhepError", "watch"]

_ANSWER_S = 10.0
_SILENCE_S = 10.0
_WITHOUT_FEATURES_S = 5.0
_QUEUE_FRAMES = 64
_SDP = "application/sdp"


class WhepError(ValueError):
    """The broadcast cannot be watched; one line says why."""


class StreamWithoutFeatures(WhepError):
    """Video came for five seconds, and no features with it."""


@dataclass(frozen=True)
class ReceivedFrame:
    """One decoded picture with the payload that came inside its access unit, if one did."""

    picture: av.VideoFrame
    payload: bytes | None


async def watch(url: str, *, token: str | None = None) -> AsyncGenerator[ReceivedFrame, None]:
    """Join the WHEP endpoint `url` and yield frames in order until the broadcast ends the session.

    Raises WhepError when it cannot be joined or falls silent, StreamWithoutFeatures when no frame of 5 s
    has features. Close the iterator (`contextlib.aclosing`) to leave early; the session is deleted either
    way. A consumer slower than the stream loses the oldest frames.
    """
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    session_url: str | None = None
    try:
        transceiver = peer.addTransceiver("video", direction="recvonly")
        codecs = get_capabilities("video").codecs
        transceiver.setCodecPreferences(
            [c for c in codecs if c.mimeType.lower() in ("video/h264", "video/rtx")]
        )
        if (address := _loopback(url)) is not None:
            gather_on(peer, [address])
        await peer.setLocalDescription(await peer.createOffer())
        answer, session_url = await asyncio.to_thread(_post, url, peer.localDescription.sdp, token)
        try:
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:  # aiortc raises whatever its parser stumbles over
            raise WhepError(f"{url}: the answer is not usable SDP: {error}") from error
        if tracks.empty():
            raise WhepError(f"{url}: expected an answer that sends video, got one without")
        async with contextlib.aclosing(_frames(tracks.get_nowait(), url)) as frames:
            async for frame in frames:
                yield frame
    finally:
        await peer.close()
        if session_url is not None:
            await asyncio.to_thread(_delete, session_url, token)


async def _frames(track: MediaStreamTrack, url: str) -> AsyncGenerator[ReceivedFrame, None]:
    received: asyncio.Queue[av.VideoFrame | None] = asyncio.Queue(_QUEUE_FRAMES)

    async def receive() -> None:
        # aiortc's own queue has no bound; a head slower than the stream would fill the memory.
        with contextlib.suppress(MediaStreamError):
            while True:
                picture = cast(av.VideoFrame, await track.recv())
                if received.full():
                    received.get_nowait()
                received.put_nowait(picture)
        if received.full():
            received.get_nowait()
        received.put_nowait(None)

    receiving = asyncio.create_task(receive())
    try:
        bare_since: float | None = None
        while True:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    picture = await received.get()
            except TimeoutError:
                raise WhepError(f"{url}: no video came for {_SILENCE_S:.0f} s") from None
            if picture is None:
                return
            payload = _payload(picture)
            now = time.monotonic()
            bare_since = None if payload is not None else bare_since or now
            if bare_since is not None and now - bare_since >= _WITHOUT_FEATURES_S:
                raise StreamWithoutFeatures(
                    f"{url}: no features in {_WITHOUT_FEATURES_S:.0f} s of video; is it featurecast's stream?"
                )
            yield ReceivedFrame(picture, payload)
    finally:
        receiving.cancel()
        await asyncio.wait([receiving])


def _payload(picture: av.VideoFrame) -> bytes | None:
    # PyAV's stubs call this a mapping of names; it is a sequence of side data, several of one type.
    sides = cast(Iterable[SideData], picture.side_data)
    return join_chunks(bytes(side) for side in sides if side.type == Type.SEI_UNREGISTERED)


def _loopback(url: str) -> str | None:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return host if ipaddress.ip_address(host).is_loopback else None
    except ValueError:
        return None


def _post(url: str, offer: str, token: str | None) -> tuple[str, str | None]:
    try:
        with _request(url, "POST", token, offer.encode()) as response:
            location = response.headers.get("Location")
            if response.status != 201:
                raise WhepError(f"{url}: expected a WHEP endpoint that answers 201, got {response.status}")
            return response.read().decode(), urljoin(url, location) if location else None
    except urllib.error.HTTPError as error:
        with error:
            raise WhepError(f"{url}: {error.code} {_detail(error)}") from error
    except urllib.error.URLError as error:
        raise WhepError(f"{url}: cannot be reached: {error.reason}") from error
    except WhepError:
        raise
    except (OSError, ValueError) as error:
        raise WhepError(f"{url}: cannot be reached: {error}") from error


def _delete(session_url: str, token: str | None) -> None:
    # The session may have ended, and the server with it: then there is nothing left to delete.
    with contextlib.suppress(OSError), _request(session_url, "DELETE", token):
        pass


def _request(url: str, method: str, token: str | None, body: bytes | None = None):  # type: ignore[no-untyped-def]
    headers = {"Content-Type": _SDP, "Accept": _SDP}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, body, headers, method=method)
    return urllib.request.urlopen(request, timeout=_ANSWER_S)


def _detail(error: urllib.error.HTTPError) -> str:
    text = error.read(2000).decode(errors="replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return error.reason or "refused"
