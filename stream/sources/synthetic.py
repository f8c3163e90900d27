"""The procedural match as a source."""
from __future__ import annotations
from stream.sources.base import Source, SourceError
SYNTHETIC_PREFIX = "synthetic:"
def open_synthetic_source(spec: str, *, loop: bool) -> Source:
    raise SourceError("not yet")
