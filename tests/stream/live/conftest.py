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


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine be slow without that costing frames or features; tests of lateness set it back."""
    monkeypatch.setattr("stream.feature_lane._LEAST_BUDGET_S", 5.0)
    monkeypatch.setattr("stream.subscription.QUEUE_FRAMES", 200)
