"""What a decoder raises on bytes it cannot use.

BitstreamError
├── Malformed         damaged, truncated or not a payload: drop it
├── UnknownSpec       a feature spec that this decoder was not given: fetch it
├── UnknownTables     entropy tables that this decoder was not given: fetch them
└── MissingReference  a delta whose key frame was not decoded: wait for the next key
"""

from __future__ import annotations

__all__ = ["BitstreamError", "Malformed", "MissingReference", "UnknownSpec", "UnknownTables"]


class BitstreamError(Exception):
    """A payload that gives no features; `code` is the same word in Python, JavaScript and metrics."""

    code = "bitstream"


class Malformed(BitstreamError):
    """The bytes are damaged or are no payload of this format."""

    code = "malformed"


class UnknownSpec(BitstreamError):
    """The key frame's feature spec is not known; `fingerprint` holds its first eight hex digits."""

    code = "unknown_spec"

    def __init__(self, fingerprint: str) -> None:
        """Name the short fingerprint."""
        super().__init__(f"feature spec {fingerprint} is not known to this decoder")
        self.fingerprint = fingerprint


class UnknownTables(BitstreamError):
    """The key frame's entropy tables are not known; `tables` holds their id."""

    code = "unknown_tables"

    def __init__(self, tables: str) -> None:
        """Name the tables' id."""
        super().__init__(f"entropy tables {tables} are not known to this decoder")
        self.tables = tables


class MissingReference(BitstreamError):
    """The delta refers to a key frame that was not decoded."""

    code = "missing_reference"
