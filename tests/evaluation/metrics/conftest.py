"""Random truth and predictions that tests of scores share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, Frame, Thing

Predictions = dict[tuple[str, str], list[Prediction]]
Scene = Callable[..., tuple[Dataset, Predictions]]


@pytest.fixture(scope="session")
def random_scene() -> Scene:
    """Two clips with two labels; predictions hit, miss, repeat, and have labels that nobody knows."""

    def make(seed: int, *, frames: int = 30, ignored: float = 0.1) -> tuple[Dataset, Predictions]:
        dice = np.random.default_rng(seed)
        predictions: Predictions = {}
        clips = []
        for clip in ("c1", "c2"):
            made = []
            for number in range(frames):
                things, found = [], []
                for _ in range(dice.integers(0, 12)):
                    x, y, w, h = *dice.uniform(0, 400, 2), *dice.uniform(20, 80, 2)
                    label = ("player", "ball")[dice.integers(2)]
                    things.append(Thing(label, (x, y, x + w, y + h), ignore=bool(dice.random() < ignored)))
                    if dice.random() < 0.8:
                        x0, y0, x1, y1 = np.array(things[-1].box) + dice.normal(0, 3, 4)
                        guessed = label if dice.random() < 0.9 else "referee"
                        found.append(Prediction(guessed, (x0, y0, x1, y1), float(dice.random())))
                    if dice.random() < 0.3:
                        found.append(Prediction(label, (x, y, x + w + 20, y + h), float(dice.random())))
                made.append(Frame(f"{number:03d}", 480, 480, tuple(things), index=number))
                predictions[clip, f"{number:03d}"] = found
            clips.append(Clip(clip, tuple(made)))
        return Dataset("random", tuple(clips), ("player", "ball")), predictions

    return make
