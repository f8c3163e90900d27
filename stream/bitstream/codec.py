"""From symbols to payloads and back: key frames, and deltas that refer to the last anchor.

symbols [C, H, W] -> walk(contexts) -> passes -> choice of lanes -> rANS -> header + crc

    key  delta  delta  anchor  delta  delta  anchor  delta ..
     ^-----+------+-------+      |      |       |
                          ^------+------+-------+ ..
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core_network.spec import RATES, FeatureSpec
from stream.bitstream import header, rans
from stream.bitstream.contexts import Indices, Kind, Reference, Truth, walk
from stream.bitstream.errors import Malformed, MissingReference, UnknownSpec, UnknownTables
from stream.bitstream.grid import Grid, grid_of
from stream.bitstream.tables import Coding, EntropyTables

__all__ = [
    "ANCHOR_INTERVAL",
    "KEY_INTERVAL",
    "BitstreamDecoder",
    "BitstreamEncoder",
    "EncodedFeatures",
    "FeatureFrame",
]

KEY_INTERVAL = 20
"""Frames from one key to the next: a lost key takes at most so many frames with it."""
ANCHOR_INTERVAL = 3
"""Frames from one anchor to the next: the nearer it is, the less a delta costs and the more hang on each."""

_SHORT = 8
"""Hex digits of a fingerprint on the wire."""
_MAX_SYMBOLS = 1 << 18
"""Most symbols of a frame: any of so many can be coded in the steps that decoders allow."""


@dataclass(frozen=True, eq=False)
class FeatureFrame:
    """One decoded frame; `symbols` is int8 [C, H, W], pts counts 90 kHz ticks, sizes are source pixels."""

    number: int
    pts: int
    source_width: int
    source_height: int
    rate: str
    key: bool
    reference: int | None
    symbols: NDArray[np.int8]
    fingerprint: str


@dataclass(frozen=True)
class EncodedFeatures:
    """One frame's payload, as the carriage takes it; `anchor`: the next frames refer to it, as to any key."""

    payload: bytes
    key: bool
    anchor: bool


@dataclass(frozen=True, eq=False)
class _Anchor:
    """The frame that deltas refer to: a key, or a delta since `key` that said so."""

    spec: FeatureSpec
    tables: EntropyTables
    key: header.KeyHeader
    number: int
    pts: int
    checksum: int
    reference: Reference


