"""A small dataset with its predictions, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from evaluation.datasets.predictions import Prediction, write_predictions

Arguments = Callable[..., list[str]]


@pytest.fixture
def scored(tmp_path: Path) -> Arguments:
    """Three stills of 100x50 with a player each; two are found. Returns the arguments that name both."""
    for folder in ("images", "labels"):
        (tmp_path / "stills" / folder).mkdir(parents=True)
    for number, name in enumerate(("a", "b", "c")):
        Image.new("RGB", (100, 50), (0, 80 * number, 0)).save(tmp_path / "stills" / "images" / f"{name}.png")
        (tmp_path / "stills" / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.4\n")
        found = [Prediction("person", (40, 15, 60, 35), 0.9)] if name != "c" else []
        write_predictions(tmp_path / "found", "stills", name, found)

    def arguments(command: str, *more: str) -> list[str]:
        return [
            "evaluate",
            command,
            "--dataset",
            f"yolo:{tmp_path / 'stills'}",
            "--labels",
            "player",
            "--predictions",
            str(tmp_path / "found"),
            *more,
        ]

    return arguments
