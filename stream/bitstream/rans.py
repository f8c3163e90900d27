"""Interleaved range asymmetric numeral systems (Duda 2013; interleaving: Giesen 2014), vectorised over lanes.

Probabilities have 12 bits, lane states 32 bits, renormalisation moves 16-bit words. Symbols come in passes;
symbol i of a pass goes through lane i mod N. Three things keep the cost of many lanes small:

* The last symbols of the last pass, the tail, go through the first N/8 lanes only. The words of the tail are
  the start states of the other lanes, which would otherwise begin empty.
* The final states are stored with as many bits as they have, not with 32.
* A pass that does not fill its last step leaves the other lanes alone, at no cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.bitstream.errors import Malformed

__all__ = ["LANES", "MAX_STEPS", "PRECISION", "TOTAL", "Decoder", "encode", "tail_lanes"]

PRECISION = 12
TOTAL = 1 << PRECISION
LANES = (2, 4, 8, 16, 32, 64, 128, 256)
"""Lane counts; the position is what the header records."""
MAX_STEPS = 2048
"""Most steps of one frame: no bytes can make a decoder work longer than this."""

_LOW = 1 << 16
_WORD = np.uint32(16)
_BITS = np.uint32(PRECISION)


def tail_lanes(lanes: int) -> int:
    """Return how many lanes code the tail."""
    return max(1, lanes >> 3)


def encode(passes: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]], lanes: int, tail: int) -> bytes:
    """Return the coded passes, each (frequencies, cumulative frequencies) of its symbols in coding order.

    The last `tail` symbols of the last pass are the tail.
    """
    few = tail_lanes(lanes)
    *whole, (frequency, start) = passes
    split = len(frequency) - tail
    main = [_steps(f, c, lanes) for f, c in [*whole, (frequency[:split], start[:split])]]
    state = np.full(few, _LOW, np.uint32)
    words = _push(state, *_steps(frequency[split:], start[split:], few))
    # The words that are read last ride in the lanes that only now come into being.
    riding = min(len(words), lanes - few)
    seeds = np.zeros(lanes - few, np.uint32)
    seeds[:riding] = words[len(words) - riding :]
    state = np.concatenate([state, seeds + np.uint32(_LOW)])
    head = _push(state, np.concatenate([f for f, _ in main]), np.concatenate([c for _, c in main]))
    return _pack_states(state) + np.concatenate([head, words[: len(words) - riding]]).astype("<u2").tobytes()


class Decoder:
    """Lane states and words of one frame, read pass by pass."""

    def __init__(self, coded: bytes, lanes: int, tail_steps: int) -> None:
        """Read the final states; raises Malformed when they are not all there."""
        self._lanes = lanes
        self._tail_steps = tail_steps
        self._state, used = _unpack_states(coded, lanes)
        if (len(coded) - used) % 2:
            raise Malformed("half a word at the end")
        words = np.frombuffer(coded, "<u2", offset=used)
        self._count = len(words)
        # A step reads at most one word per lane, so that reading past the end stays inside the array.
        self._words = np.concatenate([words, np.zeros(lanes, np.uint16)]).astype(np.uint32)
        self._at = 0
        self._steps_left = MAX_STEPS

    def read(
        self, base: NDArray[np.uint32], frequency: NDArray[np.uint32], bias: NDArray[np.uint32], *, last: bool
    ) -> NDArray[np.uint32]:
        """Return the slots of a pass whose symbols have tables beginning at `base` in the two slot arrays.

        `frequency[slot]` is the symbol's frequency and `bias[slot]` the slot's distance from its first slot.
        """
        if not last:
            return self._main(base, frequency, bias)
        few = tail_lanes(self._lanes)
        tail = self._tail_steps * few
        if tail > len(base):
            raise Malformed("a tail longer than its pass")
        slots = self._main(base[: len(base) - tail], frequency, bias)
        self._begin_tail(few)
        return np.concatenate([slots, self._pop(base[len(base) - tail :], frequency, bias, few)])

    def finish(self) -> None:
        """Raise Malformed unless every lane and word ends as the encoder began."""
        if (
            (self._state != _LOW).any()
            or self._at < self._stream_end
            or self._words[self._at : self._count].any()
        ):
            raise Malformed("the lanes do not end where they began")

    def _main(
        self, base: NDArray[np.uint32], frequency: NDArray[np.uint32], bias: NDArray[np.uint32]
    ) -> NDArray[np.uint32]:
        return self._pop(base, frequency, bias, self._lanes)

    def _begin_tail(self, few: int) -> None:
        seeds = self._state[few:] - np.uint32(_LOW)
        if (seeds >= _LOW).any():
            raise Malformed("a lane ends beyond its range")
        self._state = self._state[:few].copy()
        self._stream_end = self._count
        self._words = np.concatenate([self._words[: self._count], seeds, np.zeros(few, np.uint32)])
        self._count += len(seeds)

    def _pop(
        self, base: NDArray[np.uint32], frequency: NDArray[np.uint32], bias: NDArray[np.uint32], lanes: int
    ) -> NDArray[np.uint32]:
        state, words, at, count = self._state, self._words, self._at, self._count
        steps = -(-len(base) // lanes)
        self._steps_left -= steps
        if self._steps_left < 0:
            raise Malformed(f"more than {MAX_STEPS} steps")
        slots = np.empty(len(base), np.uint32)
        mask, low = np.uint32(TOTAL - 1), np.uint32(_LOW)
        for first in range(0, len(base), lanes):
            live = state[: len(base) - first]
            slot = slots[first : first + lanes]
            np.bitwise_and(live, mask, out=slot)
            slot += base[first : first + lanes]
            np.right_shift(live, _BITS, out=live)
            np.multiply(live, frequency.take(slot), out=live)
            np.add(live, bias.take(slot), out=live)
            hungry = (live < low).nonzero()[0]
            if read := len(hungry):
                live[hungry] = (live[hungry] << _WORD) | words[at : at + read]
                at += read
                if at > count:
                    raise Malformed("more words than were sent")
        self._at = at
        return slots


def _steps(
    frequency: NDArray[np.uint32], start: NDArray[np.uint32], lanes: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return both [steps, lanes]; what fills the last step is a certain symbol, which changes no state."""
    steps = -(-len(frequency) // lanes)
    full = np.full(steps * lanes, TOTAL, np.uint32)
    full[: len(frequency)] = frequency
    begin = np.zeros(steps * lanes, np.uint32)
    begin[: len(start)] = start
    return full.reshape(steps, lanes), begin.reshape(steps, lanes)


def _push(
    state: NDArray[np.uint32], frequency: NDArray[np.uint32], start: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Code steps [steps, lanes] into `state` in place, last one first; return the words in reading order."""
    # x // f * TOTAL + x % f + start, with one division.
    stretch = np.uint32(TOTAL) - frequency
    most = (frequency << np.uint32(32 - PRECISION)) - np.uint32(1)
    words: list[NDArray[np.uint32]] = []
    for step in range(len(frequency) - 1, -1, -1):
        full = (state > most[step]).nonzero()[0]
        if len(full):
            spilling = state[full]
            words.append(spilling & np.uint32(_LOW - 1))
            state[full] = spilling >> _WORD
        quotient = state // frequency[step]
        quotient *= stretch[step]
        state += quotient
        state += start[step]
    return np.concatenate(words[::-1]) if words else np.zeros(0, np.uint32)


def _pack_states(state: NDArray[np.uint32]) -> bytes:
    """Return four bits per lane, the bits above the sixteenth, then the bits below the highest of each state."""
    lengths, packed, at = 0, 0, 0
    for lane, value in enumerate(state.tolist()):
        bits = value.bit_length() - 1
        lengths |= (bits - 16) << 4 * lane
        packed |= (value - (1 << bits)) << at
        at += bits
    return lengths.to_bytes(len(state) // 2, "little") + packed.to_bytes(-(-at // 8), "little")


def _unpack_states(coded: bytes, lanes: int) -> tuple[NDArray[np.uint32], int]:
    """Return the final states and how many bytes they took."""
    half = lanes // 2
    lengths = np.frombuffer(coded[:half].ljust(half, b"\0"), np.uint8)
    bits = 16 + np.stack([lengths & 15, lengths >> 4], axis=1).ravel().astype(np.int64)
    used = half + -(-int(bits.sum()) // 8)
    if len(coded) < used:
        raise Malformed("the lane states are cut off")
    packed = int.from_bytes(coded[half:used], "little")
    state = np.empty(lanes, np.uint32)
    for lane, count in enumerate(bits.tolist()):
        state[lane] = (1 << count) + (packed & ((1 << count) - 1))
        packed >>= count
    if packed:
        raise Malformed("bits beyond the lane states")
    return state, used
