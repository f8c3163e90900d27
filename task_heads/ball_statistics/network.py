"""The ball head: `net` scores every place, `post` follows one ball and measures it.

    features [1, C, h, w] -> net  -> maps [1, 3, 2h, 2w] heat, dx, dy (cells of stride 4)
    maps, people, state   -> post -> ball, candidates, trail, stats, state'

All lengths inside `post` are pixels of the core's input; rates are per second.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from task_heads.ball_statistics.following import SLOT_VALUES, SLOTS, Follower, Sight, Tuning
from task_heads.ball_statistics.measuring import CONTACT_VALUES, MEMORY, STATS, Measures, Meter, People

__all__ = ["CANDIDATES", "STATE", "STATS", "TRAIL", "BallHead", "BallNet", "BallPost", "Tuning"]

CANDIDATES = 12
TRAIL = 32
TRAIL_VALUES = 7
PEOPLE = 64
"""Rows of the needed table of tracks."""
STATE = {
    "slots": (SLOTS, SLOT_VALUES),
    "trail_state": (TRAIL, TRAIL_VALUES),
    "memory": (len(MEMORY),),
    "contacts": (PEOPLE, CONTACT_VALUES),
}
"""Shapes of the tensors that go round."""
CELL = 4.0
_NEVER = -30.0
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
        self.register_buffer("before", torch.triu(torch.ones(CANDIDATES, CANDIDATES), 1), persistent=False)

    def candidates(self, maps: Tensor, picture: Tensor) -> Tensor:
        """Return [CANDIDATES, 3]: x y, score (0 = suppressed); best first."""
        heat = maps[:, :1]
        peak = heat == F.max_pool2d(heat, 3, 1, 1)
        logits, index = torch.where(peak, heat, _NEVER).flatten().topk(CANDIDATES)
        row = torch.floor((index.float() + 0.5) / self.columns)
        column = index.float() - row * self.columns
        dx, dy = maps[0, 1:3].flatten(1)[:, index].clamp(-1.0, 2.0).unbind(0)
        x, y = (column + dx) * CELL, (row + dy) * CELL
        left, top, width, height = torch.split(picture, 1)
        inside = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
        score = torch.sigmoid(logits) * inside.float()
        apart = (x[:, None] - x[None, :]) ** 2 + (y[:, None] - y[None, :]) ** 2
        close = (apart < _APART_PX**2).float() * self.before
        keep = 1 - (close * (score > 0).float()[:, None]).amax(0)
        return torch.stack([x, y, score * keep], 1)

    def picture(self, view: Tensor) -> Tensor:
        """Return left, top, width and height [4] of the picture in px of the core's input."""
        across, down = self.columns * CELL, self.rows * CELL
        return view[0:4] * torch.tensor([across, down, across, down])

    def forward(
        self, maps: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, sport: Tensor, tracks: Tensor,
        slots: Tensor, trail: Tensor, memory: Tensor, contacts: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Return ball [1, 6], candidates [CANDIDATES, 5], trail [TRAIL, 5], stats [1, n], slots', trail',
        memory', contacts'.

        slots [SLOTS, SLOT_VALUES], trail [TRAIL, 7] (x y, valid, age, guess, x y without the camera's
        movement; oldest first), memory [MEMORY] and contacts [PEOPLE, CONTACT_VALUES] are 0 after a reset.
        """
        dt = dt.clamp(0.0, 2.0)
        picture = self.picture(view)
        at = self.candidates(maps, picture)
        known = dict(zip(MEMORY, torch.split(memory, 1), strict=True))
        first = (known["total_s"] + dt <= 0).float()
        sight, slots = self.follower(at, picture, dt, threshold, slots, first)
        crowd = self.meter.camera(tracks, known, picture, dt)
        path = self._path(sight, trail, known, dt)
        stats, contacts = self.meter(sight, path, crowd, known, contacts, picture, view, dt, sport)
        there = torch.maximum(sight.seen, sight.guess)
        ball = torch.stack(
            [*_shown(sight.x, sight.y, picture), sight.score, sight.seen * 0, there, sight.guess], 1
        )
        score = at[:, 2]
        valid = (score >= 0.01).float()
        rows = torch.stack([*_shown(at[:, 0], at[:, 1], picture), score, score * 0, valid], 1)
        line = torch.stack([*_shown(path[:, 0], path[:, 1], picture), path[:, 2], path[:, 3], path[:, 4]], 1)
        memory = torch.cat([known[name] for name in MEMORY])
        return ball * there, rows * valid[:, None], line * path[:, 2:3], stats, slots, path, memory, contacts

    def _path(self, sight: Sight, trail: Tensor, memory: dict[str, Tensor], dt: Tensor) -> Tensor:
        """Return the path with this frame's place; a gap that has ended is filled with a straight line."""
        there = torch.maximum(sight.seen, sight.guess)
        age = trail[:, 3] + dt
        keep = trail[:, 2] * (age <= _TRAIL_SECONDS).float() * (1 - sight.start)
        guess = trail[:, 4]
        seen_age = torch.where((keep > 0.5) & (guess < 0.5), age, 99.0)
        last = seen_age.amin(0, keepdim=True)
        at_last = (seen_age == last).float() * (last < 50.0).float()
        open_gap = keep * guess * (age < last).float()
        # Predictions that nothing has confirmed go with the hypothesis.
        keep = keep * (1 - open_gap * (1 - torch.maximum(there, (sight.hits > 0).float())))
        now = torch.cat([sight.x, sight.y, sight.x - memory["camera_x"], sight.y - memory["camera_y"]])
        places = torch.cat([trail[:, 0:2], trail[:, 5:7]], 1)
        began = (at_last[:, None] * places).sum(0)
        share = ((last - age) / last.clamp(min=1e-3)).clamp(0.0, 1.0)
        bridge = began + share[:, None] * (now - began)
        places = torch.where((open_gap * sight.seen)[:, None] > 0.5, bridge, places)
        old = torch.cat([places[:, 0:2], torch.stack([keep, age, guess], 1), places[:, 2:4]], 1)
        row = torch.cat([now[0:2], there, dt * 0, sight.guess, now[2:4]])[None]
        moved = torch.cat([old[1:], row])
        path = torch.where(there > 0.5, moved, old)
        return path * path[:, 2:3]


def _shown(x: Tensor, y: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return a place in 0..1 of the picture."""
    return ((x - picture[0]) / picture[2]).clamp(0.0, 1.0), ((y - picture[1]) / picture[3]).clamp(0.0, 1.0)


class BallHead(nn.Module):
    """`net` and `post` together: what is exported."""

    inputs = (
        "features", "view", "dt", "threshold", "sport", "player_tracking__tracks",
        "slots", "trail_state", "memory", "contacts",
    )  # fmt: skip
    outputs = (
        "ball", "candidates", "trail", "stats", "slots_next", "trail_next", "memory_next", "contacts_next",
    )  # fmt: skip

    def __init__(
        self, shape: tuple[int, int, int], people: People, width: int = 32, tuning: Tuning | None = None
    ) -> None:
        super().__init__()
        self.net = BallNet(shape[0], width)
        self.post = BallPost(shape, people, tuning)

    def forward(
        self, features: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, sport: Tensor, tracks: Tensor,
        slots: Tensor, trail_state: Tensor, memory: Tensor, contacts: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Run one frame; shapes as in the manifest."""
        maps = self.net(features)
        result: tuple[Tensor, ...] = self.post(
            maps, view, dt, threshold, sport, tracks, slots, trail_state, memory, contacts
        )
        return result
