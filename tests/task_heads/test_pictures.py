"""A copied person keeps the role of the original."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from core_network.training.stills import Still  # noqa: E402
from task_heads.training.pictures import Labelled  # noqa: E402


def test_copies_have_the_role_of_their_original() -> None:
    boxes = np.array([[200, 300, 220, 350], [600, 300, 630, 380], [900, 110, 914, 138]], np.float32)
    pixels = np.full((720, 1280, 3), (60, 130, 50), np.uint8)
    for x0, y0, x1, y1 in boxes.astype(int):
        pixels[y0:y1, x0 + 4 : x1 - 4] = (220, 30, 40)
    roles = {50: "player", 80: "goalkeeper", 28: "referee"}
    item = Labelled(Still("made", pixels, boxes, None), tuple(roles.values()), "train", copied=True)
    rng = np.random.default_rng(1)
    copies = 0
    for _ in range(10):
        more = item.with_copies(rng)
        assert more.still.people is not None and len(more.roles) == len(more.still.people)
        for box, role in zip(more.still.people, more.roles, strict=True):
            assert roles[round(float(box[3] - box[1]))] == role
        copies += len(more.roles) > len(boxes)
    assert copies > 3
