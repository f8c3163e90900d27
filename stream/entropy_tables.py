"""The entropy tables that lie beside a core network, one file for each rate."""

from __future__ import annotations

from core_network.catalogue import Core, shipped_cores
from core_network.spec import RATES, FeatureSpec
from stream.bitstream import EntropyTables

__all__ = ["load_tables", "shipped_tables"]


def load_tables(core: Core, rate: str) -> EntropyTables:
    """Return the tables of a core at a rate; raises ValueError for a damaged file."""
    return EntropyTables.from_bytes(core.tables_path(rate).read_bytes())


def shipped_tables() -> list[tuple[FeatureSpec, EntropyTables]]:
    """Return spec and tables of every core and rate that come with the package."""
    return [
        (core.spec, load_tables(core, rate))
        for core in shipped_cores()
        for rate in RATES
        if core.tables_path(rate).is_file()
    ]