class BitstreamEncoder:
    """Encodes the frames of one programme at one rate."""

    def __init__(
        self,
        spec: FeatureSpec,
        tables: EntropyTables,
        rate: str,
        key_interval: int = KEY_INTERVAL,
        anchor_interval: int = ANCHOR_INTERVAL,
    ) -> None:
        """Raise ValueError for an unknown rate, an interval below 1 or tables fitted to other features."""
        if rate not in RATES:
            raise ValueError(f"rate: expected one of {', '.join(RATES)}, got {rate!r}")
        if min(key_interval, anchor_interval) < 1:
            raise ValueError(
                "intervals of keys and anchors: expected at least 1 frame, "
                f"got {key_interval} and {anchor_interval}"
            )
        _check_fit(spec, tables)
        self.spec, self.tables, self.rate = spec, tables, rate
        self.key_interval, self.anchor_interval = key_interval, anchor_interval
        self._grid = grid_of(spec.shape)
        self._anchor: _Anchor | None = None

    def encode(
        self,
        symbols: NDArray[np.int8],
        *,
        number: int,
        pts: int,
        source_size: tuple[int, int],
        force_key: bool = False,
    ) -> EncodedFeatures:
        """Return the payload of symbols int8 [C, H, W]; `source_size` is (width, height) in px.

        The frame becomes a key when asked for, at the key interval, when the source size changes and when
        number or pts (90 kHz) do not rise. Raises ValueError for what the format cannot hold.
        """
        self._check(symbols, number, pts, source_size)
        truth = Truth.of(self._grid, symbols)
        last = None if force_key else self._usable_anchor(number, pts, source_size)
        passes = _Passes()
        walk(self._grid, self.spec.symbol_max, last.reference if last else None, passes, truth)
        coded = passes.coded(self.tables.coding, key=last is None)
        if last is None:
            key, before = self._key_header(coded, number, pts, source_size), 0
            anchor, fields = True, key.to_bytes()
        else:
            key, before = last.key, last.checksum
            anchor = number - last.number >= self.anchor_interval
            fields = header.DeltaHeader(
                self.rate,
                coded.lanes,
                anchor,
                last.number & 0xFFFF,
                number - last.number,
                pts - last.pts,
                coded.split,
            ).to_bytes()
        payload = header.seal(fields + coded.symbols, before)
        if anchor:
            reference, checksum = Reference(self._grid, truth.values), header.checksum(payload, before)
            self._anchor = _Anchor(self.spec, self.tables, key, number, pts, checksum, reference)
        return EncodedFeatures(payload, last is None, anchor)

    def _key_header(
        self, coded: _Coded, number: int, pts: int, source_size: tuple[int, int]
    ) -> header.KeyHeader:
        return header.KeyHeader(
            self.rate, coded.lanes, self.spec.fingerprint[:_SHORT], self.tables.id,
            number, pts, *source_size, coded.split,
        )  # fmt: skip

    def _usable_anchor(self, number: int, pts: int, source_size: tuple[int, int]) -> _Anchor | None:
        last = self._anchor
        if last is None:
            return None
        same_source = source_size == (last.key.source_width, last.key.source_height)
        follows = last.number < number < last.key.number + self.key_interval and pts > last.pts
        return last if same_source and follows else None

    def _check(self, symbols: NDArray[np.int8], number: int, pts: int, source_size: tuple[int, int]) -> None:
        if symbols.dtype != np.int8 or symbols.shape != self.spec.shape:
            raise ValueError(f"symbols: expected int8 {self.spec.shape}, got {symbols.dtype} {symbols.shape}")
        most = self.spec.symbol_max
        if symbols.min() < -most or symbols.max() > most:
            raise ValueError(f"symbols: expected -{most} to {most}, got {symbols.min()} to {symbols.max()}")
        if not (0 <= number <= header.MAX_NUMBER and 0 <= pts <= header.MAX_NUMBER):
            raise ValueError(f"number and pts: expected 0 to 2**53 - 1, got {number} and {pts}")
        if not all(1 <= side <= header.MAX_SIZE for side in source_size):
            width, height = source_size
            raise ValueError(f"source size: expected 1 to {header.MAX_SIZE} px, got {width}x{height}")


class BitstreamDecoder:
    """Decodes payloads of the specs and tables that it was given; holds the last anchor."""

    def __init__(self, known: Iterable[tuple[FeatureSpec, EntropyTables]]) -> None:
        """Raise ValueError when tables do not fit their spec."""
        self._known: dict[str, tuple[FeatureSpec, dict[str, EntropyTables]]] = {}
        for spec, tables in known:
            _check_fit(spec, tables)
            self._known.setdefault(spec.fingerprint[:_SHORT], (spec, {}))[1][tables.id] = tables
        self._anchor: _Anchor | None = None

    def reset(self) -> None:
        """Forget the anchor, as at the start of another stream."""
        self._anchor = None

    def decode(self, payload: bytes) -> FeatureFrame:
        """Return the frame that was encoded, symbol for symbol, or raise a BitstreamError."""
        fields, coded = header.parse(payload)
        if isinstance(fields, header.KeyHeader):
            return self._decode_key(payload, fields, coded)
        return self._decode_delta(payload, fields, coded)

    def _decode_key(self, payload: bytes, fields: header.KeyHeader, coded: bytes) -> FeatureFrame:
        checksum = header.checksum(payload, 0)
        if fields.fingerprint not in self._known:
            raise UnknownSpec(fields.fingerprint)
        spec, known = self._known[fields.fingerprint]
        tables = known.get(fields.tables)
        if tables is None:
            raise UnknownTables(fields.tables)
        grid = grid_of(spec.shape)
        values = _decode_values(grid, spec, tables, fields, coded, None)
        reference = Reference(grid, values)
        self._anchor = _Anchor(spec, tables, fields, fields.number, fields.pts, checksum, reference)
        return FeatureFrame(
            fields.number, fields.pts, fields.source_width, fields.source_height, fields.rate, True, None,
            grid.gather(values), spec.fingerprint,
        )  # fmt: skip

    def _decode_delta(self, payload: bytes, fields: header.DeltaHeader, coded: bytes) -> FeatureFrame:
        last = self._anchor
        if last is None:
            raise MissingReference("a delta before any key frame")
        if fields.reference != last.number & 0xFFFF:
            raise MissingReference(f"a delta of frame {fields.reference}, the last anchor is {last.number}")
        checksum = header.checksum(payload, last.checksum)
        number, pts = last.number + fields.number_after, last.pts + fields.pts_after
        if fields.rate != last.key.rate or max(number, pts) > header.MAX_NUMBER:
            raise Malformed("a delta that does not follow its anchor")
        grid = grid_of(last.spec.shape)
        values = _decode_values(grid, last.spec, last.tables, fields, coded, last.reference)
        if fields.anchor:
            self._anchor = replace(
                last, number=number, pts=pts, checksum=checksum, reference=Reference(grid, values)
            )
        return FeatureFrame(
            number, pts, last.key.source_width, last.key.source_height, fields.rate, False, last.number,
            grid.gather(values), last.spec.fingerprint,
        )  # fmt: skip


