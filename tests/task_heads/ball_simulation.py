"""Runs the ball's post-processing on truth: maps with a peak at the ball, a table of where people are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pixel_unshuffle

from core_network.scenes import Truth
from task_heads.ball_statistics.measuring import STATS, People
from task_heads.ball_statistics.network import STATE, BallPost
from task_heads.dataset import ROLES

COLUMNS = ("x0", "y0", "x1", "y1", "score", "label", "id", "valid", "vx", "vy", "team")
PEOPLE = People((64, len(COLUMNS)), COLUMNS)

BallMaps = Callable[[Sequence[tuple[float, float, float]]], NDArray[np.float32]]


class Follower:
    """The head's `post` with its state, fed frame by frame."""

    def __init__(self, ball_maps: BallMaps, view: NDArray[np.float32], sport: float = 0.0) -> None:
        self.post = BallPost((24, 44, 80), PEOPLE).eval()
        self.ball_maps, self.view, self.sport = ball_maps, view, torch.tensor([sport])
        self.reset()

    def reset(self) -> None:
        self.state = {name: torch.zeros(shape) for name, shape in STATE.items()}
        self.first = True

    def step(
        self,
        places: Sequence[tuple[float, float, float]],
        dt: float = 0.04,
        people: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the valid rows of `ball` for candidates x, y (px of the input), score."""
        table = np.zeros(PEOPLE.shape, np.float32) if people is None else people
        with torch.no_grad():
            outputs = self.post(
                pixel_unshuffle(torch.from_numpy(self.ball_maps(places)), 2),
                torch.from_numpy(self.view),
                torch.tensor([0.0 if self.first else dt]),
                torch.tensor([0.3]),
                self.sport,
                torch.from_numpy(table),
                *self.state.values(),
            )
        self.first = False
        self.outputs = outputs
        self.state = dict(zip(STATE, outputs[4:], strict=True))
        ball, candidates, line, stats = (output.numpy() for output in outputs[:4])
        self.candidates = candidates[candidates[:, 4] > 0.5]
        self.line = line[line[:, 2] > 0.5]
        self.stats = dict(zip(STATS, stats[0].tolist(), strict=True))
        found: NDArray[np.float32] = ball[ball[:, 4] > 0.5]
        return found


def table_of(truth: Truth, before: Truth | None, dt: float, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return what a perfect player head would say: exact boxes, ids (from 1), teams and velocities.

    Everybody keeps a row, as with the player head.
    """
    scale = np.array([*size, *size], float)
    old = {player.id: np.array(player.box) / scale for player in before.players} if before else {}
    table = np.zeros(PEOPLE.shape, np.float32)
    for player in truth.players:
        row = table[player.id]
        box = np.array(player.box) / scale
        was = old.get(player.id, box)
        across, down = (box[0] + box[2] - was[0] - was[2]) / 2 / dt, (box[3] - was[3]) / dt
        team = -1 if player.team is None else player.team
        row[:] = [*box, 0.9, ROLES.index(player.role), player.id + 1, 1, across, down, team]
    return table
