"""Small specs and tables that no core network owns."""

from __future__ import annotations

import pytest

from core_network.spec import FeatureSpec
from stream.bitstream import EntropyTables
from tests.vectors.make import fitted, synthetic_spec


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    """An odd shape, so that borders, half groups and padding are all there."""
    return synthetic_spec((6, 7, 9), "test")


@pytest.fixture(scope="session")
def tables(spec: FeatureSpec) -> EntropyTables:
    return fitted(spec)


@pytest.fixture(scope="session")
def full_spec() -> FeatureSpec:
    """The shape of the first core network."""
    return synthetic_spec((24, 44, 80), "full")


@pytest.fixture(scope="session")
def full_tables(full_spec: FeatureSpec) -> EntropyTables:
    return fitted(full_spec)
