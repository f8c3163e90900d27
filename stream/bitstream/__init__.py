"""Bitstream: int8 features to bytes and back, losslessly, with static-table rANS."""

from __future__ import annotations

from stream.bitstream.codec import (
    ANCHOR_INTERVAL,
    KEY_INTERVAL,
    BitstreamDecoder,
    BitstreamEncoder,
    EncodedFeatures,
    FeatureFrame,
)
from stream.bitstream.errors import BitstreamError, Malformed, MissingReference, UnknownSpec, UnknownTables
from stream.bitstream.fitting import fit_tables
from stream.bitstream.tables import EntropyTables

__all__ = [
    "ANCHOR_INTERVAL",
    "KEY_INTERVAL",
    "BitstreamDecoder",
    "BitstreamEncoder",
    "BitstreamError",
    "EncodedFeatures",
    "EntropyTables",
    "FeatureFrame",
    "Malformed",
    "MissingReference",
    "UnknownSpec",
    "UnknownTables",
    "fit_tables",
]
