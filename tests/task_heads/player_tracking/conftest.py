"""Simulated people as the player head's network would see them."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

CENTRE = 7
"""The middle of a patch of 5 x 3 cells."""
WHITE = (0.9, 0.0, 0.0, 0.8, 0.0, 0.0)


@pytest.fixture
def player_maps():
    """A function people -> maps [1, 20, 44, 80] and features [1, 24, 44, 80] for `Reader`.

    Each of people is x, y, w, h (px of the input), score, role 0..2 and perhaps a kit of six numbers.
    """

    def make(people):
        maps = np.zeros((5, 88, 160), np.float32)
        maps[0] = -9.0
        features = np.zeros((24, 44, 80), np.float32)
        for x, y, w, h, score, role, *kit in people:
            column, row = int(x / 4), int(y / 4)
            if not (0 <= column < 160 and 0 <= row < 88):
                continue
            logit = math.log(score / (1 - score))
            # As a trained network does, the places around claim the person too, and say where he is.
            for i in range(max(0, row - 1), min(88, row + 2)):
                for j in range(max(0, column - 1), min(160, column + 2)):
                    claim = logit if (i, j) == (row, column) else logit - 1.5
                    if claim > maps[0, i, j]:
                        maps[:, i, j] = claim, x / 4 - j, y / 4 - i, math.log(w / 4), math.log(h / 4)
                        cell = features[:, i // 2, j // 2]
                        cell[:3] = 0.0
                        cell[int(role)] = 8.0
                        cell[3:9] = kit[0] if kit else WHITE
        maps = maps.reshape(5, 44, 2, 80, 2).transpose(0, 2, 4, 1, 3).reshape(1, 20, 44, 80)
        return maps, features[None]

    return make


class Reader:
    """Stands for the learned reader: what it says of a patch is written in the patch's middle cell."""

    def read(self, patches, deep, part, crowd):
        """Return the 13 numbers; nothing of the outline is to be mended."""
        told = patches[:, 24 * CENTRE : 24 * CENTRE + 9]
        return torch.cat([torch.zeros(len(told), 4), told], 1)


@pytest.fixture
def reader():
    return Reader()
