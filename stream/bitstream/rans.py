"""Interleaved range asymmetric numeral systems (Duda 2013; interleaving: Giesen 2014), vectorised over lanes.

Probabilities have 12 bits, lane states 32 bits, renormalisation moves 16-bit words. Symbols come in passes;
symbol i of a pass goes through lane i mod N. Three things keep the cost of many lanes small:

* The last symbols, the tail, go through the first quarter of the lanes only. The words of the tail are the
  start states of the other lanes, which would otherwise begin empty.
* The final states are stored with as many bits as they have, not with 32.
* A pass that does not fill its last step leaves the other lanes alone, at no cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.bitstream.errors import Malformed

__all__ = [
    "LANES",
    "MAX_STEPS",
    "PRECISION",
    "TOTAL",
    "WORD_BITS",
    "Decoder",
    "Symbols",
    "encode",
    "tail_lanes",
]

PRECISION = 12
TOTAL = 1 << PRECISION
WORD_BITS = 16
LANES = (2, 4, 8, 16, 32, 64, 128, 256)
"""Lane counts; the position is what the header records."""
MAX_STEPS = 2048
"""Most steps of one frame: no bytes can make a decoder work longer than this."""

Numbers = NDArray[np.uint32]

_LOW = 1 << WORD_BITS
_WORD = np.uint32(WORD_BITS)
_BITS = np.uint32(PRECISION)


def tail_lanes(lanes: int) -> int:
    """Return how many lanes code the tail."""
    return max(1, lanes >> 2)


class Symbols:
    """What encoding needs to know of every symbol that a pass may name by its index; made once per tables."""

    def __init__(self, frequency: Numbers, start: Numbers) -> None:
        """`frequency` and `start`: of each symbol, out of 4096, and its first slot."""
        # One more symbol is certain: it changes no state, and fills what a pass leaves of its last step.
        self.certain = len(frequency)
        self.frequency = np.append(frequency, TOTAL).astype(np.uint32)
        self.start = np.append(start, 0).astype(np.uint32)
        # x // f * TOTAL + x % f + start = x + x // f * stretch + start, with one division.
        self.stretch = np.uint32(TOTAL) - self.frequency
        self.most = (self.frequency << np.uint32(32 - PRECISION)) - np.uint32(1)


def encode(passes: list[NDArray[np.int64]], symbols: Symbols, lanes: int, split: int) -> bytes:
    """Return the coded passes, each the indices of its symbols in coding order.

    The symbols after the first `split` are the tail.
    """
    few = tail_lanes(lanes)
    main, tail = [], []
    for indices in passes:
        main.append(indices[:split])
        tail.append(indices[split:])
        split = max(0, split - len(indices))
    state = np.full(few, _LOW, np.uint32)
    words = _push(state, _steps(tail, symbols.certain, few), symbols)
    # The words that are read last ride in the lanes that only now come into being.
    riding = min(len(words), lanes - few)
    seeds = np.zeros(lanes - few, np.uint32)
    seeds[:riding] = words[len(words) - riding :]
    state = np.concatenate([state, seeds + np.uint32(_LOW)])
    head = _push(state, _steps(main, symbols.certain, lanes), symbols)
    return _pack_states(state) + np.concatenate([head, words[: len(words) - riding]]).astype("<u2").tobytes()


class Decoder:
    """Lane states and words of one frame, read pass by pass."""

    def __init__(self, coded: bytes, lanes: int, split: int) -> None:
        """Read the final states; raises Malformed when they are not all there."""
        self._lanes = lanes
        self._before_tail = split
        self._state, used = _unpack_states(coded, lanes)
        if (len(coded) - used) % 2:
            raise Malformed("half a word at the end")
        words = np.frombuffer(coded, "<u2", offset=used)
        self._sent = self._count = len(words)
        # A step reads at most one word per lane, so that reading past the end stays inside the array.
        self._words = np.concatenate([words, np.zeros(lanes, np.uint16)]).astype(np.uint32)
        self._at = 0
        self._in_tail = False
        self._steps_left = MAX_STEPS

    def read(self, base: NDArray[np.int64], slots: Numbers) -> NDArray[np.int64]:
        """Return the slots of a pass whose symbols have tables beginning at `base` in `slots`.

        An entry of `slots` holds its symbol's frequency in the upper half, and in the lower half how far it
        is from the symbol's first slot.
        """
        whole = min(len(base), self._before_tail)
        self._before_tail -= whole
        read = self._pop(base[:whole], slots, self._lanes)
        if whole == len(base):
            return read
        self._begin_tail()
        return np.concatenate([read, self._pop(base[whole:], slots, tail_lanes(self._lanes))])

    def finish(self) -> None:
        """Raise Malformed unless every lane and word ends as the encoder began."""
        self._begin_tail()
        words_left = self._at < self._sent or self._words[self._at : self._count].any()
        if words_left or self._before_tail or (self._state != _LOW).any():
            raise Malformed("the lanes do not end where they began")

    def _begin_tail(self) -> None:
        if self._in_tail:
            return
        self._in_tail = True
        few = tail_lanes(self._lanes)
        seeds = self._state[few:] - np.uint32(_LOW)
        if (seeds >= _LOW).any():
            raise Malformed("a lane ends beyond its range")
        self._state = self._state[:few].copy()
        self._words = np.concatenate([self._words[: self._count], seeds, np.zeros(few, np.uint32)])
        self._count += len(seeds)

    def _pop(self, base: NDArray[np.int64], slots: Numbers, lanes: int) -> NDArray[np.int64]:
        state, words, at = self._state, self._words, self._at
        self._steps_left -= -(-len(base) // lanes)
        if self._steps_left < 0:
            raise Malformed(f"more than {MAX_STEPS} steps")
        read = np.empty(len(base), np.int64)
        mask, low, lower_half = np.uint32(TOTAL - 1), np.uint32(_LOW), np.uint32(_LOW - 1)
        for first in range(0, len(base), lanes):
            live = state[: len(base) - first]
            slot = read[first : first + lanes]
            np.add(live & mask, base[first : first + lanes], out=slot)
            entry = slots.take(slot)
            live >>= _BITS
            live *= entry >> _WORD
            entry &= lower_half
            live += entry
            hungry = (live < low).nonzero()[0]
            if count := len(hungry):
                live[hungry] = (live[hungry] << _WORD) | words[at : at + count]
                at += count
                if at > self._count:
                    raise Malformed("more words than were sent")
        self._at = at
        return read


def _steps(passes: list[NDArray[np.int64]], certain: int, lanes: int) -> NDArray[np.int64]:
    """Return the passes as steps [steps, lanes], each pass's last step filled up with `certain`."""
    counts = [-(-len(indices) // lanes) for indices in passes]
    steps = np.full(sum(counts) * lanes, certain, np.int64)
    at = 0
    for indices, count in zip(passes, counts, strict=True):
        steps[at : at + len(indices)] = indices
        at += count * lanes
    return steps.reshape(-1, lanes)


def _push(state: Numbers, steps: NDArray[np.int64], symbols: Symbols) -> Numbers:
    """Code steps [steps, lanes] into `state` in place, last one first; return the words in reading order."""
    # A step is so small that only the number of calls matters: what can be done for all steps at once is done
    # so, nothing is allocated in a step, and a ufunc's `where` would cost more than three calls.
    states = np.empty((len(steps) + 1, len(state)), np.uint32)
    keeps = np.empty(steps.shape, np.bool_)
    short, quotient, word_bits = np.empty_like(state), np.empty_like(state), np.full_like(state, WORD_BITS)
    rows = (
        symbols.most.take(steps),
        symbols.frequency.take(steps),
        symbols.stretch.take(steps),
        symbols.start.take(steps),
        keeps,
        states[1:],
        states[:-1],
    )
    states[-1] = state
    less_equal, right_shift, putmask = np.less_equal, np.right_shift, np.putmask
    floor_divide, multiply, add = np.floor_divide, np.multiply, np.add
    for most, frequency, stretch, start, keep, x, result in zip(*(row[::-1] for row in rows), strict=True):
        less_equal(x, most, keep)
        right_shift(x, word_bits, short)
        putmask(short, keep, x)
        floor_divide(short, frequency, quotient)
        multiply(quotient, stretch, quotient)
        add(short, quotient, short)
        add(short, start, result)
    state[:] = states[0]
    return states[1:][~keeps] & np.uint32(_LOW - 1)


def _pack_states(state: Numbers) -> bytes:
    """Return the states: four bits of length per lane, then the bits below the highest of each."""
    # A float's exponent counts the bits; every number of 32 bits is one exactly.
    length = np.frexp(state.astype(np.float64))[1] - 1
    halves = (length - 16).astype(np.uint8).reshape(-1, 2)
    bits = np.unpackbits(state.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    packed = np.packbits(bits[np.arange(32) < length[:, None]], bitorder="little")
    return (halves[:, 0] | halves[:, 1] << 4).tobytes() + packed.tobytes()


def _unpack_states(coded: bytes, lanes: int) -> tuple[Numbers, int]:
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
