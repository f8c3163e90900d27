"""The heads that a server offers: what /heads lists, and the two files of each that viewers may fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core_network.spec import FeatureSpec
from task_heads.manifest import HeadError, check_spec
from task_heads.registry import Registry

__all__ = ["HeadShelf"]


class HeadShelf:
    """A registry as one broadcast offers it: heads for other features are listed, and not served."""

    def __init__(self, registry: Registry, spec: FeatureSpec) -> None:
        """Offer what `registry` found to viewers of features of this spec."""
        self._registry, self._spec = registry, spec

    def entries(self) -> list[dict[str, Any]]:
        """Return the catalogue of GET /heads."""
        return self._registry.catalogue(self._spec)

    def file(self, name: str, file: str) -> Path | None:
        """Return the path of a head's file, or None when that head cannot be used here."""
        try:
            found = self._registry.get(name)
            assert found.manifest is not None
            check_spec(found.manifest, self._spec)
        except HeadError:
            return None
        return found.folder / file
