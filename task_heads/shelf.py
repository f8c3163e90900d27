"""The heads that a server offers: what /heads lists, and the two files of each that viewers may fetch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from core_network.spec import FeatureSpec
from task_heads.manifest import MANIFEST_FILE, MODEL_FILE, HeadError, check_spec
from task_heads.registry import FoundHead, Registry
from task_heads.runner import read_model

__all__ = ["HeadShelf"]

_LOOK_S = 0.5
"""However many viewers ask, the heads folder is looked at this often."""

Stamp = tuple[tuple[str, int, int], ...]


class HeadShelf:
    """The heads as one broadcast offers them; what comes and goes in the heads folder does so at once.

    Heads for other features, with a changed or unsafe graph or with a taken name are listed with the reason
    and not served. Whatever lies in the folder, nothing is raised once the shelf stands.
    """

    def __init__(
        self, registry: Registry, spec: FeatureSpec, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Offer what `registry` found, and finds from now on, to viewers of features of this spec."""
        self._first, self._spec, self._clock = registry, spec, clock
        self._stamp = self._stamp_now()
        self._looked = clock()
        self._heads = _checked(registry)

    def entries(self) -> list[dict[str, Any]]:
        """Return the catalogue of GET /heads."""
        self._look()
        return [head.listing(self._spec) for head in self._heads.values()]

    def file(self, name: str, file: str) -> Path | None:
        """Return the path of a head's file, or None when that head cannot be used here."""
        self._look()
        head = self._heads.get(name)
        if head is None or head.manifest is None:
            return None
        try:
            check_spec(head.manifest, self._spec)
        except HeadError:
            return None
        return head.folder / file

    def _look(self) -> None:
        if self._first.heads_folder is None or self._clock() - self._looked < _LOOK_S:
            return
        self._looked = self._clock()
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._stamp = stamp
            with suppress(HeadError):  # a folder of --head is gone: what was found stays
                self._heads = _checked(self._first.again())

    def _stamp_now(self) -> Stamp:
        """Return names, times and sizes of the files in the heads folder, which change when a head does."""
        parent = self._first.heads_folder
        if parent is None:
            return ()
        found = []
        for file in (MANIFEST_FILE, MODEL_FILE):
            for path in sorted(parent.glob(f"*/{file}")):
                with suppress(OSError):  # it went while we looked
                    seen = path.stat()
                    found.append((str(path), seen.st_mtime_ns, seen.st_size))
        return tuple(found)


def _checked(registry: Registry) -> dict[str, FoundHead]:
    return {head.name: _servable(head) for head in registry}


def _servable(head: FoundHead) -> FoundHead:
    """Return a head with the reason why its graph must not be served, if there is one."""
    if head.manifest is None:
        return head
    try:
        read_model(head.folder, head.manifest)
    except (HeadError, OSError) as error:
        return replace(head, manifest=None, reason=str(error))
    return head
