"""Pictures with coloured rectangles as a YOLO dataset, and a configuration that trains on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the baselines need the extra: pip install 'featurecast[train]'")

from evaluation.baselines.config import BaselineConfig  # noqa: E402
from evaluation.baselines.feed import Source  # noqa: E402
from evaluation.baselines.systems import Settings  # noqa: E402

LABELS = ("person", "ball")
SIZE = (64, 96)
_COLOURS = ((230, 40, 40), (30, 60, 240))


def _write_yolo(folder: Path, count: int, seed: int) -> None:
    """Write pictures with two people and a ball each."""
    rng = np.random.default_rng(seed)
    height, width = SIZE
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        picture = rng.integers(80, 120, (height, width, 3)).astype(np.uint8)
        rows = []
        for part in range(3):
            w, h = int(rng.integers(14, 20)), int(rng.integers(26, 34))
            x, y = part * 32 + int(rng.integers(0, 32 - w)), int(rng.integers(0, height - h))
            picture[y : y + h, x : x + w] = _COLOURS[part % 2]
            rows.append(f"{part % 2} {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}")
        Image.fromarray(picture).save(folder / "images" / f"{seed}-{number}.png")
        (folder / "labels" / f"{seed}-{number}.txt").write_text("\n".join(rows) + "\n")
    (folder / "classes.txt").write_text("\n".join(LABELS) + "\n")


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., BaselineConfig]:
    """Return a function that changes a configuration of a slim person detector on made pictures."""
    _write_yolo(tmp_path / "train", 8, 1)
    _write_yolo(tmp_path / "validation", 2, 2)
    base = BaselineConfig(
        name="test",
        system="person_detector",
        labels=LABELS,
        seed=3,
        output=tmp_path / "run",
        train=(Source("yolo", tmp_path / "train"),),
        validation=(Source("yolo", tmp_path / "validation"),),
        steps=4,
        batch=2,
        learning_rate=0.003,
        validate_every=100,
        settings=Settings(input=SIZE, width=0.1),
        minutes=1e6,
    )

    def changed(**changes: Any) -> BaselineConfig:
        return replace(base, **changes)

    return changed
