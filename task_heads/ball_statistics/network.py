"""The ball head: `net` scores every place, `post` follows one ball and measures it.

    features [1, C, h, w] -> net  -> maps [1, 12, h, w]: heat, dx, dy of each cell's four sub-cells (stride 4)
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
    Path,
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
STATE: dict[str, tuple[int, ...]] = {
    "slots": (SLOTS, SLOT_VALUES),
    "trail_state": (TRAIL_VALUES, TRAIL),
    "memory": (len(MEMORY), 1),
    "contacts": (CONTACT_VALUES, PEOPLE),
    "usual": (MAP_ROWS, MAP_COLUMNS),
}
"""Shapes of the tensors that go round."""
CELL = 4.0
_NEVER = -30.0
_OUT = 1e30
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
    """features [B, C, h, w] -> maps [B, 3, 2h, 2w]: heat, dx, dy at stride 4."""

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
        return F.pixel_shuffle(self.cells(features), 2)

    def cells(self, features: Tensor) -> Tensor:
        """Return the same maps with the four sub-cells of each cell one after the other [B, 12, h, w]."""
        maps: Tensor = self.last(self.trunk(features))
        return maps


@dataclass(frozen=True)
class Candidates:
    """The best peaks of one frame: place [2, n] in px, place [2, n] in 0..1 of the picture, score [1, n] (0:
    outside or hidden), its log-odds [1, n] (very low: outside or hidden), number of its place [1, n]; around
    [1, 1, rows, columns]: the best score near each place."""

    place: Tensor
    shown: Tensor
    score: Tensor
    logits: Tensor
    number: Tensor
    around: Tensor


class BallPost(nn.Module):
    """Peaks -> hypotheses and a choice -> path -> trail and statistics."""

    picture: Tensor
    picture_fixed: Tensor
    before: Tensor
    shares: Tensor
    quarter: Tensor
    parts: Tensor
    cells: Tensor
    blank: Tensor
    ones: Tensor
    valid: Tensor

    def __init__(
        self, shape: tuple[int, int, int], people: People, tuning: Tuning | None = None,
        measures: Measures | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.tuning = t = tuning or Tuning()
        self.people = people
        self.rows, self.columns = shape[1] * 2, shape[2] * 2
        self.follower = Follower(t, CANDIDATES)
        self.meter = Meter(measures or Measures(), people)

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        picture = _picture(people, self.columns * CELL, self.rows * CELL, t, self.meter.measures.focal)
        keep("picture", picture[:, :-1])
        keep("picture_fixed", picture[:, -1:])
        # Squared distance below which the candidate of the column hides behind that of the row.
        keep("before", torch.triu(torch.full((CANDIDATES, CANDIDATES), _APART_PX**2), 1))
        # A place's number n is columns * row + column; all that is needed of it is linear in the whole parts
        # of n, n / 2, n / columns and n / (2 columns). A quarter more, so that no rounding decides on them.
        shares = 1 / torch.tensor([[1.0], [2.0], [self.columns], [2.0 * self.columns]])
        keep("shares", shares)
        keep("quarter", 0.25 * shares)
        # Column, row, their last bits, cell; two steps keep all numbers small enough to be exact.
        half = self.columns // 2
        keep("parts", torch.tensor(
            [[1.0, 0.0, -self.columns, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, -2.0, 0.0, 0.0],
             [0.0, 0.0, 1.0, -2.0], [0.0, 1.0, -half, half]]
        ))  # fmt: skip
        # Where its offset lies, twice: the maps of the four sub-cells come one after the other.
        places = self.rows * self.columns // 4
        cells = torch.eye(4, 5)
        cells[2:] = torch.tensor([0.0, 0.0, places, 2.0 * places, 1.0])
        keep("cells", cells)
        keep("blank", torch.zeros(1, 1))
        keep("ones", torch.ones(1, TRAIL))
        keep("valid", torch.tensor([[0.0], [1.0]]).repeat(1, CANDIDATES))

    def candidates(self, maps: Tensor, corner: Tensor, size: Tensor) -> Candidates:
        """Return the best peaks; corner, size [2, 1]: of the picture."""
        heat, offsets = torch.split(maps, [4, 8], 1)
        heat = F.pixel_shuffle(heat, 2)
        around = F.max_pool2d(heat, 3, 1, 1)
        logits, number = torch.where(heat == around, heat, _NEVER).view(1, -1).topk(CANDIDATES)
        whole = torch.floor(torch.addmm(self.quarter, self.shares, number.float()))
        cell, address = torch.split(self.cells @ (self.parts @ whole), 2)
        off = torch.gather(offsets.view(2, -1), 1, address.long()).clamp(-1.0, 2.0)
        place = (cell + off) * CELL
        shown = (place - corner) / size
        inside = shown.clamp(0.0, 1.0)
        apart = place[:, :, None] - place[:, None, :]
        good = torch.cat([(apart * apart).sum(0) >= self.before, inside == shown])
        logits = logits + torch.where(good, 0.0, -_OUT).amin(0, keepdim=True)
        return Candidates(
            place, inside, torch.sigmoid(logits), logits.clamp(-_SURE, _SURE), number, torch.sigmoid(around)
        )

    def forward(
        self, maps: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, sport: Tensor, tracks: Tensor,
        slots: Tensor, trail: Tensor, memory: Tensor, contacts: Tensor, usual: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Return ball [1, 6], candidates [CANDIDATES, 5], trail [TRAIL, 5], stats [1, n], slots', trail',
        memory', contacts', usual'.

        maps: from `BallNet.cells`. slots [SLOTS, SLOT_VALUES], trail [7, TRAIL] (x y, x y without the
        camera's movement, valid, age, guess; oldest first), memory [MEMORY, 1], contacts [CONTACT_VALUES,
        PEOPLE] and usual [h, w] (mean score of each place) are 0 after a reset.
        """
        t = self.tuning
        dt = dt[:, None].clamp(0.0, 2.0)
        view = view[:, None]
        read = self.people.read
        corner, size, source, length, lens, bounds, fixed, pick = torch.split(
            torch.addmm(self.picture_fixed, self.picture, view),
            [2, 2, 2, 1, 1, 8, read, read * self.people.shape[1]],
        )
        found = self.candidates(maps, corner, size)
        known = recall(memory)
        elapsed = known.totals[:1] + dt
        sight, slots = self.follower(
            found.place, found.score, found.logits, torch.gather(usual.view(1, -1), 1, found.number),
            bounds.view(2, 4), dt, threshold, slots, elapsed > 0,
        )  # fmt: skip
        share = dt / elapsed.clamp(*t.clutter_seconds)
        usual = (usual + share * (found.around - usual)).view(self.rows, -1)

        crowd = self.meter.camera(tracks, pick.view(read, -1), fixed)
        walked = known.camera + crowd.pan * dt
        trail = self._path(sight, walked, trail, dt)
        line, place, valid, age, guess = torch.split(trail, [2, 2, 1, 1, 1])
        line = ((line - corner) / size).clamp(0.0, 1.0) * valid
        ball = line[:, -1:]  # when it is there
        stats, memory, contacts = self.meter(
            sight, Path(place, valid - guess, age), crowd, known, walked, contacts, ball * source,
            length / size[:1], lens, dt, sport[:, None],
        )  # fmt: skip
        ball = torch.cat([ball, sight.score, self.blank, sight.there, sight.guess]) * sight.there
        rows = torch.where(found.score >= 0.01, torch.cat([found.shown, found.score, self.valid]), 0.0)
        line = torch.cat([line, valid, age, guess])
        return ball.T, rows.T, line.T, stats, slots, trail, memory, contacts, usual

    def _path(self, sight: Sight, walked: Tensor, trail: Tensor, dt: Tensor) -> Tensor:
        """Return the path with this frame's place; a gap that has ended is filled with a straight line.

        walked [2, 1]: how far the camera has moved.
        """
        places, valid, age, guess = torch.split(trail, [4, 1, 1, 1])
        age = age + dt
        keep = torch.where(age <= _TRAIL_SECONDS - 99.0 * sight.start, valid, 0.0)
        seen_age = torch.where(keep > guess, age, 99.0)
        last = seen_age.amin(1, keepdim=True)
        open_gap = torch.where(age < last, keep * guess, 0.0)
        # Predictions that nothing has confirmed go with the hypothesis.
        keep = torch.where(open_gap > sight.followed, 0.0, keep)
        now = torch.cat([sight.place, sight.place - walked])
        began = torch.where(seen_age == last, places, 0.0).sum(1, keepdim=True)
        bridge = now + (began - now) * (age / last)  # of use only in the gap, where last > age
        places = torch.where(open_gap * sight.seen > 0.5, bridge, places)
        old = torch.cat([places, self.ones, age, guess]) * keep
        column = torch.cat([now, sight.there, self.blank, sight.guess])
        return torch.where(sight.there > 0.5, torch.cat([old[:, 1:], column], 1), old)


def _picture(people: People, across: float, down: float, tuning: Tuning, focal: float) -> Tensor:
    """Return the matrix of all that is linear in the view's six values and one: corner and size of the
    picture in px of the input, size of the source, its width once more, the camera's focal length, the
    follower's bounds (middle and half width of x, y, seconds unseen, evidence), and how to read the
    people."""
    x0, y0, width, height, source_width, source_height, one = torch.eye(7)
    corner = torch.stack([x0 * across, y0 * down])
    size = torch.stack([width * across, height * down])
    # No evidence is more than `top`.
    limits = torch.stack([one * tuning.forget_seconds, one * -tuning.ends])
    assert tuning.top <= -tuning.ends
    pick, fixed = people.picked(across, down)
    return torch.cat(
        [corner, size, torch.stack([source_width, source_height, source_width, size[0] * focal])]
        + [corner + size / 2, limits * 0, size / 2, limits, fixed, pick]
    )


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
        maps = self.net.cells(features)
        result: tuple[Tensor, ...] = self.post(
            maps, view, dt, threshold, sport, tracks, slots, trail_state, memory, contacts, usual
        )
        return result
