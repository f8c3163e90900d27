"""Entropy tables: stored ones come back, damaged ones are refused, all code everything."""

from __future__ import annotations

import numpy as np
import pytest

from core_network.spec import RATES, FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamEncoder, EntropyTables, fit_tables
from tests.vectors.make import synthetic_latents, synthetic_spec


def test_stored_and_read_again(tables: EntropyTables) -> None:
    again = EntropyTables.from_bytes(tables.to_bytes())
    assert again.to_bytes() == tables.to_bytes()
    assert again.id == tables.id
    assert len(tables.id) == 8


def test_tables_of_a_full_core_stay_small() -> None:
    spec = synthetic_spec((24, 44, 80), "full")
    frames = synthetic_latents(spec.shape, 11, 3)
    tables = fit_tables((spec.quantise(frames, rate) for rate in RATES), spec)
    assert len(tables.to_bytes()) <= 64 * 1024


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: b"FCEX" + raw[4:],
        lambda raw: raw[:4] + b"\x09" + raw[5:],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: raw[:10] + b"\0\0" + raw[12:],
        lambda raw: raw[:5] + b"\0" + raw[6:],
        lambda raw: raw[:6] + b"\0" + raw[7:],
        lambda raw: raw[:7] + b"\xff" + raw[8:],
        lambda raw: raw[:-1] + b"\xff",
    ],
)
def test_damage_is_refused(damage, tables: EntropyTables) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="entropy tables"):
        EntropyTables.from_bytes(damage(tables.to_bytes()))


def test_values_and_deltas_never_seen_can_still_be_coded(spec: FeatureSpec) -> None:
    tables = fit_tables([np.zeros((1, *spec.shape), np.int8)], spec)
    frames = spec.quantise(synthetic_latents(spec.shape, 3, 8), "lossless")
    encoder, decoder = BitstreamEncoder(spec, tables, "lossless"), BitstreamDecoder([(spec, tables)])
    for number, symbols in enumerate(frames):
        coded = encoder.encode(symbols, number=number, pts=number, source_size=(8, 8))
        assert np.array_equal(decoder.decode(coded.payload).symbols, symbols)


def test_nothing_to_fit_to_is_refused(spec: FeatureSpec) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        fit_tables([], spec)
    with pytest.raises(ValueError, match=r"expected int8 \[T, \*\(6, 7, 9\)\]"):
        fit_tables([np.zeros((1, 2, 3, 4), np.int8)], spec)
