"""The header of a payload: everything but the symbols, in as few bytes as that takes.

    magic f1 (1) | crc32 (4) | flags (1) | fields | coded symbols
    flags   bit 0: key, bits 1-2: rate, bits 3-5: lanes, bit 6: anchor (deltas only), bit 7: 0
    key     spec fingerprint (4) | tables id (4) | number | pts | source width | source height | split
    delta   reference, low 16 bits (2) | number - reference | pts - the reference's pts | split

Numbers are little-endian; those without a size are LEB128 of at most 8 bytes, so below 2**53 in practice and
exact in JavaScript. The CRC covers all that follows it; a delta's CRC goes on from its reference's, so that
a delta can never be decoded against another frame than its own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from core_network.spec import RATES
from stream.bitstream.errors import Malformed
from stream.bitstream.rans import LANES

__all__ = ["MAX_NUMBER", "MAX_SIZE", "DeltaHeader", "KeyHeader", "checksum", "parse", "seal"]

MAGIC = 0xF1
MAX_NUMBER = 2**53 - 1
"""Largest frame number and pts."""
MAX_SIZE = 65535
"""Largest source width and height."""

_CRC_END = 5
_FIELDS = 6


@dataclass(frozen=True)
class KeyHeader:
    """What a key frame says of itself; `fingerprint` and `tables` are the first eight hex digits."""

    rate: str
    lanes: int
    fingerprint: str
    tables: str
    number: int
    pts: int
    source_width: int
    source_height: int
    split: int

    def to_bytes(self) -> bytes:
        """Return the flags and fields."""
        return (
            bytes((_flags(self, key=True),))
            + bytes.fromhex(self.fingerprint)
            + bytes.fromhex(self.tables)
            + b"".join(map(_leb, (self.number, self.pts, self.source_width, self.source_height, self.split)))
        )


@dataclass(frozen=True)
class DeltaHeader:
    """What a delta says of itself; the rest is its key's.

    `anchor`: the next frames refer to it; `reference`: low 16 bits of the number of the frame it refers to.
    """

    rate: str
    lanes: int
    anchor: bool
    reference: int
    number_after: int
    pts_after: int
    split: int

    def to_bytes(self) -> bytes:
        """Return the flags and fields."""
        return (
            bytes((_flags(self, key=False) | self.anchor << 6,))
            + self.reference.to_bytes(2, "little")
            + b"".join(map(_leb, (self.number_after, self.pts_after, self.split)))
        )


def seal(body: bytes, reference_checksum: int) -> bytes:
    """Return a payload of flags, fields and coded symbols; `reference_checksum` is 0 for key frames."""
    return bytes((MAGIC,)) + zlib.crc32(body, reference_checksum).to_bytes(4, "little") + body


def checksum(payload: bytes, reference_checksum: int) -> int:
    """Return the checksum of a payload; raises Malformed when it is not the one that it carries."""
    found = zlib.crc32(memoryview(payload)[_CRC_END:], reference_checksum)
    if found != int.from_bytes(payload[1:_CRC_END], "little"):
        raise Malformed("the checksum does not fit")
    return found


def parse(payload: bytes) -> tuple[KeyHeader | DeltaHeader, bytes]:
    """Return a payload's header and coded symbols; raises Malformed. The checksum is not looked at."""
    if len(payload) <= _FIELDS or payload[0] != MAGIC:
        raise Malformed("not a payload of this format and version")
    flags = payload[_CRC_END]
    rate, lanes = RATES[flags >> 1 & 3], LANES[flags >> 3 & 7]
    key, anchor = bool(flags & 1), bool(flags & 64)
    if flags & 128 or (key and anchor):
        raise Malformed("flags of another version")
    fields = _Fields(payload, _FIELDS)
    if key:
        fingerprint, tables = fields.raw(4).hex(), fields.raw(4).hex()
        number, pts = fields.leb(MAX_NUMBER), fields.leb(MAX_NUMBER)
        width, height, split = fields.leb(MAX_SIZE), fields.leb(MAX_SIZE), fields.leb(MAX_NUMBER)
        if not width or not height:
            raise Malformed("a source without a size")
        return KeyHeader(rate, lanes, fingerprint, tables, number, pts, width, height, split), fields.rest()
    reference = int.from_bytes(fields.raw(2), "little")
    number_after, pts_after, split = (fields.leb(MAX_NUMBER) for _ in range(3))
    return DeltaHeader(rate, lanes, anchor, reference, number_after, pts_after, split), fields.rest()


def _flags(header: KeyHeader | DeltaHeader, *, key: bool) -> int:
    return key | RATES.index(header.rate) << 1 | LANES.index(header.lanes) << 3


def _leb(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Fields:
    """Reads fields one after the other."""

    def __init__(self, payload: bytes, at: int) -> None:
        self._payload = payload
        self._at = at

    def raw(self, count: int) -> bytes:
        """Return the next bytes."""
        part = self._payload[self._at : self._at + count]
        if len(part) < count:
            raise Malformed("the header is cut off")
        self._at += count
        return part

    def leb(self, most: int) -> int:
        """Return the next number, which is at most `most`."""
        number = 0
        for shift in range(0, 56, 7):
            byte = self.raw(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                if number > most:
                    raise Malformed("a number out of range")
                return number
        raise Malformed("a number out of range")

    def rest(self) -> bytes:
        """Return what follows the fields."""
        return self._payload[self._at :]
