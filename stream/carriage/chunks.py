"""A payload split into chunks that fit one RTP packet each, and joined again.

    chunk:  uuid (16) | index (1) | count (1) | part of the payload

Large SEI units would leave as FU-A fragments, and a lost fragment freezes a browser's decoder; a lost chunk
costs one frame's features only.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["CHUNK_BYTES", "FEATURES_UUID", "MAX_PAYLOAD", "join_chunks", "split_chunks"]

FEATURES_UUID = bytes.fromhex("7fca57e55f3c4e0d9b1d2a9c64f1e8b3")
"""The one UUID of this product; SEI units with another one (x264 writes its own) are not ours."""

CHUNK_BYTES = 1150
"""Most bytes of one chunk, UUID, index and count included."""

_HEAD = len(FEATURES_UUID) + 2
_PART = CHUNK_BYTES - _HEAD
MAX_PAYLOAD = 255 * _PART
"""Largest payload that can be carried, in bytes."""


def split_chunks(payload: bytes) -> list[bytes]:
    """Return the payload's chunks of at most CHUNK_BYTES; raises ValueError when it is empty or too large."""
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"carriage: expected a payload of 1 to {MAX_PAYLOAD} bytes, got {len(payload)}")
    count = -(-len(payload) // _PART)
    return [
        FEATURES_UUID + bytes((index, count)) + payload[index * _PART : (index + 1) * _PART]
        for index in range(count)
    ]


def join_chunks(chunks: Iterable[bytes]) -> bytes | None:
    """Return the payload of one frame's user-data units, each beginning with its UUID, or None.

    Units with another UUID are skipped; order does not matter and exact repetitions are harmless. A missing
    chunk, or two that contradict each other, means that the frame has no features: None.
    """
    parts: dict[int, bytes] = {}
    count = 0
    for chunk in chunks:
        if chunk[:16] != FEATURES_UUID:
            continue
        if len(chunk) <= _HEAD:
            return None
        index, claimed, part = chunk[16], chunk[17], chunk[_HEAD:]
        if index >= claimed or (count and claimed != count) or parts.setdefault(index, part) != part:
            return None
        count = claimed
    if not count or len(parts) != count:
        return None
    return b"".join(parts[index] for index in range(count))
