"""From candidates to one ball: several hypotheses are followed, the one with the best evidence is shown.

    candidates [n, 3], slots -> predict -> pair -> Kalman update -> births -> choice -> Sight, slots'

A shoe or a penalty spot may score higher than the ball in a frame; over a few frames it does not. All lengths
are pixels of the core's input, rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["SLOTS", "SLOT_VALUES", "Follower", "Sight", "Tuning"]

SLOTS = 8
SLOT_VALUES = 14
"""x y, vx vy, p00 p01 p11, strength, hits, seconds since seen, active, slow x y, followed."""


@dataclass(frozen=True)
class Tuning:
    """The follower's constants, in pixels of the core's input and seconds; shares are of the threshold."""

    low_share: float = 0.6
    """Candidates from this share on may continue a hypothesis."""
    weak_share: float = 0.3
    weak_hits: float = 4.0
    """A path of so many sightings is continued even by candidates from this lower share on."""
    birth_share: float = 0.5
    measure_px: float = 0.8
    accelerate: float = 550.0
    kick: float = 200.0
    """Widens the gate, not the filter: a kick must be followed, a rolling ball's speed must stay smooth
    (px/s)."""
    gate: float = 9.0
    memory_seconds: float = 0.25
    """Evidence is the highest score of late, forgotten at this rate: clutter scores low but steadily, a ball
    high but not always, so that a mean would take the clutter."""
    rest_seconds: float = 0.7
    rest_px: float = 6.0
    moving: float = 1.5
    """What moved this far in about this time is more likely the ball: marks and shoes of people who stand
    do not move. Evidence grows by this share."""
    keep: float = 0.3
    """Advantage of the hypothesis that is shown already."""
    absent: float = 0.85
    """A hypothesis that this frame does not support counts only so much."""
    leap: float = 1000.0
    """A ball that was hit may go on so fast (px/s) in another direction; what is farther is another thing."""
    leap_seconds: float = 0.16
    show_share: float = 0.6
    guess_seconds: float = 0.2
    guess_hits: float = 4.0
    forget_seconds: float = 0.5


@dataclass(frozen=True)
class Sight:
    """The ball on one frame, [1] each: place x y and speed vx vy (px, px/s), evidence and hits; `seen`,
    `sure` (seen, and not weakly), `guess` (not seen, its place is a prediction) and `start` (not the thing
    that was shown before) are 0 or 1."""

    x: Tensor
    y: Tensor
    vx: Tensor
    vy: Tensor
    score: Tensor
    hits: Tensor
    seen: Tensor
    sure: Tensor
    guess: Tensor
    start: Tensor


def _paired(affinity: Tensor, rounds: int) -> Tensor:
    """Return 1.0 for pairs of affinity [n, m]: rounds of mutual best, the first of equals; 0 never pairs."""
    pairs = torch.zeros_like(affinity)
    left = affinity
    for _ in range(rounds):
        in_row = left == left.amax(1, keepdim=True)
        in_column = left == left.amax(0, keepdim=True)
        both = (in_row & in_column & (left > 0)).float()
        pairs = pairs + both
        left = left * (1 - both.amax(1, keepdim=True)) * (1 - both.amax(0, keepdim=True))
    return pairs


class Follower(nn.Module):
    """Kalman filters with constant velocity over SLOTS hypotheses, and the choice among them."""

    unequal: Tensor

    def __init__(self, tuning: Tuning, candidates: int) -> None:
        super().__init__()
        self.tuning = tuning
        # Equal scores would pair twice: earlier slots and candidates win by a hair.
        tie = 1 - 1e-6 * (torch.arange(SLOTS)[:, None] * candidates + torch.arange(candidates)[None, :])
        self.register_buffer("unequal", tie.float(), persistent=False)

    def forward(
        self, at: Tensor, picture: Tensor, dt: Tensor, threshold: Tensor, slots: Tensor, first: Tensor
    ) -> tuple[Sight, Tensor]:
        """Return what is shown and slots' [SLOTS, SLOT_VALUES].

        at [n, 3]: x y score, best first; picture [4]: left, top, width, height; dt, threshold [1]; first
        [1]: 1 on the first frame after a reset, which has to believe what it sees.
        """
        t = self.tuning
        x, y, vx, vy, p00, p01, p11, strength, hits, lost, active, slow_x, slow_y, shown = torch.split(
            slots, 1, 1
        )
        x, y = x + vx * dt, y + vy * dt
        before = (torch.cat([x, y, lost, active], 1) * shown).sum(0)
        noise = t.accelerate**2 * dt
        p00 = p00 + dt * (2 * p01 + dt * p11) + noise * (dt * dt / 3)
        p01 = p01 + dt * p11 + noise * (dt / 2)
        p11 = p11 + noise

        rows = at.T
        score = rows[2:3]
        dx, dy = rows[0:1] - x, rows[1:2] - y
        kick = t.kick * dt
        far = (dx * dx + dy * dy) / (p00 + 9.0 + kick * kick)
        share = t.low_share + (t.weak_share - t.low_share) * (hits >= t.weak_hits).float()
        fit = (far < t.gate).float() * (score >= threshold * share).float() * active
        pairs = _paired(torch.exp(-0.12 * far) * score * fit * self.unequal, 4)
        hit = pairs.amax(1, keepdim=True)
        z = pairs @ at
        gain = hit / (p00 + t.measure_px**2)
        k0, k1 = p00 * gain, p01 * gain
        off_x, off_y = z[:, 0:1] - x, z[:, 1:2] - y
        x, y, vx, vy = x + k0 * off_x, y + k0 * off_y, vx + k1 * off_x, vy + k1 * off_y
        p11 = p11 - k1 * p01
        p00, p01 = (1 - k0) * p00, (1 - k0) * p01
        fade = torch.exp(-dt / t.memory_seconds)
        strength = torch.maximum(strength * fade, z[:, 2:3])
        settle = 1 - torch.exp(-dt / t.rest_seconds)
        slow_x, slow_y = slow_x + settle * (x - slow_x), slow_y + settle * (y - slow_y)
        hits, lost = hits + hit, (lost + dt) * (1 - hit)
        left, top, width, height = torch.split(picture, 1)
        inside = ((x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)).float()
        active = active * inside * (lost <= t.forget_seconds).float()
        active = active * torch.maximum(hit, (strength >= threshold * 0.1).float())

        new = (score >= threshold * t.birth_share).float() * (1 - pairs.amax(0, keepdim=True))
        free = 1 - active
        born = (torch.cumsum(new, 1) == torch.cumsum(free, 0)).float() * new * free
        birth = born.amax(1, keepdim=True)
        b = born @ at
        none = torch.zeros_like(birth)
        beginning = torch.cat(
            [b[:, 0:2], none, none, birth * t.measure_px**2, none, birth * 200.0**2]
            + [b[:, 2:3], birth, none, birth, b[:, 0:2], none],
            1,
        )
        going_on = torch.cat(
            [x, y, vx, vy, p00, p01, p11, strength, hits, lost, active, slow_x, slow_y, shown], 1
        )
        slots = going_on * active * (1 - birth) + beginning

        values, shown = slots[:, :13], slots[:, 13:14]
        strength, active = slots[:, 7:8], slots[:, 10:11]
        gone = slots[:, 0:2] - slots[:, 11:13]
        moved = ((gone * gone).sum(1, keepdim=True).sqrt() / t.rest_px).clamp(max=1.0)
        strength = strength * (t.absent + (1 - t.absent) * (slots[:, 9:10] <= 0).float())
        worth = (
            (strength * (1 + t.moving * moved) + t.keep * threshold * shown) * active * self.unequal[:, 0:1]
        )
        best = worth.amax(0, keepdim=True)
        good = torch.maximum(best >= threshold * t.show_share, first.bool()).float()
        # Evidence decides what is followed; it goes on through a gap as long as nothing better is there.
        followed = ((worth == best) & (worth > 0)).float() * torch.maximum(good, shown)
        one = (followed * values).sum(0)
        now = z[:, 2:3] * (1 - birth) + b[:, 2:3]
        sure = ((followed * now).sum(0) >= threshold * t.low_share).float()
        exists = followed.sum(0)
        seen = exists * (one[9:10] <= 0).float() * torch.maximum(good[0], first)
        guess = exists * (one[9:10] > 0).float() * (one[9:10] <= t.guess_seconds).float()
        guess = guess * (one[8:9] >= t.guess_hits).float()
        away = (one[0:1] - before[0:1]) ** 2 + (one[1:2] - before[1:2]) ** 2
        reach = t.leap * (before[2:3] + dt).clamp(max=t.leap_seconds)
        goes_on = torch.maximum((followed * shown).sum(0), before[3:4] * (away <= reach * reach).float())
        start = exists * (1 - goes_on)
        slots = torch.cat([values, followed], 1)
        sight = Sight(
            one[0:1], one[1:2], one[2:3], one[3:4], one[7:8], one[8:9], seen, seen * sure, guess, start
        )
        return sight, slots
