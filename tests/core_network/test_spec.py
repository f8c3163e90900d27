"""The feature spec: quantising, fingerprints and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core_network.spec import RATES, FeatureSpec


@pytest.fixture
def spec() -> FeatureSpec:
    steps = {rate: (step, step * 2) for rate, step in zip(RATES, (0.5, 0.75, 1.0, 1.6), strict=True)}
    return FeatureSpec("tiny", 16, 32, (2, 2, 4), 8, 15, steps, "ab" * 32)


def test_symbols_times_step_is_the_nearest_value(spec: FeatureSpec) -> None:
    latent = np.random.default_rng(0).uniform(-7, 7, (2, 2, 4)).astype(np.float32)
    for rate in RATES:
        back = spec.dequantise(spec.quantise(latent, rate), rate)
        step = np.array(spec.steps[rate])[:, None, None]
        assert back.shape == (1, 2, 2, 4) and back.dtype == np.float32
        assert (np.abs(back[0] - latent) <= step / 2 + 1e-6).all()


def test_symbols_are_clipped_to_the_range(spec: FeatureSpec) -> None:
    symbols = spec.quantise(np.full((2, 2, 4), 1e9, np.float32), "lossless")
    assert symbols.dtype == np.int8 and (symbols == 15).all()


def test_json_round_trip_keeps_the_fingerprint(spec: FeatureSpec) -> None:
    again = FeatureSpec.from_json(spec.to_json())
    assert again == spec and again.fingerprint == spec.fingerprint and len(spec.fingerprint) == 64


@pytest.mark.parametrize("change", [{"weights_sha256": "cd" * 32}, {"symbol_max": 7}, {"name": "other"}])
def test_every_field_changes_the_fingerprint(spec: FeatureSpec, change: dict[str, object]) -> None:
    assert dataclasses.replace(spec, **change).fingerprint != spec.fingerprint  # type: ignore[arg-type]


def test_a_grid_that_does_not_fit_the_input_is_refused(spec: FeatureSpec) -> None:
    with pytest.raises(ValueError, match="expects a 4x2 grid, got 5x2"):
        dataclasses.replace(spec, shape=(2, 2, 5))


def test_a_missing_field_is_named(spec: FeatureSpec) -> None:
    document = spec.to_json()
    del document["stride"]
    with pytest.raises(ValueError, match="stride"):
        FeatureSpec.from_json(document)
