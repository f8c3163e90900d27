"""What /spec/{fingerprint} answers with: everything a decoder of these features needs."""

from __future__ import annotations

import base64
from typing import Any

from core_network.catalogue import Core, shipped_cores
from core_network.spec import RATES
from stream.bitstream import EntropyTables

__all__ = ["spec_document", "spec_documents"]


def spec_document(core: Core) -> dict[str, Any]:
    """Return the spec of a core and its entropy tables, those of every rate, as plain JSON values."""
    stored = (core.tables_path(rate).read_bytes() for rate in RATES)
    return {
        "spec": core.spec.to_json(),
        "fingerprint": core.spec.fingerprint,
        "tables": [
            {"id": EntropyTables.from_bytes(tables).id, "base64": base64.b64encode(tables).decode()}
            for tables in stored
        ],
    }


def spec_documents() -> dict[str, dict[str, Any]]:
    """Return the documents of all shipped cores by fingerprint, so that old recordings play."""
    return {core.spec.fingerprint: spec_document(core) for core in shipped_cores()}
