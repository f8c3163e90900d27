"""Everything that reaches into aiortc's and aioice's private names, so that one test guards them all.

aiortc 1.16 sends what a track yields: pictures (encoded again per peer) or packets (packetised again per
peer). A broadcast has RTP payloads ready that all peers share, must hear key-frame requests, and must
bind to the addresses the operator chose; none of that has a public name yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from aiortc import RTCPeerConnection, RTCRtpSender, rtcrtpsender
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import is_rtcp

__all__ = [
    "RETRANSMISSION_HISTORY",
    "RtpFrame",
    "count_rtp",
    "enlarge_retransmission_history",
    "gather_on",
    "lose_rtp",
    "on_key_frame_request",
    "packetise",
    "send_shared",
]

RETRANSMISSION_HISTORY = 1024
"""RTP packets kept per peer for retransmission: about 2.5 s; aiortc's own 128 are 0.3 s."""


class RtpFrame(Protocol):
    """One frame as RTP payloads: the same list goes to every peer."""

    @property
    def payloads(self) -> Sequence[bytes]:
        """RTP payloads in sending order."""

    @property
    def pts(self) -> int:
        """Presentation time in 90 kHz ticks."""


def packetise(access_unit: bytes) -> tuple[bytes, ...]:
    """Return the RTP payloads (RFC 6184: single NAL, STAP-A, FU-A) of one Annex B access unit."""
    return tuple(H264Encoder._packetize(H264Encoder._split_bitstream(access_unit)))


def send_shared(sender: RTCRtpSender, next_frame: Callable[[], Awaitable[RtpFrame]]) -> None:
    """Make a sender take ready payloads from `next_frame` instead of encoding what its track yields.

    `next_frame` is first called when the peer is connected; it ends the stream with MediaStreamError.
    """

    async def next_encoded_frame(codec: RTCRtpCodecParameters) -> RTCEncodedFrame:
        frame = await next_frame()
        return RTCEncodedFrame(list(frame.payloads), frame.pts, None)  # type: ignore[arg-type]  # no audio level

    sender._next_encoded_frame = next_encoded_frame  # type: ignore[method-assign]


def on_key_frame_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """Call `callback` for every PLI or FIR of this sender's peer (RFC 4585 6.3.1, RFC 5104 4.3.1)."""
    sender._send_keyframe = callback  # type: ignore[method-assign]


def enlarge_retransmission_history() -> None:
    """Let all senders of this interpreter answer NACKs for the last RETRANSMISSION_HISTORY packets."""
    rtcrtpsender.RTP_HISTORY_SIZE = RETRANSMISSION_HISTORY  # type: ignore[attr-defined]


def gather_on(peer: RTCPeerConnection, hosts: Sequence[str]) -> None:
    """Open the peer's ICE sockets on these addresses only; call it once it has transports, before gathering.

    aioice takes every interface but loopback, and asks a STUN server that nobody configured.
    """
    for ice in _ice_transports(peer):
        connection = ice._connection
        connection.stun_server = None
        gather = connection.get_component_candidates

        async def gather_on_hosts(component, addresses, timeout=5, gather=gather):  # type: ignore[no-untyped-def]
            return await gather(component, list(hosts), timeout)

        connection.get_component_candidates = gather_on_hosts  # type: ignore[method-assign]


def _ice_transports(peer: RTCPeerConnection) -> Iterator[RTCIceTransport]:
    for transceiver in peer.getTransceivers():
        yield transceiver.receiver.transport.transport
    if peer.sctp is not None:
        yield peer.sctp.transport.transport


def count_rtp(transport: RTCDtlsTransport, count: Callable[[bytes], None]) -> None:
    """Hand a receiving peer's RTP packets, still encrypted, to `count` and do nothing else with them.

    A benchmark's receivers must cost next to nothing: they share the machine with the sender they measure.
    The RTP header is readable (RFC 3711 3.1); STUN, DTLS and RTCP go their normal way.
    """
    ice = transport.transport
    receive = ice._recv

    async def receive_all_but_rtp() -> bytes:
        while True:
            packet = await receive()
            if not (127 < packet[0] < 192) or is_rtcp(packet):
                return packet
            count(packet)
            await asyncio.sleep(0)

    ice._recv = receive_all_but_rtp


def lose_rtp(lost: Callable[[], bool]) -> None:
    """Throw away RTP packets that this interpreter sends when `lost()`: retransmissions too, RTCP never.

    For measurements on loopback, which loses nothing by itself.
    """
    send = RTCDtlsTransport._send_rtp

    async def send_what_is_not_lost(self: RTCDtlsTransport, packet: bytes) -> None:
        if is_rtcp(packet) or not lost():
            await send(self, packet)

    RTCDtlsTransport._send_rtp = send_what_is_not_lost  # type: ignore[assignment, method-assign]
