"""User-data-unregistered SEI units in an Annex-B access unit (ITU-T H.264 7.3.2.3, 7.4.1, D.1.7, annex B).

start code 00 00 00 01 | 06 | 05 | size, ff per 255 | chunk | 80      with emulation prevention from 06 on
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stream.carriage.chunks import FEATURES_UUID, join_chunks, split_chunks

__all__ = ["carried_size", "extract", "insert", "sei_units"]

_START = b"\x00\x00\x00\x01"
_SEI = 6
_USER_DATA_UNREGISTERED = 5
_LAST_SLICE = 5
_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_ESCAPED = re.compile(rb"\x00\x00\x03")
_START_CODE = b"\x00\x00\x01"


def sei_units(payload: bytes) -> bytes:
    """Return the payload as SEI NAL units with start codes, one unit per chunk."""
    return b"".join(_sei_unit(chunk) for chunk in split_chunks(payload))


def carried_size(payload: bytes) -> int:
    """Return how many bytes the payload adds to an access unit: headers, escapes and start codes included."""
    return len(sei_units(payload))


def insert(access_unit: bytes, payload: bytes) -> bytes:
    """Return the access unit (Annex B) with the payload before its first slice; raises ValueError if none."""
    for kind, start, _ in _units(access_unit):
        if _is_slice(kind):
            # The zero byte of a four-byte start code belongs to the slice's start code.
            at = start - 4 if access_unit[start - 4 : start] == _START else start - 3
            return access_unit[:at] + sei_units(payload) + access_unit[at:]
    raise ValueError("carriage: expected an Annex-B access unit with a coded slice, found none")


def extract(access_unit: bytes) -> bytes | None:
    """Return the payload that an access unit (Annex B) carries, or None when it has none or not all of it."""
    return join_chunks(_user_data(access_unit))


def _sei_unit(chunk: bytes) -> bytes:
    size = len(chunk)
    raw = (
        bytes((_SEI, _USER_DATA_UNREGISTERED))
        + b"\xff" * (size // 255)
        + bytes((size % 255,))
        + chunk
        + b"\x80"
    )
    return _START + _EMULATION.sub(b"\x00\x00\x03", raw)


def _is_slice(kind: int) -> bool:
    return 1 <= kind <= _LAST_SLICE


def _units(access_unit: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (type, first byte after the start code, end) of each NAL unit, looking no further than needed."""
    code = access_unit.find(_START_CODE)
    while code >= 0:
        start = code + 3
        code = access_unit.find(_START_CODE, start)
        end = code if code >= 0 else len(access_unit)
        if start < end:
            yield access_unit[start] & 31, start, end


def _user_data(access_unit: bytes) -> Iterator[bytes]:
    """Yield the user data (UUID first) of each SEI unit before the first slice that carries our UUID."""
    for kind, start, end in _units(access_unit):
        if _is_slice(kind):
            return
        if kind == _SEI:
            yield from _messages(_ESCAPED.sub(b"\x00\x00", access_unit[start + 1 : end]))


def _messages(raw: bytes) -> Iterator[bytes]:
    """Yield the user-data-unregistered messages of one SEI unit, without emulation bytes."""
    at = 0
    # The unit ends with the stop bit's byte; anything shorter than a type and a size is not a message.
    while at + 2 < len(raw):
        kind, at = _long_number(raw, at)
        size, at = _long_number(raw, at)
        if at + size > len(raw):
            return
        if kind == _USER_DATA_UNREGISTERED and raw[at : at + 16] == FEATURES_UUID:
            yield raw[at : at + size]
        at += size


def _long_number(raw: bytes, at: int) -> tuple[int, int]:
    total = 0
    while at < len(raw) and raw[at] == 255:
        total += 255
        at += 1
    return total + (raw[at] if at < len(raw) else 0), at + 1
