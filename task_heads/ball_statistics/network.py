"""The ball head: `net` scores every place, `post` follows one ball and measures it.

    features [1, C, h, w] -> net  -> maps [1, 3, 2h, 2w] heat, dx, dy (cells of stride 4)
    maps, people, state   -> post -> ball, candidates, trail, stats, state'

All lengths inside `post` are pixels of the core's input; rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from task_heads.ball_statistics.following import SLOT_VALUES, SLOTS, Follower, Sight, Tuning
from task_heads.ball_statistics.measuring import (
    CONTACT_VALUES,
    MEMORY,
    STATS,
    Measures,
    Meter,
    People,
    recall,
)

__all__ = ["CANDIDATES", "STATE", "STATS", "TRAIL", "BallHead", "BallNet", "BallPost", "Candidates", "Tuning"]

CANDIDATES = 12
TRAIL = 32
TRAIL_VALUES = 7
PEOPLE = 64
"""Rows of the needed table of tracks."""
MAP_ROWS, MAP_COLUMNS = 88, 160
STATE = {
    "slots": (SLOTS, SLOT_VALUES),
    "trail_state": (TRAIL, TRAIL_VALUES),
    "memory": (len(MEMORY),),
    "contacts": (CONTACT_VALUES, PEOPLE),
    "usual": (MAP_ROWS, MAP_COLUMNS),
}
"""Shapes of the tensors that go round."""
CELL = 4.0
_NEVER = -30.0
_SURE = 12.0
"""No score says more than these log-odds."""
_APART_PX = 8.0
_TRAIL_SECONDS = 1.5


def _conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class BallNet(nn.Module):
    """features [B, C, h, w] -> maps [B, 3, 2h, 2w]."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(channels, width),
            _conv(width, width, 3, width),
            _conv(width, width),
            _conv(width, width, 3, width),
            _conv(width, width),
        )
        self.last = nn.Conv2d(width, 12, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias.data[:4], -5.0)  # one ball in 14080 places: start with low scores

    def forward(self, features: Tensor) -> Tensor:
        """Return the maps at stride 4."""
        return F.pixel_shuffle(self.last(self.trunk(features)), 2)


@dataclass(frozen=True)
class Candidates:
    """The best peaks of one frame: place [2, n] in px, place [2, n] in 0..1 of the picture, score [1, n] (0:
    outside or hidden), its log-odds [1, n], cell [n]; around [cells]: the best score near each cell."""

    place: Tensor
    shown: Tensor
    score: Tensor
    logits: Tensor
    index: Tensor
    around: Tensor


