"""WHEP sessions: one peer each, from its offer to whatever ends it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription, candidate_from_sdp

from stream.broadcast import Broadcast
from stream.rtc_private import (
    RtpFrame,
    enlarge_retransmission_history,
    gather_on,
    on_key_frame_request,
    send_shared,
)
from stream.subscription import BroadcastEnded, Subscription

__all__ = ["NoH264", "OfferRefused", "Session", "Sessions", "SessionsFull"]

_log = logging.getLogger(__name__)

_CONNECT_S = 15.0
"""A peer that has not connected by then never will; its place goes to somebody else."""

_CODECS = ("video/h264", "video/rtx")


class OfferRefused(ValueError):
    """The peer's SDP cannot be answered; the message says what was expected."""


class NoH264(OfferRefused):
    """The peer does not take H.264, the only video there is."""


class SessionsFull(Exception):
    """As many viewers are here as the operator allows."""


class Session:
    """One peer: offer -> answer -> H.264 until DELETE, until the peer is gone, or for 15 s in vain."""

    def __init__(self, subscription: Subscription, hosts: Sequence[str]) -> None:
        """`hosts` are the addresses that ICE sockets are bound to."""
        self.id = secrets.token_urlsafe(16)
        self.etag = f'"{secrets.token_hex(8)}"'
        self._subscription = subscription
        self._hosts = hosts
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._changed = asyncio.Event()
        self._peer.on("connectionstatechange", self._changed.set)
        self._fragment_of_offer = ""
        self._over = False

    async def answer(self, offer: str) -> str:
        """Return the SDP answer to an SDP offer; raises OfferRefused.

        Video is H.264 (with RTX where offered), sent only; every other section is answered inactive.
        """
        self._fragment_of_offer = _ice_fragment(offer)
        video = self._peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        # Before the remote description: afterwards VP8, first in most offers, has won.
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() in _CODECS])
        send_shared(video.sender, self._next_frame)
        on_key_frame_request(video.sender, self._subscription.request_key_frame)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(_without_mdns(offer), "offer"))
            for transceiver in self._peer.getTransceivers():
                if transceiver is not video:
                    transceiver.direction = "inactive"
            gather_on(self._peer, self._hosts)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # aiortc raises whatever it stumbles over in the peer's words
            raise OfferRefused(f"the SDP offer cannot be used: {_line(error)}") from error
        return str(self._peer.localDescription.sdp)

    async def add_candidates(self, fragment: str) -> None:
        """Take trickled candidates (application/trickle-ice-sdpfrag, RFC 8840); raises OfferRefused."""
        mid: str | None = None
        for line in fragment.splitlines():
            name, _, value = line.strip().partition(":")
            if name == "a=mid":
                mid = value
            elif name == "a=ice-ufrag" and value != self._fragment_of_offer:
                raise OfferRefused("ICE restarts are not supported; open a new session instead")
            elif name == "a=candidate" and ".local " not in value:
                try:
                    candidate = candidate_from_sdp(value)
                    candidate.sdpMid = mid if mid is not None else self._peer.getTransceivers()[0].mid
                    await self._peer.addIceCandidate(candidate)
                except Exception as error:  # aioice and aiortc raise whatever they stumble over
                    raise OfferRefused(f"an ICE candidate cannot be used: {_line(error)}") from error

    async def run(self) -> None:
        """Return when the peer has gone or never came, or all is over; cancel it to end it earlier."""
        try:
            async with asyncio.timeout(_CONNECT_S) as patience:
                while not self._over and self._peer.connectionState not in ("failed", "closed"):
                    if self._peer.connectionState == "connected":
                        patience.reschedule(None)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            _log.info("session %s never connected", self.id[:6])

    async def close(self) -> None:
        """Close the connection."""
        try:
            await self._peer.close()
        except Exception:  # aiortc stumbles over peers whose offer it could not digest
            _log.debug("session %s did not close cleanly", self.id[:6], exc_info=True)

    @property
    def connected(self) -> bool:
        """Whether frames can flow to the peer."""
        return bool(self._peer.connectionState == "connected")

    async def _next_frame(self) -> RtpFrame:
        try:
            return await self._subscription.next()
        except BroadcastEnded as ended:
            self._over = True
            self._changed.set()
            raise MediaStreamError from ended


