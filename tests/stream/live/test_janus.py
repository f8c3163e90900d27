"""Features survive a forwarding unit that knows nothing of them: Debian's Janus, RTP in, WebRTC out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stream.bitstream import BitstreamDecoder, BitstreamEncoder, MissingReference
from stream.carriage import insert
from stream.client import _frames
from stream.rtc_private import packetise
from stream.video_encoder import VideoEncoder
from tests.stream.live.janus import Janus, janus_libraries, rtp_out
from tests.stream.live.rig import FPS, HEIGHT, WIDTH, burnt_number, numbered_picture
from tests.vectors.make import fitted, synthetic_latents, synthetic_spec

_KEY_INTERVAL = 12
_FRAMES = 60


@pytest.fixture
def janus(tmp_path: Path) -> Iterator[Janus]:
    started = Janus(tmp_path, janus_libraries())
    yield started
    started.stop()


async def test_every_frame_keeps_its_own_features(janus: Janus) -> None:
    spec = synthetic_spec((24, 44, 80), "janus")
    tables = fitted(spec)
    # Nobody passes key-frame requests back to a sender of plain RTP, so that keys come by themselves.
    latents = synthetic_latents(spec.shape, _KEY_INTERVAL, 5)
    symbols = [spec.quantise(latent, "default") for latent in latents]

    async def publish() -> None:
        video = VideoEncoder(WIDTH, HEIGHT, FPS, 400)
        features = BitstreamEncoder(spec, tables, "default", _KEY_INTERVAL)
        with rtp_out(janus.rtp_port) as sender:
            for number in count():
                pts, key = number * 90_000 // FPS, number % _KEY_INTERVAL == 0
                (unit,) = video.encode(numbered_picture(number), pts, key)
                coded = features.encode(
                    symbols[number % _KEY_INTERVAL],
                    number=number,
                    pts=pts,
                    source_size=(WIDTH, HEIGHT),
                    force_key=key,
                )
                sender.send(packetise(insert(unit.access_unit, coded.payload)), pts)
                await asyncio.sleep(1 / FPS)

    await janus.ready()
    decoder, with_features = BitstreamDecoder([(spec, tables)]), 0
    publishing = asyncio.create_task(publish())
    try:
        async with (
            asyncio.timeout(90),
            janus.watched() as track,
            contextlib.aclosing(_frames(track, "janus")) as frames,
        ):
            while with_features < _FRAMES:
                frame = await anext(frames)
                if frame.payload is None:
                    continue
                try:
                    decoded = decoder.decode(frame.payload)
                except MissingReference:
                    assert with_features == 0, "a viewer who joins late waits for a key once"
                    continue
                assert decoded.number == burnt_number(frame.picture)
                assert (decoded.symbols == symbols[decoded.number % _KEY_INTERVAL]).all()
                with_features += 1
    finally:
        publishing.cancel()
        await asyncio.wait([publishing])
