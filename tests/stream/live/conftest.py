"""Fixtures of the live tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page's folder, with a file beside it that must never be served."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "player.mjs").write_text("export {}")
    (folder / "ort.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    return folder
