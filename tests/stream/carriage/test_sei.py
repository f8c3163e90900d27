"""Payloads in access units: whatever the bytes, and whatever surrounds them."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.carriage import (
    CHUNK_BYTES,
    FEATURES_UUID,
    carried_size,
    extract,
    insert,
    join_chunks,
    split_chunks,
)
from stream.carriage.chunks import MAX_PAYLOAD

SPS, PPS = b"\0\0\0\1\x67\x42\xc0\x1f", b"\0\0\0\1\x68\xce\x3c\x80"
IDR, SLICE = b"\x65\xb8\x04\x11", b"\x41\x9a\x22\x33"
ZERO_RICH = st.lists(
    st.sampled_from([b"\0", b"\0\0", b"\1", b"\2", b"\3", b"\x80", b"\xff"]), min_size=1, max_size=600
)


@settings(max_examples=200, deadline=None)
@given(parts=ZERO_RICH, key=st.booleans(), long_code=st.booleans())
def test_payloads_rich_in_zeros_come_back(parts: list[bytes], key: bool, long_code: bool) -> None:
    payload = b"".join(parts)
    start = b"\0\0\0\1" if long_code else b"\0\0\1"
    head, coded = (SPS + PPS, start + IDR) if key else (b"", start + SLICE)
    unit = insert(head + coded, payload)
    assert extract(unit) == payload
    assert unit.startswith(head) and unit.endswith(coded)
    assert len(unit) == len(head + coded) + carried_size(payload)
    # No start code but our own: decoders must see the same units.
    inserted = unit[len(head) : len(unit) - len(coded)]
    assert inserted.count(b"\0\0\1") == len(split_chunks(payload))


@pytest.mark.parametrize("size", [1, 1131, 1132, 1133, 2264, 10_000, MAX_PAYLOAD])
def test_chunks_fit_a_packet(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    chunks = split_chunks(payload)
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert extract(insert(b"\0\0\0\1" + SLICE, payload)) == payload


@pytest.mark.parametrize("payload", [b"", bytes(MAX_PAYLOAD + 1)])
def test_what_cannot_be_carried_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="expected a payload of 1 to"):
        split_chunks(payload)


@pytest.mark.parametrize("unit", [b"", SPS + PPS, b"\0\0\0\1", b"no start code at all"])
def test_an_access_unit_without_a_slice_is_refused(unit: bytes) -> None:
    with pytest.raises(ValueError, match="coded slice"):
        insert(unit, b"features")
    assert extract(unit) is None


def test_joining_chunks() -> None:
    payload = random.Random(1).randbytes(3000)
    first, second, third = split_chunks(payload)
    other = bytes(16) + b"x264 - core 164"
    assert join_chunks([first, second, third]) == payload
    assert join_chunks([other, third, first, second, other]) == payload
    assert join_chunks([first, first, second, third]) == payload
    assert join_chunks([]) is None
    assert join_chunks([other]) is None
    assert join_chunks([first, third]) is None, "missing"
    assert join_chunks([first, second, third, first[:-1] + bytes((first[-1] ^ 1,))]) is None, "contradicting"
    assert join_chunks([first, second, third[:17] + b"\4" + third[18:]]) is None, "another count"
    assert join_chunks([FEATURES_UUID]) is None
    assert join_chunks([FEATURES_UUID + b"\0\1"]) is None
    assert join_chunks([FEATURES_UUID + b"\1\1x"]) is None, "an index beyond the count"


@settings(max_examples=300, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
    keep=st.integers(0, 5000),
)
def test_damage_gives_a_payload_or_none(damage: list[tuple[int, int]], keep: int) -> None:
    unit = bytearray(insert(SPS + PPS + b"\0\0\1" + IDR, random.Random(2).randbytes(2000)))
    for at, value in damage:
        unit[at % len(unit)] = value
    found = extract(bytes(unit[:keep]))
    assert found is None or isinstance(found, bytes)


def test_golden_access_units(repository: Path) -> None:
    for case in json.loads((repository / "tests" / "vectors" / "carriage.json").read_text()):
        expected = None if case["payload"] is None else base64.b64decode(case["payload"])
        assert extract(base64.b64decode(case["accessUnit"])) == expected, case["name"]
