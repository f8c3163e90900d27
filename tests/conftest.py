"""Fixtures that the tests of several packages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_network.catalogue import Core, default_core
from core_network.dataroot import data_root as find_data_root


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real clips and labels; the test is skipped where it is absent."""
    found = find_data_root()
    if found is None:
        pytest.skip("no real clips here: set FEATURECAST_DATA to the folder that holds splits.csv")
    return found


@pytest.fixture(scope="session")
def core() -> Core:
    """The core network that comes with the package."""
    return default_core()


@pytest.fixture(scope="session")
def short_match() -> str:
    """A source that every machine has: two seconds of the procedural match, small enough for tests."""
    return "synthetic:football?seed=1&seconds=2&width=640&height=360&fps=25"
