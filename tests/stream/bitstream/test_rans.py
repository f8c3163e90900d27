"""The entropy coder alone: any passes, any lanes, any tail; close to the ideal length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.bitstream import Malformed, rans

FREQUENCIES = np.array([[4000, 90, 5, 1], [1024, 1024, 1024, 1024], [1, 1, 1, 4093]], np.uint32)
STARTS = FREQUENCIES.cumsum(axis=1, dtype=np.uint32) - FREQUENCIES
SYMBOLS = rans.Symbols(FREQUENCIES.ravel(), STARTS.ravel())
SLOT_SYMBOL = np.concatenate([np.repeat(np.arange(4), row) for row in FREQUENCIES])
ENTRY = np.repeat(np.arange(3), rans.TOTAL) * 4 + SLOT_SYMBOL
BIAS = np.tile(np.arange(rans.TOTAL, dtype=np.uint32), 3) - STARTS.ravel()[ENTRY]
SLOTS = FREQUENCIES.ravel()[ENTRY] << np.uint32(16) | BIAS


def coded(passes: list[tuple[np.ndarray, np.ndarray]], lanes: int, split: int) -> bytes:
    return rans.encode([table * 4 + symbols for table, symbols in passes], SYMBOLS, lanes, split)


def read_back(
    stream: bytes, passes: list[tuple[np.ndarray, np.ndarray]], lanes: int, split: int
) -> list[np.ndarray]:
    decoder = rans.Decoder(stream, lanes, split)
    read = [SLOT_SYMBOL[decoder.read(table * rans.TOTAL, SLOTS)] for table, _ in passes]
    decoder.finish()
    return read


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    table = rng.integers(0, 3, count)
    return table, np.array([rng.choice(4, p=FREQUENCIES[t] / rans.TOTAL) for t in table], np.int64)


@settings(max_examples=150, deadline=None)
@given(
    counts=st.lists(st.integers(0, 90), min_size=1, max_size=4),
    lanes=st.sampled_from(rans.LANES),
    share=st.floats(0, 1),
    likely=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_split_comes_back(counts: list[int], lanes: int, share: float, likely: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    passes = [
        drawn(rng, count) if likely else (rng.integers(0, 3, count), rng.integers(0, 4, count))
        for count in counts
    ]
    split = int(share * sum(counts))
    read = read_back(coded(passes, lanes, split), passes, lanes, split)
    for (_, symbols), again in zip(passes, read, strict=True):
        assert np.array_equal(symbols, again)


@pytest.mark.parametrize("lanes", [16, 64, 256])
def test_lanes_cost_little_when_the_tail_fills_them(lanes: int) -> None:
    passes = [drawn(np.random.default_rng(1), 12_000)]
    table, symbols = passes[0]
    bits = rans.PRECISION - np.log2(FREQUENCIES[table, symbols])
    wanted = rans.WORD_BITS * (lanes - rans.tail_lanes(lanes))
    split = 12_000 - 1 - int(np.searchsorted(bits[::-1].cumsum(), wanted))
    assert len(coded(passes, lanes, split)) < bits.sum() / 8 + 1.3 * lanes + 4
    assert len(coded(passes, lanes, 12_000)) > bits.sum() / 8 + 2 * lanes


def test_reading_on_is_refused() -> None:
    passes = [drawn(np.random.default_rng(2), 500)]
    stream = coded(passes, 8, 500)
    longer = [(np.concatenate([passes[0][0], np.ones(4000, np.int64)]), passes[0][1])]
    with pytest.raises(Malformed):
        read_back(stream, longer, 8, 500)
    with pytest.raises(Malformed):
        read_back(stream + b"\0\0", passes, 8, 500)
    for split in (0, 499, 501):
        with pytest.raises(Malformed):
            read_back(stream, passes, 8, split)
