"""Simulated people as the player head's network would see them."""

from __future__ import annotations

import math

import numpy as np
import pytest

CENTRE = 7
"""The middle of a patch of 5 x 3 cells."""
WHITE = (0.9, 0.0, 0.0, 0.8, 0.0, 0.0)


@pytest.fixture
def player_maps():
    """A function people -> heat [1, 4, 44, 80] and features [1, 24, 44, 80] for `Reader`.

    Each of people is x, y, w, h (px of the input), score, role 0..2 and perhaps a kit of six numbers.
    """

    def make(people):
        heat = np.full((88, 160), -9.0, np.float32)
        features = np.zeros((24, 44, 80), np.float32)
        for x, y, w, h, score, role, *kit in people:
            column, row = int(x / 4), int(y / 4)
            if not (0 <= column < 160 and 0 <= row < 88):
                continue
            around = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            logit = math.log(score / (1 - score))
            np.maximum(around, logit - 1.5, out=around)
            heat[row, column] = max(logit, heat[row, column])
            cell = features[:, row // 2, column // 2]
            cell[:4] = x / 4 - 2 * (column // 2), y / 4 - 2 * (row // 2), math.log(w / 4), math.log(h / 4)
            cell[4:7] = 0.0
            cell[4 + int(role)] = 8.0
            cell[7:13] = kit[0] if kit else WHITE
        heat = heat.reshape(1, 44, 2, 80, 2).transpose(0, 2, 4, 1, 3).reshape(1, 4, 44, 80)
        return heat, features[None]

    return make


class Reader:
    """Stands for the learned reader: what it says of a patch is written in the patch's middle cell."""

    def read(self, patches, deep, part, crowd):
        """Return the 13 numbers; the place of a person is told from its sub-cell."""
        told = patches[:, 24 * CENTRE : 24 * CENTRE + 13].clone()
        told[:, :2] -= part
        return told


@pytest.fixture
def reader():
    return Reader()
