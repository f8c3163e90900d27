"""From candidates to one ball: several hypotheses are followed, the one with the best evidence is shown.

    candidates [n, 3], clutter -> evidence -> predict -> pair -> Kalman update -> births -> choice
                                                                                   -> Sight, slots'

Evidence is in log-odds and adds up along a path (track before detect): a weak peak where the ball has to be
tells more than a strong one elsewhere. Where there is always something, a peak tells little. All lengths are
pixels of the core's input, rates are per second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["SLOTS", "SLOT_VALUES", "Follower", "Sight", "Tuning"]

SLOTS = 8
_STATE = (
    "x", "y", "lost", "evidence", "vx", "vy", "p00", "p01", "p11", "strength", "hits", "active", "followed"
)  # fmt: skip
"""Columns of the slots. `lost`: seconds since it was seen; `strength`: highest score of late."""
SLOT_VALUES = len(_STATE)
_AT = {name: column for column, name in enumerate(_STATE)}
_NEVER = -1e3
_ROUNDS = 3


@dataclass(frozen=True)
class Tuning:
    """The follower's constants, in pixels of the core's input and seconds; evidence in natural logarithms,
    that of a candidate counts from the threshold."""

    usual: float = 0.04
    """A place with this mean score of late is like any other; from there on it counts as clutter."""
    clutter_share: float = 0.8
    """How much of the log-odds of a place's mean score its candidates lose, at most `clutter_most`: a ball
    that scores high may lie still."""
    clutter_most: float = 2.0
    clutter_seconds: tuple[float, float] = (0.5, 4.0)
    """The mean reaches back so far: over what was seen, not less than the first and not more than the
    second."""
    continues: float = -2.0
    """Candidates from this evidence on continue a hypothesis."""
    begins: float = 0.5
    fits: float = 0.6
    """A sighting where a moving hypothesis had to be counts so much more; whole from `moving` px/s on, for
    where a thing stands still there always is a peak."""
    moving: float = 100.0
    shown: float = 0.5
    """A hypothesis is the ball from this evidence on, and as long as it keeps `kept`."""
    kept: float = -0.7
    ends: float = -4.0
    top: float = 3.0
    fade_seconds: float = 0.25
    miss: float = 15.0
    """Evidence that a hypothesis loses in each second in which it is not seen."""
    advantage: float = 1.0
    """Of the hypothesis that is shown already."""
    absent: float = 1.0
    """Disadvantage of a hypothesis that this frame does not support."""
    measure_px: float = 1.0
    accelerate: float = 550.0
    kick: float = 200.0
    """Widens the gate, not the filter: a kick must be followed, a rolling ball's speed must stay smooth
    (px/s)."""
    start_speed: float = 400.0
    gate: float = 9.0
    memory_seconds: float = 0.25
    """`strength` is forgotten at this rate."""
    leap: float = 1000.0
    """A ball that was hit may go on so fast (px/s) in another direction; what is farther is another thing."""
    leap_seconds: float = 0.16
    plain: float = 2.0
    """Log-odds above the threshold from which a sighting is plain."""
    guess_seconds: float = 0.2
    guess_hits: float = 5.0
    forget_seconds: float = 0.5


@dataclass(frozen=True)
class Sight:
    """The ball on one frame, [1] each: place x y and speed vx vy (px, px/s), highest score of late and hits;
    `seen`, `guess` (not seen, its place is a prediction) and `start` (not the thing that was shown before)
    are 0 or 1, `sure` says from 0 to 1 how plainly it is seen."""

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


def _paired(affinity: Tensor) -> Tensor:
    """Return 1.0 for pairs of affinity [n, m]: rounds of mutual best; 0 never pairs."""
    pairs: Tensor | None = None
    left = affinity
    for number in range(_ROUNDS):
        best = torch.maximum(left.amax(1, keepdim=True), left.amax(0, keepdim=True))
        both = (left >= best.clamp(min=1e-30)).float()
        pairs = both if pairs is None else pairs + both
        if number + 1 < _ROUNDS:
            left = left * (1 - torch.maximum(both.amax(1, keepdim=True), both.amax(0, keepdim=True)))
    assert pairs is not None
    return pairs


class Follower(nn.Module):
    """Kalman filters with constant velocity over SLOTS hypotheses, and the choice among them."""

    unequal: Tensor
    earlier: Tensor
    change: Tensor
    beginning: Tensor

    def __init__(self, tuning: Tuning, candidates: int) -> None:
        super().__init__()
        self.tuning = t = tuning
        # Equal scores would pair twice: earlier slots and candidates win by a hair.
        tie = 1 - 1e-6 * (torch.arange(SLOTS)[:, None] * candidates + torch.arange(candidates)[None, :])
        self.register_buffer("unequal", tie.float(), persistent=False)
        self.register_buffer("earlier", -1e-5 * torch.arange(SLOTS).float()[:, None], persistent=False)
        # slots' = slots @ (sum of these times 1, dt, dt^2, dt^3, fades); noise comes with `active`.
        change = torch.zeros(6, SLOT_VALUES, SLOT_VALUES)

        def goes(power: int, source: str, target: str, factor: float = 1.0) -> None:
            change[power, _AT[source], _AT[target]] = factor

        for name in ("x", "y", "lost", "vx", "vy", "p00", "p01", "p11", "hits", "active", "followed"):
            goes(0, name, name)
        goes(1, "vx", "x")
        goes(1, "vy", "y")
        goes(1, "active", "lost")
        goes(1, "active", "evidence", -t.miss)
        goes(1, "p01", "p00", 2.0)
        goes(2, "p11", "p00")
        goes(1, "p11", "p01")
        goes(3, "active", "p00", t.accelerate**2 / 3)
        goes(2, "active", "p01", t.accelerate**2 / 2)
        goes(1, "active", "p11", t.accelerate**2)
        goes(4, "evidence", "evidence")
        goes(5, "strength", "strength")
        self.register_buffer("change", change.flatten(1), persistent=False)
        # A candidate's x y score evidence plain 1 -> a new slot.
        beginning = torch.zeros(6, SLOT_VALUES)
        for row, name, factor in (
            (0, "x", 1.0), (1, "y", 1.0), (2, "strength", 1.0), (3, "evidence", 1.0), (5, "hits", 1.0),
            (5, "active", 1.0), (5, "p00", t.measure_px**2), (5, "p11", t.start_speed**2),
        ):  # fmt: skip
            beginning[row, _AT[name]] = factor
        self.register_buffer("beginning", beginning, persistent=False)

    def forward(
        self, place: Tensor, score: Tensor, logits: Tensor, usual: Tensor, corner: Tensor, size: Tensor,
        dt: Tensor, threshold: Tensor, slots: Tensor, first: Tensor,
    ) -> tuple[Sight, Tensor]:  # fmt: skip
        """Return what is shown and slots' [SLOTS, SLOT_VALUES].

        place [2, n]: candidates' x y, best first; score, logits, usual [1, n]: score (0: no candidate), its
        log-odds, and the mean score of the place; corner, size [2]: of the picture; dt, threshold [1];
        first [1]: 1 on the first frame after a reset, which has to believe what it sees.
        """
        t = self.tuning
        plain = logits - torch.log(threshold / (1 - threshold))
        evidence = self.evidence(score, plain, usual)
        candidates = torch.cat([place, score, evidence, plain, torch.ones(1, place.shape[1])]).T

        fades = torch.exp(dt * torch.tensor([-1 / t.fade_seconds, -1 / t.memory_seconds]))
        square = dt * dt
        powers = torch.cat([torch.ones_like(dt), dt, square, square * dt, fades])
        slots = slots @ (powers @ self.change).view(SLOT_VALUES, SLOT_VALUES)
        before = (slots[:, :3] * slots[:, 12:13]).sum(0)
        at, lost, belief, speed, p00, p01, p11, strength, hits, active, followed = torch.split(
            slots, [2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1], 1
        )
        x, y = torch.split(at, 1, 1)
        row_x, row_y = torch.split(place, 1)
        dx, dy = row_x - x, row_y - y
        spread = p00 + t.measure_px**2
        far = (dx * dx + dy * dy) / (spread + square * t.kick**2)
        pace = (speed * speed).sum(1, keepdim=True) * (t.fits / t.moving**2)
        fitting = pace.clamp(max=t.fits) - 0.5 * far
        fit = torch.where(far < t.gate, evidence + fitting, _NEVER)
        pairs = _paired(torch.exp(fit) * (self.unequal * active))
        z = pairs @ candidates
        seen_place, seen_score, gained, plainly, hit = torch.split(z, [2, 1, 1, 1, 1], 1)
        gain = hit / spread
        k0, k1 = p00 * gain, p01 * gain
        off = seen_place - at
        at, speed = at + k0 * off, speed + k1 * off
        gained = gained + (pairs * fitting).sum(1, keepdim=True) + hit * (t.miss * dt)
        belief = (belief + gained).clamp(max=t.top)
        lost = lost - hit * lost
        least = torch.cat([corner, torch.tensor([-1.0, t.ends])])
        most = torch.cat([corner + size, torch.tensor([t.forget_seconds, 99.0])])
        kept = torch.cat([at, lost, belief], 1)
        going = (kept >= least) & (kept <= most)
        active = active * going.float().amin(1, keepdim=True)

        new = (evidence > t.begins - t.begins * first).float() * (1 - pairs.amax(0, keepdim=True))
        free = 1 - active
        born = (torch.cumsum(new, 1) == torch.cumsum(free, 0)).float() * new * free
        b = born @ candidates
        _, new_plainly, birth = torch.split(b, [4, 1, 1], 1)
        going_on = torch.cat(
            [kept, speed, p00 - k0 * p00, p01 - k0 * p01, p11 - k1 * p01]
            + [torch.maximum(strength, seen_score), hits + hit, active, followed],
            1,
        )
        slots = going_on * (active - active * birth) + b @ self.beginning
        return self._choice(slots, plainly + new_plainly, before, first)

    def evidence(self, score: Tensor, plain: Tensor, usual: Tensor) -> Tensor:
        """Return what each candidate says for a ball at its place [1, n]; plain: its log-odds above the
        threshold."""
        t = self.tuning
        share = usual.clamp(1e-4, 1 - 1e-4)
        clutter = t.clutter_share * (torch.log(share / (1 - share)) - math.log(t.usual / (1 - t.usual)))
        evidence = plain - clutter.clamp(0.0, t.clutter_most)
        return torch.where((score > 0) & (evidence > t.continues), evidence, _NEVER)

    def _choice(self, slots: Tensor, now: Tensor, before: Tensor, first: Tensor) -> tuple[Sight, Tensor]:
        """Choose the hypothesis to follow, and say what of it is shown; now [SLOTS, 1]: how plain it is on
        this frame, before [3]: place and seconds unseen of what was followed."""
        t = self.tuning
        values, shown = torch.split(slots, [SLOT_VALUES - 1, 1], 1)
        away = (values[:, 2:3] > 0).float()
        worth = slots[:, 3:4] + t.advantage * shown - t.absent * away + self.earlier
        worth = torch.where(values[:, 11:12] > 0.5, worth, _NEVER)
        best = worth.amax(0, keepdim=True)
        chosen = ((worth >= best) & (best > _NEVER / 2)).float()
        one = (chosen * torch.cat([slots, now], 1)).sum(0)
        x, y, lost, belief, vx, vy, strength, hits, exists, goes_on, plainly = torch.split(
            torch.cat([one[:6], one[9:]]), 1
        )
        # Evidence decides what is followed; it goes on through a gap as long as nothing better is there.
        good = (belief > t.shown + (t.kept - t.shown) * torch.maximum(goes_on, first)).float() * exists
        exists = torch.maximum(good, goes_on)
        unseen = (lost > 0).float()
        seen = good - good * unseen
        # A weak sighting says where the ball is, but little of who has it.
        sure = seen * (plainly * (1 / t.plain)).clamp(0.0, 1.0)
        guess = good * unseen * ((lost <= t.guess_seconds) & (hits >= t.guess_hits)).float()
        off = one[:2] - before[:2]
        reach = t.leap * (before[2:3]).clamp(max=t.leap_seconds)
        near = ((off * off).sum(0, keepdim=True) <= reach * reach).float()
        start = exists - exists * torch.maximum(goes_on, near)
        sight = Sight(x, y, vx, vy, strength, hits * exists, seen, sure, guess, start)
        return sight, torch.cat([values, chosen * exists], 1)
