"""What goes in comes out, symbol for symbol; keys, deltas and what a decoder does without them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core_network.spec import RATES, FeatureSpec
from stream.bitstream import (
    BitstreamDecoder,
    BitstreamEncoder,
    EntropyTables,
    Malformed,
    MissingReference,
    UnknownSpec,
    UnknownTables,
    fit_tables,
)
from tests.vectors.make import fitted, synthetic_latents, synthetic_spec

SHAPE = (6, 7, 9)
FRAMES = st.lists(
    hnp.arrays(np.int8, SHAPE, elements=st.integers(-15, 15), fill=st.just(0))
    | st.just(np.zeros(SHAPE, np.int8)),
    min_size=1,
    max_size=8,
)


def encoded(encoder: BitstreamEncoder, frames: list[NDArray[np.int8]], first: int = 0) -> list[bytes]:
    return [
        encoder.encode(symbols, number=first + i, pts=3003 * (first + i), source_size=(1280, 720)).payload
        for i, symbols in enumerate(frames)
    ]


@settings(max_examples=120, deadline=None)
@given(frames=FRAMES, rate=st.sampled_from(RATES), interval=st.integers(1, 7), anchors=st.integers(1, 3))
def test_any_symbols_come_back(
    frames: list[NDArray[np.int8]],
    rate: str,
    interval: int,
    anchors: int,
    spec: FeatureSpec,
    tables: EntropyTables,
) -> None:
    encoder = BitstreamEncoder(spec, tables, rate, interval, anchors)
    decoder = BitstreamDecoder([(spec, tables)])
    for number, symbols in enumerate(frames):
        coded = encoder.encode(symbols, number=number, pts=number * 3000, source_size=(640, 360))
        frame = decoder.decode(coded.payload)
        assert np.array_equal(frame.symbols, symbols)
        assert frame.symbols.dtype == np.int8
        assert (frame.number, frame.pts, frame.rate) == (number, number * 3000, rate)
        assert (frame.source_width, frame.source_height) == (640, 360)
        assert frame.key == coded.key == (number % interval == 0)
        after_key = number % interval
        assert coded.anchor == (after_key % anchors == 0)
        assert frame.reference == (None if frame.key else number - 1 - (after_key - 1) % anchors)
        assert frame.fingerprint == spec.fingerprint


def check_round_trip(spec: FeatureSpec, tables: EntropyTables, rate: str) -> None:
    frames = list(spec.quantise(synthetic_latents(spec.shape, 4, 9), rate))
    frames += [
        np.full(spec.shape, 15, np.int8),
        np.full(spec.shape, -15, np.int8),
        np.zeros(spec.shape, np.int8),
    ]
    decoder = BitstreamDecoder([(spec, tables)])
    for symbols, payload in zip(frames, encoded(BitstreamEncoder(spec, tables, rate), frames), strict=True):
        assert np.array_equal(decoder.decode(payload).symbols, symbols)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_is_lossless(rate: str, full_spec: FeatureSpec, full_tables: EntropyTables) -> None:
    check_round_trip(full_spec, full_tables, rate)


@pytest.mark.parametrize("shape", [(3, 2, 2), (1, 1, 1), (5, 9, 4)])
def test_any_shape_comes_back(shape: tuple[int, int, int]) -> None:
    spec = synthetic_spec(shape, "shape")
    tables = fitted(spec)
    for rate in RATES:
        check_round_trip(spec, tables, rate)


def test_a_still_scene_costs_little_after_its_key(full_spec: FeatureSpec, full_tables: EntropyTables) -> None:
    symbols = full_spec.quantise(synthetic_latents(full_spec.shape, 1, 9)[0], "default")
    key, *deltas = encoded(BitstreamEncoder(full_spec, full_tables, "default"), [symbols] * 4)
    assert all(len(delta) < 0.7 * len(key) for delta in deltas)


def test_tables_fitted_to_the_features_beat_others(
    full_spec: FeatureSpec, full_tables: EntropyTables
) -> None:
    frames = list(full_spec.quantise(synthetic_latents(full_spec.shape, 6, 9), "default"))
    noise = np.random.default_rng(0).integers(-15, 16, (1, *full_spec.shape)).astype(np.int8)
    foreign = fit_tables([noise], full_spec)
    own = sum(map(len, encoded(BitstreamEncoder(full_spec, full_tables, "default"), frames)))
    assert own < 0.6 * sum(map(len, encoded(BitstreamEncoder(full_spec, foreign, "default"), frames)))


def test_what_makes_a_key(spec: FeatureSpec, tables: EntropyTables) -> None:
    symbols = np.zeros(SHAPE, np.int8)
    encoder = BitstreamEncoder(spec, tables, "high", key_interval=10)

    def is_key(number: int, pts: int, size: tuple[int, int] = (64, 48), force: bool = False) -> bool:
        return encoder.encode(symbols, number=number, pts=pts, source_size=size, force_key=force).key

    assert is_key(0, 0)
    assert not is_key(1, 3000)
    assert is_key(2, 6000, force=True)
    assert not is_key(11, 33_000)
    assert is_key(12, 36_000), "the interval counts from the last key"
    assert is_key(13, 39_000, size=(48, 64)), "deltas inherit the source size"
    assert is_key(14, 10, size=(48, 64)), "pts that run back cannot be a delta's"
    assert is_key(3, 20_000, size=(48, 64)), "nor numbers"


def test_without_its_key_a_delta_waits(spec: FeatureSpec, tables: EntropyTables) -> None:
    frames = list(spec.quantise(synthetic_latents(SHAPE, 12, 4), "high"))
    encoder = BitstreamEncoder(spec, tables, "high", key_interval=10, anchor_interval=3)
    payloads = encoded(encoder, frames)
    decoder = BitstreamDecoder([(spec, tables)])
    with pytest.raises(MissingReference):
        decoder.decode(payloads[1])
    decoder.decode(payloads[0])
    assert np.array_equal(decoder.decode(payloads[2]).symbols, frames[2]), "deltas do not need one another"
    assert np.array_equal(decoder.decode(payloads[3]).symbols, frames[3])
    with pytest.raises(MissingReference):
        decoder.decode(payloads[1])
    for lost in (7, 8, 9):  # anchor 6 is lost, and 9 refers to it
        with pytest.raises(MissingReference):
            decoder.decode(payloads[lost])
    assert np.array_equal(decoder.decode(payloads[5]).symbols, frames[5]), "an error leaves the anchor"
    assert np.array_equal(decoder.decode(payloads[10]).symbols, frames[10]), "a key begins anew"
    decoder.reset()
    with pytest.raises(MissingReference):
        decoder.decode(payloads[11])


def test_frames_may_be_left_out_before_they_are_coded(spec: FeatureSpec, tables: EntropyTables) -> None:
    frames = spec.quantise(synthetic_latents(SHAPE, 12, 4), "high")
    encoder = BitstreamEncoder(spec, tables, "high", key_interval=12, anchor_interval=3)
    decoder, references, anchors = BitstreamDecoder([(spec, tables)]), {}, []
    for number in (0, 1, 4, 5, 6, 8, 11):
        coded = encoder.encode(frames[number], number=number, pts=3000 * number, source_size=(64, 48))
        frame = decoder.decode(coded.payload)
        assert np.array_equal(frame.symbols, frames[number])
        references[number] = frame.reference
        anchors += [number] * coded.anchor
    assert anchors == [0, 4, 8, 11]
    assert references == {0: None, 1: 0, 4: 0, 5: 4, 6: 4, 8: 4, 11: 8}


def test_a_reference_with_the_same_number_is_not_mistaken(spec: FeatureSpec, tables: EntropyTables) -> None:
    before, after = (list(spec.quantise(synthetic_latents(SHAPE, 3, seed), "high")) for seed in (1, 2))
    old = encoded(BitstreamEncoder(spec, tables, "high", anchor_interval=1), before)
    new = encoded(BitstreamEncoder(spec, tables, "high", anchor_interval=1), after)
    decoder = BitstreamDecoder([(spec, tables)])
    for number in (0, 1):
        decoder.decode(old[number])
        with pytest.raises(Malformed):
            decoder.decode(new[number + 1])


def test_unknown_spec_and_tables_are_named(spec: FeatureSpec, tables: EntropyTables) -> None:
    payload = encoded(BitstreamEncoder(spec, tables, "low"), [np.zeros(SHAPE, np.int8)])[0]
    with pytest.raises(UnknownSpec) as unknown_spec:
        BitstreamDecoder([]).decode(payload)
    assert spec.fingerprint.startswith(unknown_spec.value.fingerprint)
    other = fit_tables([np.zeros((1, *SHAPE), np.int8)], spec)
    with pytest.raises(UnknownTables) as unknown_tables:
        BitstreamDecoder([(spec, other)]).decode(payload)
    assert unknown_tables.value.tables == tables.id
    assert BitstreamDecoder([(spec, other), (spec, tables)]).decode(payload).key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": np.zeros((6, 7, 8), np.int8)}, "symbols: expected int8"),
        ({"symbols": np.full(SHAPE, 16, np.int8)}, "expected -15 to 15"),
        ({"number": -1}, "number and pts"),
        ({"pts": 2**53}, "number and pts"),
        ({"source_size": (0, 5)}, "source size"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(
    change: dict[str, object], message: str, spec: FeatureSpec, tables: EntropyTables
) -> None:
    frame = {"symbols": np.zeros(SHAPE, np.int8), "number": 0, "pts": 0, "source_size": (4, 4)} | change
    with pytest.raises(ValueError, match=message):
        BitstreamEncoder(spec, tables, "low").encode(**frame)  # type: ignore[arg-type]


def test_tables_of_other_features_are_refused(tables: EntropyTables) -> None:
    with pytest.raises(ValueError, match="expected 5 channels"):
        BitstreamEncoder(synthetic_spec((5, 7, 9), "five"), tables, "low")
    with pytest.raises(ValueError, match="at most 262144 symbols"):
        BitstreamEncoder(synthetic_spec((6, 256, 256), "six"), tables, "low")
    with pytest.raises(ValueError, match="expected one of lossless"):
        BitstreamEncoder(synthetic_spec(SHAPE, "six"), tables, "best")
    with pytest.raises(ValueError, match="at least 1 frame, got 4 and 0"):
        BitstreamEncoder(synthetic_spec(SHAPE, "six"), tables, "low", key_interval=4, anchor_interval=0)
