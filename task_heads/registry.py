"""Finds heads: built-in, installed (entry points), in folders; imports nothing and loads no graph."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from core_network.spec import FeatureSpec
from task_heads.manifest import MANIFEST_FILE, HeadError, Manifest, check_spec, load_manifest

__all__ = ["ENTRY_POINT_GROUP", "FoundHead", "Registry"]

ENTRY_POINT_GROUP = "featurecast.task_heads"
_BUILT_IN = Path(__file__).parent


@dataclass(frozen=True)
class FoundHead:
    """One head as it was found: with its manifest, or with the reason why it cannot be used."""

    name: str
    folder: Path
    origin: str
    manifest: Manifest | None
    reason: str | None = None

    def listing(self, spec: FeatureSpec | None = None) -> dict[str, Any]:
        """Return the catalogue entry of GET /heads; with `spec`, a head for other features is not ok."""
        reason = self.reason
        if self.manifest is not None and spec is not None:
            try:
                check_spec(self.manifest, spec)
            except HeadError as error:
                reason = str(error)
        if self.manifest is None or reason is not None:
            return {"name": self.name, "ok": False, "reason": reason}
        return {
            "name": self.name,
            "title": self.manifest.title,
            "description": self.manifest.description,
            "ok": True,
            "manifest": self.manifest.model_dump(mode="json"),
        }


class Registry:
    """All heads of this process by name."""

    def __init__(
        self,
        *,
        folders: Sequence[Path | str] = (),
        heads_folder: Path | str | None = None,
        installed: bool = True,
    ) -> None:
        """Look up the built-in heads, installed ones, each of `folders` (`--head DIR`) and sub-folders of
        `heads_folder`.

        Raises HeadError when two heads have one name, or when one of `folders` or `heads_folder` is not a
        folder. A head that is broken in any other way is listed with its reason, and so is a head of
        `heads_folder` whose name is taken: what somebody puts there must not stop a server.
        """
        self._folders, self._installed = tuple(folders), installed
        self.heads_folder = None if heads_folder is None else Path(heads_folder)
        self._heads: dict[str, FoundHead] = {}
        self._add(_head_folders(_BUILT_IN), "built in")
        if installed:
            self._add_installed()
        if heads_folder is not None:
            if not Path(heads_folder).is_dir():
                raise HeadError(
                    f"{heads_folder}: expected a folder of heads, found none; create it or drop the option"
                )
            self._add(_head_folders(Path(heads_folder)), "heads folder", list_duplicates=True)
        for folder in folders:
            if not (Path(folder) / MANIFEST_FILE).is_file():
                raise HeadError(
                    f"{folder}: expected a head's folder with {MANIFEST_FILE}, found no {MANIFEST_FILE}"
                )
            self._add([Path(folder)], "--head")

    def again(self) -> Registry:
        """Return what is found now in the same places; a heads folder that is gone holds nothing."""
        there = self.heads_folder is not None and self.heads_folder.is_dir()
        return Registry(
            folders=self._folders,
            heads_folder=self.heads_folder if there else None,
            installed=self._installed,
        )

    def _add(self, folders: Iterable[Path], origin: str, *, list_duplicates: bool = False) -> None:
        for folder in folders:
            try:
                manifest = load_manifest(folder)
                head = FoundHead(manifest.name, folder, origin, manifest)
            except HeadError as error:
                head = FoundHead(folder.name, folder, origin, None, str(error))
            try:
                self._insert(head)
            except _DuplicateHead as error:
                if not list_duplicates:
                    raise
                # Names of heads have no blank in them: this one is free.
                named = f"{head.name} in {folder.name}"
                self._heads[named] = FoundHead(named, folder, origin, None, str(error))

    def _add_installed(self) -> None:
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
            folder = _folder_of(entry)
            origin = f"entry point {entry.name} = {entry.value}"
            if folder is None:
                reason = (
                    f"head {entry.name}: expected the folder {entry.value} with {MANIFEST_FILE} in its "
                    "distribution"
                )
                self._insert(FoundHead(entry.name, Path(entry.value), origin, None, reason))
            elif not any(folder == head.folder.resolve() for head in self._heads.values()):
                self._add([folder], origin)

    def _insert(self, head: FoundHead) -> None:
        other = self._heads.get(head.name)
        if other is not None:
            raise _DuplicateHead(
                f"two heads are named {head.name}: {other.folder} ({other.origin}) and "
                f"{head.folder} ({head.origin}); "
                "rename or remove one"
            )
        self._heads[head.name] = head

    def __iter__(self) -> Iterator[FoundHead]:
        """Yield every head, broken ones too, by name."""
        return iter(sorted(self._heads.values(), key=lambda head: head.name))

    def names(self) -> list[str]:
        """Return the names of usable heads."""
        return [head.name for head in self if head.manifest is not None]

    def get(self, name: str) -> FoundHead:
        """Return a usable head; raises HeadError that lists the known names, or says why this one is
        broken."""
        head = self._heads.get(name)
        if head is None:
            raise HeadError(
                f"expected the name or folder of a head, got {name}; known are "
                f"{', '.join(self.names()) or 'none'}"
            )
        if head.manifest is None:
            raise HeadError(str(head.reason))
        return head

    def catalogue(self, spec: FeatureSpec | None = None) -> list[dict[str, Any]]:
        """Return the entries of GET /heads, broken and foreign heads included, by name."""
        return [head.listing(spec) for head in self]


class _DuplicateHead(HeadError):
    """Two heads of one name: nothing is chosen silently."""


def _head_folders(parent: Path) -> list[Path]:
    return sorted(folder for folder in parent.iterdir() if (folder / MANIFEST_FILE).is_file())


def _folder_of(entry: importlib.metadata.EntryPoint) -> Path | None:
    """Return the folder that an entry point names, found through its distribution's files, without
    importing it."""
    relative = Path(*entry.value.split(":")[0].split("."))
    distribution = entry.dist
    if distribution is None:
        return None
    located = Path(str(distribution.locate_file(relative.as_posix())))
    if (located / MANIFEST_FILE).is_file():
        return located.resolve()
    return _editable_folder(distribution, relative)


def _editable_folder(distribution: importlib.metadata.Distribution, relative: Path) -> Path | None:
    """Return the folder in an editable install, whose source tree `direct_url.json` (PEP 610) names."""
    text = distribution.read_text("direct_url.json")
    if not text:
        return None
    url = urlparse(str(json.loads(text).get("url", "")))
    if url.scheme != "file":
        return None
    for root in (Path(unquote(url.path)), Path(unquote(url.path)) / "src"):
        if (root / relative / MANIFEST_FILE).is_file():
            return (root / relative).resolve()
    return None
