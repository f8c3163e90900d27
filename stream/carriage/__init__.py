"""Carriage: a frame's payload rides in SEI NAL units inside the H.264 access unit of the same frame."""

from __future__ import annotations

from stream.carriage.chunks import CHUNK_BYTES, FEATURES_UUID, join_chunks, split_chunks
from stream.carriage.sei import carried_size, extract, insert, sei_units

__all__ = [
    "CHUNK_BYTES",
    "FEATURES_UUID",
    "carried_size",
    "extract",
    "insert",
    "join_chunks",
    "sei_units",
    "split_chunks",
]