class BallPost(nn.Module):
    """Peaks -> hypotheses and a choice -> path -> trail and statistics."""

    before: Tensor

    def __init__(
        self, shape: tuple[int, int, int], people: People, tuning: Tuning | None = None,
        measures: Measures | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.tuning = tuning or Tuning()
        self.rows, self.columns = shape[1] * 2, shape[2] * 2
        self.follower = Follower(self.tuning, CANDIDATES)
        self.meter = Meter(measures or Measures(), people)
        # Squared distance below which the candidate of the column hides behind that of the row.
        before = torch.triu(torch.full((CANDIDATES, CANDIDATES), _APART_PX**2), 1)
        self.register_buffer("before", before, persistent=False)

    def candidates(self, maps: Tensor, corner: Tensor, size: Tensor) -> Candidates:
        """Return the best peaks; corner, size [2, 1]: of the picture."""
        heat, offsets = torch.split(maps, [1, 2], 1)
        around = F.max_pool2d(heat, 3, 1, 1)
        logits, number = torch.where(heat == around, heat, _NEVER).view(1, -1).topk(CANDIDATES)
        index = number[0]
        off = offsets.view(2, -1)[:, index].clamp(-1.0, 2.0)
        count = number.float()
        row = torch.floor((count + 0.5) * (1 / self.columns))
        cell = torch.tensor([[1.0], [0.0]]) * count + torch.tensor([[-float(self.columns)], [1.0]]) * row
        place = (cell + off) * CELL
        shown = (place - corner) / size
        inside = shown.clamp(0.0, 1.0)
        apart = place[:, :, None] - place[:, None, :]
        hidden = ((apart * apart).sum(0) < self.before).float().amax(0, keepdim=True)
        there = (inside == shown).float().amin(0, keepdim=True)
        score = torch.sigmoid(logits) * (there - there * hidden)
        return Candidates(
            place, inside, score, logits.clamp(-_SURE, _SURE), index, torch.sigmoid(around).view(-1)
        )

    def forward(
        self, maps: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, sport: Tensor, tracks: Tensor,
        slots: Tensor, trail: Tensor, memory: Tensor, contacts: Tensor, usual: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Return ball [1, 6], candidates [CANDIDATES, 5], trail [TRAIL, 5], stats [1, n], slots', trail',
        memory', contacts', usual'.

        slots [SLOTS, SLOT_VALUES], trail [TRAIL, 7] (x y, x y without the camera's movement, valid, age,
        guess; oldest first), memory [MEMORY], contacts [CONTACT_VALUES, PEOPLE] and usual [h, w] (mean score
        of each place) are 0 after a reset.
        """
        t = self.tuning
        dt = dt.clamp(0.0, 2.0)
        across, down = self.columns * CELL, self.rows * CELL
        corner, size = torch.split(view[:4] * torch.tensor([across, down, across, down]), 2)
        found = self.candidates(maps, corner[:, None], size[:, None])
        known = recall(memory)
        elapsed = known["total_s"] + dt
        first = (elapsed <= 0).float()
        clutter = usual.view(-1)
        sight, slots = self.follower(
            found.place, found.score, found.logits, clutter[found.index][None], corner, size, dt, threshold,
            slots, first,
        )  # fmt: skip
        crowd = self.meter.camera(tracks, corner, size)
        share = dt / elapsed.clamp(*t.clutter_seconds)
        clutter = clutter + share * (found.around - clutter)

        walked = known["camera"] + crowd.pan * dt
        path = self._path(sight, walked, trail, dt)
        stats, memory, contacts = self.meter(
            sight, path, crowd, known, walked, contacts, corner, size, view, dt, sport
        )
        there = torch.maximum(sight.seen, sight.guess)
        blank = torch.zeros(1)
        place = ((torch.cat([sight.x, sight.y]) - corner) / size).clamp(0.0, 1.0)
        ball = torch.cat([place, sight.score, blank, there, sight.guess]) * there
        valid = (found.score >= 0.01).float()
        rows = torch.cat([found.shown, found.score, torch.zeros(1, CANDIDATES), valid]) * valid
        line, kept = path[:, :2], path[:, 4:]
        line = torch.cat([((line - corner) / size).clamp(0.0, 1.0), kept], 1) * kept[:, :1]
        return (
            ball[None], rows.T, line, stats, slots, path, memory, contacts, clutter.view(self.rows, -1)
        )  # fmt: skip

    def _path(self, sight: Sight, walked: Tensor, trail: Tensor, dt: Tensor) -> Tensor:
        """Return the path with this frame's place; a gap that has ended is filled with a straight line.

        walked [2]: how far the camera has moved.
        """
        there = torch.maximum(sight.seen, sight.guess)
        places, valid, age, guess = torch.split(trail, [4, 1, 1, 1], 1)
        age = age + dt
        keep = valid * ((age <= _TRAIL_SECONDS).float() * (1 - sight.start))
        seen_age = torch.where(keep - guess > 0.5, age, 99.0)
        last = seen_age.amin(0, keepdim=True)
        open_gap = keep * guess * (age < last).float()
        # Predictions that nothing has confirmed go with the hypothesis.
        keep = keep - keep * open_gap * (1 - torch.maximum(there, (sight.hits > 0).float()))
        here = torch.cat([sight.x, sight.y])
        now = torch.cat([here, here - walked])
        began = ((seen_age == last).float() * places).sum(0, keepdim=True)
        share = ((last - age) / last.clamp(min=1e-3)).clamp(0.0, 1.0)
        bridge = began + share * (now - began)
        places = torch.where(open_gap * sight.seen > 0.5, bridge, places)
        old = torch.cat([places, keep, age, guess], 1)
        row = torch.cat([now, there, torch.zeros(1), sight.guess])[None]
        path = torch.where(there > 0.5, torch.cat([old[1:], row]), old)
        return path * path[:, 4:5]


class BallHead(nn.Module):
    """`net` and `post` together: what is exported."""

    inputs = (
        "features", "view", "dt", "threshold", "sport", "player_tracking__tracks",
        "slots", "trail_state", "memory", "contacts", "usual",
    )  # fmt: skip
    outputs = (
        "ball", "candidates", "trail", "stats", "slots_next", "trail_next", "memory_next", "contacts_next",
        "usual_next",
    )  # fmt: skip

    def __init__(
        self, shape: tuple[int, int, int], people: People, width: int = 32, tuning: Tuning | None = None
    ) -> None:
        super().__init__()
        self.net = BallNet(shape[0], width)
        self.post = BallPost(shape, people, tuning)

    def forward(
        self, features: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, sport: Tensor, tracks: Tensor,
        slots: Tensor, trail_state: Tensor, memory: Tensor, contacts: Tensor, usual: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Run one frame; shapes as in the manifest."""
        maps = self.net(features)
        result: tuple[Tensor, ...] = self.post(
            maps, view, dt, threshold, sport, tracks, slots, trail_state, memory, contacts, usual
        )
        return result
