"""Guards every private name of aiortc that we touch: an upgrade that moves one fails here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.codecs.h264 import h264_depayload
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender

from stream.rtc_private import (
    RETRANSMISSION_HISTORY,
    count_rtp,
    enlarge_retransmission_history,
    gather_on,
    on_key_frame_request,
    packetise,
    send_shared,
)


@dataclass
class Frame:
    payloads: tuple[bytes, ...]
    pts: int


@dataclass
class Pair:
    sender: RTCRtpSender
    frames: asyncio.Queue[Frame | None]
    requests: list[None]
    receiving: RTCPeerConnection
    sending: RTCPeerConnection


def h264(count: int) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 64, 64, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"tune": "zerolatency", "preset": "ultrafast"}
    units = []
    for number in range(count):
        picture = av.VideoFrame(64, 64, "yuv420p")
        picture.pts = number
        units += [bytes(packet) for packet in context.encode(picture)]
    return units


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    sending, receiving = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    frames: asyncio.Queue[Frame | None] = asyncio.Queue()
    requests: list[None] = []

    async def next_frame() -> Frame:
        frame = await frames.get()
        if frame is None:
            raise MediaStreamError
        return frame

    receiving.addTransceiver("video", direction="recvonly")
    gather_on(receiving, ["127.0.0.1"])
    await receiving.setLocalDescription(await receiving.createOffer())
    transceiver = sending.addTransceiver(VideoStreamTrack(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in ("video/h264", "video/rtx")])
    send_shared(transceiver.sender, next_frame)
    on_key_frame_request(transceiver.sender, lambda: requests.append(None))
    await sending.setRemoteDescription(RTCSessionDescription(receiving.localDescription.sdp, "offer"))
    gather_on(sending, ["127.0.0.1"])
    await sending.setLocalDescription(await sending.createAnswer())
    try:
        yield Pair(transceiver.sender, frames, requests, receiving, sending)
    finally:
        await sending.close()
        await receiving.close()


async def connect(pair: Pair) -> None:
    await pair.receiving.setRemoteDescription(
        RTCSessionDescription(pair.sending.localDescription.sdp, "answer")
    )


def queue_frames(pair: Pair, units: list[bytes]) -> None:
    for number, unit in enumerate(units):
        pair.frames.put_nowait(Frame(packetise(unit), number * 3600))


async def test_ready_payloads_arrive_as_the_frames_they_were_made_from(pair: Pair) -> None:
    queue_frames(pair, h264(12))
    await connect(pair)
    track = pair.receiving.getReceivers()[0].track
    async with asyncio.timeout(10):
        pictures = [await track.recv() for _ in range(10)]
    assert [picture.pts for picture in pictures] == [number * 3600 for number in range(10)]
    assert (pictures[0].width, pictures[0].height) == (64, 64)


async def test_a_picture_loss_indication_reaches_the_hook(pair: Pair) -> None:
    queue_frames(pair, h264(3))
    await connect(pair)
    receiver = pair.receiving.getReceivers()[0]
    async with asyncio.timeout(10):
        await receiver.track.recv()
        await receiver._send_rtcp_pli(pair.sender._ssrc)
        while not pair.requests:
            await asyncio.sleep(0.01)
    assert len(pair.requests) == 1


async def test_the_end_of_the_frames_ends_the_sender_and_closing_does_not_hang(pair: Pair) -> None:
    await connect(pair)
    pair.frames.put_nowait(None)
    async with asyncio.timeout(10):
        while pair.sender.track is not None:
            await asyncio.sleep(0.01)
        await pair.sending.close()


async def test_ice_uses_the_given_addresses_only(pair: Pair) -> None:
    sdp = pair.sending.localDescription.sdp
    addresses = [line.split()[4] for line in sdp.splitlines() if line.startswith("a=candidate:")]
    assert addresses == ["127.0.0.1"]


async def test_lost_packets_of_the_last_seconds_are_sent_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far more than aiortc's own 128 packets lie between the loss and the request."""
    enlarge_retransmission_history()
    sent: list[bytes] = []
    keep = pair.sender.transport._send_rtp

    async def record(packet: bytes) -> None:
        sent.append(packet)
        await keep(packet)

    monkeypatch.setattr(pair.sender.transport, "_send_rtp", record)
    queue_frames(pair, h264(2))
    await connect(pair)
    async with asyncio.timeout(10):
        await pair.receiving.getReceivers()[0].track.recv()
        first = int.from_bytes(next(p for p in sent if p[1] & 0x7F < 72 or p[1] & 0x7F > 79)[2:4], "big")
        packets = RETRANSMISSION_HISTORY // 2
        pair.frames.put_nowait(Frame((b"\x0c\xff",) * packets, 7200))
        while len(sent) < packets:
            await asyncio.sleep(0.01)
        before = len(sent)
        await pair.sender._retransmit(first)
    assert len(sent) == before + 1


async def test_counting_sees_every_rtp_packet_and_the_connection_stays_up(pair: Pair) -> None:
    seen: list[bytes] = []
    count_rtp(pair.receiving.getReceivers()[0].transport, seen.append)
    unit = h264(1)[0]
    queue_frames(pair, [unit] * 5)
    await connect(pair)
    expected = 5 * len(packetise(unit))
    async with asyncio.timeout(10):
        while len(seen) < expected:
            await asyncio.sleep(0.01)
    assert pair.receiving.connectionState == "connected"
    assert sum(packet[1] >> 7 for packet in seen) == 5


@pytest.mark.parametrize("size", [1, 1299, 1300, 1301, 5000])
def test_packetising_keeps_every_byte_and_the_size_limit(size: int) -> None:
    slice_ = b"\x65" + bytes(1 + i % 250 for i in range(size))
    unit = b"".join(b"\0\0\0\1" + nal for nal in (b"\x67abc", b"\x68de", slice_))
    payloads = packetise(unit)
    assert max(map(len, payloads)) <= 1300
    assert b"".join(h264_depayload(payload) for payload in payloads) == unit
