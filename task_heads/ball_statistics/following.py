"""From candidates to one ball: several hypotheses are followed, the one with the best evidence is shown.

    candidates [2, n], clutter -> evidence -> predict -> pair -> Kalman update -> births -> choice
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
    "x", "y", "lost", "evidence", "vx", "vy", "p00", "p01", "p11", "strength", "hits", "active", "plain",
    "followed",
)  # fmt: skip
"""Columns of the slots. `lost`: seconds since it was seen; `strength`: highest score of late; `plain`:
log-odds above the threshold on this frame."""
SLOT_VALUES = len(_STATE)
_BOUNDED = 4
"""So many of the first columns have bounds; what leaves them ends."""
_DERIVED = ("spread", "reach", "nearest", "regain", "leap")
"""What else is foreseen of a slot: variance of a sighting, -2 times the variance of the gate, what a squared
distance over that must exceed, evidence lost since the last frame, px that it may have leapt since it was
seen."""
_FORESEEN = (*_STATE, *_DERIVED)
_TOLD = (
    "worth", "lost", "active", "x", "y", "vx", "vy", "strength", "hits", "lost", "belief", "active",
    "followed", "sure",
)  # fmt: skip
"""What the choice reads of the slots: three columns to choose by, the rest is said of the chosen one."""
_TO_CHOOSE = 3
_NEVER = -1e3
_LEAST = -100.0
"""Pairs that are worth less are none; a difference of less than `_HAIR` is none."""
_OUT = 1e3
_HAIR = 2e-6
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
    """The ball on one frame: place [2, 1] and velocity [2, 1] (px, px/s); [1, 1] each: highest score of late
    and hits; `seen`, `guess` (not seen, its place is a prediction), `there` (either), `followed` (there, or
    lost and not given up) and `start` (not the thing that was shown before) are 0 or 1, `sure` says from 0 to
    1 how plainly it is seen."""

    place: Tensor
    velocity: Tensor
    score: Tensor
    hits: Tensor
    seen: Tensor
    sure: Tensor
    guess: Tensor
    there: Tensor
    followed: Tensor
    start: Tensor


def _paired(worth: Tensor) -> Tensor:
    """Return 1.0 for pairs of worth [n, m]: rounds of mutual best; equal values would pair twice."""
    pairs: Tensor | None = None
    left = worth
    for number in range(_ROUNDS):
        best = torch.maximum(left.amax(1, keepdim=True), left.amax(0, keepdim=True).clamp(min=_LEAST))
        both = torch.where(left >= best, _OUT, 0.0)
        pairs = both if pairs is None else pairs + both
        if number + 1 < _ROUNDS:
            left = left - both.amax(1, keepdim=True) - both.amax(0, keepdim=True)
    assert pairs is not None
    return pairs * (1 / _OUT)


class Follower(nn.Module):
    """Kalman filters with constant velocity over SLOTS hypotheses, and the choice among them.

    What is linear in a slot's columns is a product with a constant matrix: a node costs more than its
    arithmetic.
    """

    tie: Tensor
    rates: Tensor
    powers: Tensor
    change: Tensor
    always: Tensor
    pace: Tensor
    fresh: Tensor
    ones: Tensor
    blank: Tensor
    rest: Tensor
    revise: Tensor
    gains: Tensor
    lowest: Tensor
    highest: Tensor
    rank_new: Tensor
    rank_free: Tensor
    places: Tensor
    tell: Tensor
    earlier: Tensor

    def __init__(self, tuning: Tuning, candidates: int) -> None:
        super().__init__()
        self.tuning = t = tuning

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        # Equal worth would pair twice: earlier slots and candidates win by a hair.
        keep("tie", -_HAIR * torch.arange(SLOTS * candidates).float().reshape(SLOTS, candidates))
        keep("rates", -1 / torch.tensor([[t.fade_seconds, t.memory_seconds]]))
        keep("powers", torch.arange(4).float()[None])
        keep("change", _foresight(t).flatten(1))
        always = torch.zeros(1, len(_FORESEEN))
        always[0, _FORESEEN.index("spread")] = t.measure_px**2
        always[0, _FORESEEN.index("reach")] = -2 * t.measure_px**2
        always[0, _FORESEEN.index("nearest")] = 1.0  # nothing is so near to an empty slot
        keep("always", always)
        keep("pace", torch.full((2, 1), t.fits / t.moving**2))
        # A candidate as a new slot: speed and covariance, hits and active.
        fresh = torch.tensor([0.0, 0.0, t.measure_px**2, 0.0, t.start_speed**2])
        keep("fresh", fresh[:, None].repeat(1, candidates))
        keep("ones", torch.ones(2, candidates))
        keep("blank", torch.zeros(1, candidates))
        keep("rest", torch.zeros(1 + len(_DERIVED), candidates))
        revise, gains = _revision()
        keep("revise", revise)
        keep("gains", gains)
        lowest, highest = torch.full((2, 1, len(_FORESEEN)), 1e30).unbind()
        lowest = -lowest
        lowest[0, _STATE.index("strength")], highest[0, _STATE.index("evidence")] = 0.0, t.top
        keep("lowest", lowest)
        keep("highest", highest)
        # How many new candidates, or free slots, come before this one, less 1000; more for what is not new,
        # and still more for what is not free.
        keep("rank_new", torch.triu(torch.ones(candidates, candidates), 1) - 1000 * torch.eye(candidates))
        keep("rank_free", 5000 * torch.eye(SLOTS) - torch.tril(torch.ones(SLOTS, SLOTS), -1))
        keep("places", torch.arange(SLOTS).float()[:, None] - 1000)
        tell = torch.zeros(len(_FORESEEN), len(_TOLD))
        for column, name in enumerate(_TOLD):
            if name in _STATE:
                tell[_STATE.index(name), column] = 1.0
        evidence, shown = _STATE.index("evidence"), _STATE.index("followed")
        worth, belief = _TOLD.index("worth"), _TOLD.index("belief")
        tell[evidence, worth] = tell[evidence, belief] = 1.0
        tell[shown, worth], tell[shown, belief] = t.advantage, t.shown - t.kept
        tell[_STATE.index("plain"), _TOLD.index("sure")] = 1 / t.plain
        keep("tell", tell)
        earlier = torch.zeros(SLOTS, len(_TOLD))
        earlier[:, worth] = -1e-5 * torch.arange(SLOTS)
        keep("earlier", earlier)

    def forward(
        self, place: Tensor, score: Tensor, logits: Tensor, usual: Tensor, bounds: Tensor, dt: Tensor,
        threshold: Tensor, slots: Tensor, later: Tensor,
    ) -> tuple[Sight, Tensor]:  # fmt: skip
        """Return what is shown and slots' [SLOTS, SLOT_VALUES].

        place [2, n]: candidates' x y, best first; score, logits, usual [1, n]: score, its log-odds (very low:
        no candidate), and the mean score of the place; bounds [2, 4]: middle and half width of what `x y lost
        evidence` may be; dt [1, 1], threshold [1]; later [1, 1]: False on the first frame after a reset,
        which has to believe what it sees.
        """
        t = self.tuning
        plain = logits + torch.log(1 / threshold - 1)
        evidence = self.evidence(plain, usual)
        candidates = torch.cat([place, self.blank, evidence, self.fresh, score, self.ones, plain, self.rest])
        candidates = candidates.T  # as new slots

        step = torch.cat([torch.pow(dt, self.powers), torch.exp(dt * self.rates)], 1) @ self.change
        foreseen = torch.addmm(self.always, slots, step.view(SLOT_VALUES, -1))
        at, _, speed, p0, _, active, _, followed, spread, reach, nearest, _ = torch.split(
            foreseen, [2, 2, 2, 2, 3, 1, 1, 1, 1, 1, 1, 2], 1
        )
        before = foreseen.T @ followed

        off = place - at[:, :, None]
        far = (off * off).sum(1) / reach
        fitting = far + ((speed * speed) @ self.pace).clamp(max=t.fits)
        fit = torch.where(far > nearest, evidence + fitting, _NEVER)
        pairs = _paired(fit + self.tie)
        seen_as = pairs @ candidates
        gained = (pairs * fit).sum(1, keepdim=True)
        slots = self._revised(foreseen, seen_as, gained, p0, spread)

        middle, half = torch.split(bounds, 1)
        outside = ((slots[:, :_BOUNDED] - middle).abs() - half).amax(1, keepdim=True)
        active = torch.where(outside <= 0, active, 0.0)
        begins = (evidence > torch.where(later, t.begins, 0.0)).float()
        new = torch.relu(begins - pairs.amax(0, keepdim=True))
        free = torch.addmm(self.places, self.rank_free, active)
        born = (new @ self.rank_new == free).float()
        slots = torch.where(active > 0.5, slots, born @ candidates)
        return self._choice(slots, before, later)

    def evidence(self, plain: Tensor, usual: Tensor) -> Tensor:
        """Return what each candidate says for a ball at its place [1, n]; plain: its log-odds above the
        threshold."""
        t = self.tuning
        share = usual.clamp(1e-4, 1 - 1e-4)
        usually = t.clutter_share * math.log(t.usual / (1 - t.usual))
        unlike = torch.log(1 / share - 1) * t.clutter_share + usually
        evidence = plain + unlike.clamp(-t.clutter_most, 0.0)
        return torch.where(evidence > t.continues, evidence, _NEVER)

    def _revised(
        self, foreseen: Tensor, seen_as: Tensor, gained: Tensor, p0: Tensor, spread: Tensor
    ) -> Tensor:
        """Return the slots [SLOTS, foreseen values] after what was seen of them; p0 [SLOTS, 2]: covariance of
        the place with place and speed."""
        hits = _STATE.index("hits")
        hit = seen_as[:, hits : hits + 1]
        gains = torch.cat([p0 * (hit / spread), hit], 1) @ self.gains
        off = torch.cat([seen_as, gained, foreseen], 1) @ self.revise
        return torch.minimum(foreseen + gains * torch.maximum(off, self.lowest), self.highest)

    def _choice(self, slots: Tensor, before: Tensor, later: Tensor) -> tuple[Sight, Tensor]:
        """Choose the hypothesis to follow, and say what of it is shown; before [foreseen values, 1]: of what
        was followed."""
        t = self.tuning
        worth, lost, active, told = torch.split(
            torch.addmm(self.earlier, slots, self.tell), [1, 1, 1, len(_TOLD) - _TO_CHOOSE], 1
        )
        worth = torch.where(lost > 0, worth - t.absent, worth)
        worth = torch.where(active > 0.5, worth, _NEVER)
        chosen = (worth >= worth.amax(0, keepdim=True).clamp(min=_NEVER / 2)).float()
        place, velocity, strength, hits, lost, belief, exists, goes_on, plainly = torch.split(
            told.T @ chosen, [2, 2, 1, 1, 1, 1, 1, 1, 1]
        )
        # Evidence decides what is followed; it goes on through a gap as long as nothing better is there.
        good = torch.where(belief > torch.where(later, t.shown, t.kept), exists, 0.0)
        followed = torch.maximum(good, goes_on)
        seen = torch.where(lost > 0, 0.0, good)
        # A weak sighting says where the ball is, but little of who has it.
        sure = seen * plainly.clamp(0.0, 1.0)
        guess = torch.where((lost <= t.guess_seconds) & (hits >= t.guess_hits), good - seen, 0.0)
        was, _, leap = torch.split(before, [2, len(_FORESEEN) - 3, 1])
        off, leap = place - was, leap.clamp(max=t.leap * t.leap_seconds)
        near = (off * off).sum(0, keepdim=True) <= leap * leap
        start = torch.where(near, 0.0, followed - goes_on)
        sight = Sight(
            place, velocity, strength, hits, seen, sure, guess, seen + guess, followed, start
        )  # fmt: skip
        return sight, torch.cat([slots[:, : SLOT_VALUES - 1], chosen * followed], 1)


def _foresight(t: Tuning) -> Tensor:
    """Return [6, SLOT_VALUES, foreseen values]: slots times the sum of these times 1, dt, dt^2, dt^3 and the
    two fades are the slots later; noise comes with `active`."""
    change = torch.zeros(6, SLOT_VALUES, len(_FORESEEN))

    def goes(power: int, source: str, target: str, factor: float = 1.0) -> None:
        change[power, _STATE.index(source), _FORESEEN.index(target)] += factor

    for name in ("x", "y", "lost", "vx", "vy", "p01", "p11", "hits", "active", "followed"):
        goes(0, name, name)
    goes(1, "vx", "x")
    goes(1, "vy", "y")
    goes(1, "active", "lost")
    goes(1, "active", "evidence", -t.miss)
    goes(1, "active", "regain", t.miss)
    # `reach` adds to the variance what a kick may do.
    for target, factor in (("p00", 1.0), ("spread", 1.0), ("reach", -2.0)):
        goes(0, "p00", target, factor)
        goes(1, "p01", target, 2.0 * factor)
        goes(2, "p11", target, factor)
        goes(3, "active", target, t.accelerate**2 / 3 * factor)
    goes(2, "active", "reach", -2 * t.kick**2)
    goes(1, "p11", "p01")
    goes(2, "active", "p01", t.accelerate**2 / 2)
    goes(1, "active", "p11", t.accelerate**2)
    goes(4, "evidence", "evidence")
    goes(5, "strength", "strength")
    goes(0, "active", "nearest", -t.gate / 2 - 1.0)
    goes(0, "lost", "leap", t.leap)
    goes(1, "active", "leap", t.leap)
    return change


def _revision() -> tuple[Tensor, Tensor]:
    """Return [of a sighting, evidence gained, foreseen; foreseen values], whose product with these times the
    gains changes a slot, and [3, foreseen values], which takes the filter's two gains and one to their
    columns."""
    values = len(_FORESEEN)
    revise, gains = torch.zeros(values + 1 + values, values), torch.zeros(3, values)
    foreseen = values + 1
    for gain, target, sighting, source in (
        (0, "x", "x", "x"), (0, "y", "y", "y"), (1, "vx", "x", "x"), (1, "vy", "y", "y"),
        (0, "p00", None, "p00"), (0, "p01", None, "p01"), (1, "p11", None, "p01"),
        (2, "lost", None, "lost"), (2, "strength", "strength", "strength"), (2, "hits", "hits", None),
        (2, "plain", "plain", None),
    ):  # fmt: skip
        column = _STATE.index(target)
        gains[gain, column] = 1.0
        if sighting is not None:
            revise[_STATE.index(sighting), column] = 1.0
        if source is not None:
            revise[foreseen + _FORESEEN.index(source), column] = -1.0
    evidence = _STATE.index("evidence")
    gains[2, evidence] = revise[values, evidence] = 1.0
    revise[foreseen + _FORESEEN.index("regain"), evidence] = 1.0
    return revise, gains