@dataclass(frozen=True)
class _Coded:
    symbols: bytes
    lanes: int
    split: int


class _Passes:
    """Takes down the passes of a walk, then codes them."""

    def __init__(self) -> None:
        self._passes: list[tuple[Kind, Indices, NDArray[np.uint8]]] = []

    def __call__(self, kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        assert symbols is not None
        self._passes.append((kind, contexts, symbols))
        return symbols

    def coded(self, coding: Coding, *, key: bool) -> _Coded:
        """Return the coded symbols and how they were coded."""
        rows = coding.rows[key]
        entries = [rows[kind].take(contexts) + symbols for kind, contexts, symbols in self._passes]
        count = sum(map(len, entries))
        lanes = _lanes_for(count)
        # The tail is as long as it takes to fill the start states of the lanes that do not code it.
        bits_behind = coding.bits.take(np.concatenate(entries)[::-1]).cumsum()
        wanted = rans.WORD_BITS * (lanes - rans.tail_lanes(lanes))
        split = max(0, count - 1 - int(np.searchsorted(bits_behind, wanted)))
        return _Coded(rans.encode(entries, coding.symbols, lanes, split), lanes, split)


def _lanes_for(symbols: int) -> int:
    """Return how many lanes code this many symbols: at most about 200 steps, where time and bytes meet."""
    return next((lanes for lanes in rans.LANES if symbols <= 200 * lanes), rans.LANES[-1])


def _decode_values(
    grid: Grid,
    spec: FeatureSpec,
    tables: EntropyTables,
    fields: header.KeyHeader | header.DeltaHeader,
    coded: bytes,
    reference: Reference | None,
) -> NDArray[np.int8]:
    coding = tables.coding
    slots = coding.first_slots[reference is None]
    decoder = rans.Decoder(coded, fields.lanes, fields.split)

    def read(kind: Kind, contexts: Indices, symbols: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        return coding.slot_symbol.take(decoder.read(slots[kind].take(contexts), coding.slots))

    values = walk(grid, spec.symbol_max, reference, read, None)
    decoder.finish()
    return values


def _check_fit(spec: FeatureSpec, tables: EntropyTables) -> None:
    if math.prod(spec.shape) > _MAX_SYMBOLS:
        raise ValueError(
            f"{spec.name}: expected at most {_MAX_SYMBOLS} symbols in a frame, got {math.prod(spec.shape)}"
        )
    if (tables.channels, tables.symbol_max) != (spec.shape[0], spec.symbol_max):
        raise ValueError(
            f"entropy tables {tables.id}: expected {spec.shape[0]} channels in +-{spec.symbol_max} as in "
            f"{spec.name}, got {tables.channels} in +-{tables.symbol_max}; fit them to this core"
        )
