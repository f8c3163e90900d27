"""A real encoder and decoder: each frame keeps its payload, and nothing else changes."""

from __future__ import annotations

import random
from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import Type

from stream.carriage import extract, insert, join_chunks


def coded_pictures(count: int) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 160, 96, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": "keyint=8:repeat-headers=1:annexb=1",
    }
    units = []
    for index in range(count):
        luma = np.roll(np.tile(np.arange(0, 240, 3, np.uint8), (144, 2)), 3 * index, axis=1)
        picture = av.VideoFrame.from_ndarray(luma, "yuv420p")
        picture.pts = index
        units += [bytes(packet) for packet in context.encode(picture)]
    return units


def decoded(units: list[bytes]) -> list[av.VideoFrame]:
    context = av.CodecContext.create("h264", "r")
    frames = []
    for index, unit in enumerate(units):
        packet = av.Packet(unit)
        packet.pts = index
        frames += context.decode(packet)
    return frames + context.decode(None)


def test_every_frame_keeps_its_payload() -> None:
    units = coded_pictures(20)
    dice = random.Random(4)
    payloads = [
        dice.randbytes(dice.choice((1, 40, 1132, 3000))) + b"\0\0\0\1\0\0\3" * index for index in range(20)
    ]
    carrying = [insert(unit, payload) for unit, payload in zip(units, payloads, strict=True)]
    assert [extract(unit) for unit in carrying] == payloads
    plain, carried = decoded(units), decoded(carrying)
    assert len(carried) == len(plain) == 20
    for bare, frame, payload in zip(plain, carried, payloads, strict=True):
        sides = [bytes(side) for side in frame.side_data if side.type == Type.SEI_UNREGISTERED]
        assert join_chunks(sides) == payload
        assert np.array_equal(bare.to_ndarray(), frame.to_ndarray())