class Sessions:
    """All peers of one broadcast, each in a task of its own; none is left when the task group ends."""

    def __init__(self, broadcast: Broadcast, hosts: Sequence[str], limit: int) -> None:
        """`hosts`: addresses for ICE sockets; `limit`: how many viewers may be here at once."""
        self._broadcast, self._hosts, self._limit = broadcast, hosts, limit
        enlarge_retransmission_history()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        broadcast.metrics.viewers.set_function(lambda: self.connected)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def connected(self) -> int:
        """How many peers are connected."""
        return sum(session.connected for session, _ in self._running.values())

    def find(self, session_id: str) -> Session | None:
        """Return the session with this id, or None when it has ended or never was."""
        session, _ = self._running.get(session_id, (None, None))
        return session

    async def open(self, offer: str) -> tuple[Session, str]:
        """Start a session; returns it and the SDP answer. Raises OfferRefused or SessionsFull."""
        if len(self._tasks) >= self._limit:
            raise SessionsFull
        answer: asyncio.Future[tuple[Session, str]] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(offer, answer), name="session")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await answer
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def end(self, session_id: str) -> bool:
        """End a session and wait until it is gone; returns False when there is none."""
        _, task = self._running.get(session_id, (None, None))
        if task is None:
            return False
        task.cancel()
        await asyncio.wait([task])
        return True

    async def end_all(self) -> None:
        """End every session and wait until all are gone."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, offer: str, answer: asyncio.Future[tuple[Session, str]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        with self._broadcast.subscription() as subscription:
            session = Session(subscription, self._hosts)
            self._running[session.id] = session, task
            try:
                sdp = await session.answer(offer)
                self._broadcast.metrics.sessions.inc()
                if not answer.cancelled():
                    answer.set_result((session, sdp))
                    await session.run()
            except Exception as error:
                if answer.done():
                    raise
                answer.set_exception(error)
            finally:
                del self._running[session.id]
                if not answer.done():
                    answer.cancel()
                await session.close()


def _ice_fragment(offer: str) -> str:
    """Return the ICE fragment of an offer that can be answered; raises OfferRefused with what is missing."""
    try:
        description = SessionDescription.parse(offer)
    except Exception as error:  # aiortc raises whatever its parser stumbles over
        raise OfferRefused(f"expected an SDP offer, got something else: {_line(error)}") from error
    mids = {media.rtp.muxId for media in description.media}
    if any(not mids.issuperset(group.items) for group in description.group):
        raise OfferRefused("the SDP offer cannot be used: a=group names a section that is not there")
    video = next((media for media in description.media if media.kind == "video"), None)
    if video is None:
        raise OfferRefused("expected an SDP offer with a video section, got none")
    if not any(codec.mimeType.lower() == "video/h264" for codec in video.rtp.codecs):
        offered = ", ".join(sorted({codec.name for codec in video.rtp.codecs})) or "nothing"
        raise NoH264(f"expected an offer with H.264, the only video here; got {offered}")
    if video.direction not in ("recvonly", "sendrecv"):
        raise OfferRefused(f"expected an offer to receive video (recvonly), got {video.direction}")
    if not video.dtls or not video.dtls.fingerprints or not video.ice or not video.ice.usernameFragment:
        raise OfferRefused("expected a=fingerprint, a=ice-ufrag and a=ice-pwd in the offer, some are missing")
    return video.ice.usernameFragment


def _without_mdns(offer: str) -> str:
    # Browsers hide their addresses behind .local names. Resolving them takes up to seconds and a multicast
    # socket, for nothing: the browser's checks tell us its address. More may come, so no end of candidates.
    return "".join(
        line
        for line in offer.splitlines(keepends=True)
        if not (line.startswith("a=candidate:") and ".local " in line)
        and not line.startswith("a=end-of-candidates")
    )


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())
