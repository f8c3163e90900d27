"""Whatever the bytes, a decoder raises BitstreamError or answers what was encoded, soon."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamEncoder, BitstreamError, EntropyTables
from stream.bitstream.header import checksum, seal
from tests.vectors.make import synthetic_latents

Stream = tuple[list[NDArray[np.int8]], list[bytes]]


@pytest.fixture(scope="module")
def stream(spec: FeatureSpec, tables: EntropyTables) -> Stream:
    frames = list(spec.quantise(synthetic_latents(spec.shape, 3, 4), "high"))
    encoder = BitstreamEncoder(spec, tables, "high", anchor_interval=2)
    return frames, [
        encoder.encode(symbols, number=i, pts=3003 * i, source_size=(1280, 720)).payload
        for i, symbols in enumerate(frames)
    ]


def after_key(spec: FeatureSpec, tables: EntropyTables, key: bytes) -> BitstreamDecoder:
    decoder = BitstreamDecoder([(spec, tables)])
    decoder.decode(key)
    return decoder


def test_every_truncation_is_refused(stream: Stream, spec: FeatureSpec, tables: EntropyTables) -> None:
    _, payloads = stream
    decoder = after_key(spec, tables, payloads[0])
    for payload in payloads:
        for length in range(len(payload)):
            with pytest.raises(BitstreamError):
                decoder.decode(payload[:length])
            with pytest.raises(BitstreamError):
                decoder.decode(payload[length + 1 :])


def test_every_flipped_bit_is_refused(stream: Stream, spec: FeatureSpec, tables: EntropyTables) -> None:
    frames, payloads = stream
    decoder = after_key(spec, tables, payloads[0])
    for payload in payloads:
        for bit in range(8 * len(payload)):
            damaged = bytearray(payload)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(BitstreamError):
                decoder.decode(bytes(damaged))
    assert np.array_equal(decoder.decode(payloads[2]).symbols, frames[2]), (
        "damage leaves the decoder as it was"
    )


@settings(max_examples=300, deadline=None)
@given(junk=st.binary(max_size=300), start=st.sampled_from([b"", b"\xf1"]))
def test_junk(junk: bytes, start: bytes, stream: Stream, spec: FeatureSpec, tables: EntropyTables) -> None:
    decoder = after_key(spec, tables, stream[1][0])
    with pytest.raises(BitstreamError):
        decoder.decode(start + junk)


@settings(max_examples=250, deadline=None)
@given(
    which=st.integers(0, 2),
    damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=6),
    keep=st.integers(20, 10_000),
    more=st.binary(max_size=6),
)
def test_damage_with_a_checksum_that_fits(
    which: int,
    damage: list[tuple[int, int]],
    keep: int,
    more: bytes,
    stream: Stream,
    spec: FeatureSpec,
    tables: EntropyTables,
) -> None:
    key = stream[1][0]
    decoder = after_key(spec, tables, key)
    body = bytearray(stream[1][which][5:])
    for at, change in damage:
        body[at % len(body)] ^= change
    body = body[:keep] + more
    for reference in (0, checksum(key, 0)):
        try:
            frame = decoder.decode(seal(bytes(body), reference))
        except BitstreamError:
            continue
        assert frame.symbols.shape == spec.shape
        assert np.abs(frame.symbols.astype(int)).max() <= spec.symbol_max


def test_the_hardest_bytes_take_bounded_time(full_spec: FeatureSpec, full_tables: EntropyTables) -> None:
    spec, tables = full_spec, full_tables
    full = np.random.default_rng(0).integers(1, 15, spec.shape).astype(np.int8)
    payload = BitstreamEncoder(spec, tables, "low").encode(full, number=0, pts=0, source_size=(9, 9)).payload
    body = bytearray(payload[5:])
    # Two lanes: the same words would take tens of thousands of steps.
    body[0] &= 0b11000111
    started = time.process_time()
    with pytest.raises(BitstreamError):
        BitstreamDecoder([(spec, tables)]).decode(seal(bytes(body) + b"\0" * 200_000, 0))
    assert time.process_time() - started < 1.0
