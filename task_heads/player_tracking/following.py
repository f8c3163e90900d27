"""From detections to tracks: prediction -> camera shift -> matching -> Kalman update -> births.

Where pairs are looked at, what belongs to tracks is upright ([rows, SLOTS, 1]) and what belongs to detections
lies ([rows, 1, DETECTIONS]), so that arithmetic between them is about pairs. What is linear in a track's rows
is a product with a constant matrix: a node costs more than its arithmetic. All rows of an empty slot are 0,
so no box is like its box. Lengths are px of the core's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from task_heads.player_tracking.finding import DETECTIONS, FOUND, KIT, overlap, square

__all__ = ["ROWS", "SLOTS", "Followed", "Follower", "Tuning", "match", "row"]

SLOTS = 64
_ROWS = (
    "x", "y", "p00", "p01", "vx", "vy", "p11", "lost", "hits", "active", "id", "side", "seen",
    "score", "w", "h", "player", "keeper", "referee", *(f"kit{number}" for number in range(KIT)), "square",
)  # fmt: skip
"""`p`: covariance of place and speed; lost: seconds since it was seen; seen: seconds in view. From `score` on
all are averaged over sightings and lie in a detection in the same order; square: of the height."""
ROWS = len(_ROWS)
_FIRST_AVERAGED = _ROWS.index("score")
_AVERAGED = ROWS - _FIRST_AVERAGED
_FOUND_SCORE, _FOUND_ONE = 2, FOUND - 1
_LEAST = 1e-3
"""Pairs that are worth less are none."""


def row(name: str) -> int:
    """Return the row of a track's state that holds this."""
    return _ROWS.index(name)


@dataclass(frozen=True)
class Tuning:
    """The tracker's constants; lengths are in heights of the person, so that zoom does not matter."""

    low_share: float = 0.6
    """Detections from this share of the threshold may continue a track (ByteTrack, arXiv 2110.06864)."""
    nms_iou: float = 0.6
    """Of boxes with more IoU than this the best one stays; those with more than the next are averaged."""
    vote_iou: float = 0.7
    measure: float = 0.05
    accelerate: float = 1.2
    keep_seconds: float = 1.0
    unnamed_seconds: float = 0.07
    """Who has no id yet is forgotten after this time."""
    show_seconds: float = 0.07
    confirm_hits: float = 3.0
    size_gain: float = 0.35
    gate: float = 9.0
    overlap_weight: float = 0.5
    place_weight: float = 0.4
    size_weight: float = 0.1
    kit_weight: float = 0.3
    least_strong: float = 0.08
    """A confident detection continues a track from this affinity on, a weak one from the next."""
    least_weak: float = 0.25
    rounds: int = 4
    team_seconds: float = 10.0


@dataclass(frozen=True)
class Followed:
    """The tracks after a frame: state [ROWS, SLOTS], which detection each was seen as [SLOTS, DETECTIONS],
    the camera's shift [2, 1], and 0.0 [1, 1] where everything begins again: a first frame, a cut."""

    state: Tensor
    seen_as: Tensor
    shift: Tensor
    going_on: Tensor


def match(worth: Tensor, rounds: int) -> Tensor:
    """Greedy one-to-one matching of worth [1, n, m], at most 1, as rounds of mutual best; 1.0 marks a pair.

    Equal values would be each other's best more than once: they must differ.
    """
    left = worth
    pairs = torch.zeros_like(worth)
    for step in range(rounds):
        best = torch.maximum(left.amax(2, keepdim=True), left.amax(1, keepdim=True).clamp(min=_LEAST))
        mutual = (left >= best).float()
        pairs = pairs + mutual if step else mutual
        if step + 1 < rounds:
            left = left - mutual.amax(2, keepdim=True) - mutual.amax(1, keepdim=True)
    return pairs


class Follower(nn.Module):
    """Kalman filters with constant velocity, and who is who."""

    predict: Tensor
    powers: Tensor
    looser: Tensor
    earlier: Tensor
    spread: Tensor
    slowest: Tensor
    kit_weights: Tensor
    begin: Tensor
    begin_all: Tensor
    off_found: Tensor
    off_track: Tensor
    moves: Tensor
    rank: Tensor

    def __init__(self, tuning: Tuning) -> None:
        super().__init__()
        self.tuning = tuning

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        keep("powers", torch.arange(4).float())
        keep("predict", _prediction(tuning).reshape(4, -1))
        # Earlier slots and detections win among equals, by at most a thousandth.
        keep("earlier", 1e-3 / SLOTS * torch.arange(SLOTS).float().reshape(1, -1, 1))
        keep("looser", 1e-3 / SLOTS / DETECTIONS * torch.arange(DETECTIONS).float()[None])
        # exp(-0.35 d^2 / spread) is a place's share in the affinity.
        keep("spread", torch.tensor([-0.35, 1.0]).reshape(2, 1, 1))
        gains = [0.5, tuning.size_gain, tuning.size_gain, *[0.1] * 3, *[0.08] * KIT, tuning.size_gain]
        keep("slowest", 1 / torch.tensor(gains)[:, None])
        begin, at_first = torch.zeros(ROWS, FOUND), torch.zeros(ROWS, FOUND)
        begin[row("x"), 0] = begin[row("y"), 1] = 1.0
        begin[_FIRST_AVERAGED:, _FOUND_SCORE:_FOUND_ONE] = torch.eye(_AVERAGED)
        begin[row("p00"), _FOUND_ONE - 1], begin[row("p11"), _FOUND_ONE - 1] = 0.01, 1.0
        begin[row("hits"), _FOUND_ONE] = begin[row("active"), _FOUND_ONE] = 1.0
        at_first[row("hits"), _FOUND_ONE] = tuning.confirm_hits - 1
        keep("kit_weights", torch.full((1, KIT), -2.0))
        keep("begin", begin)
        keep("begin_all", at_first)
        off_found, off_track, moves = _update()
        keep("off_found", off_found)
        keep("off_track", off_track)
        keep("moves", moves)
        # Of a row of 0 and 1, times this, plus 1000: how many ones come before a one, and at least 1000
        # for a zero.
        keep("rank", torch.triu(torch.ones(SLOTS, SLOTS), 1) - 1000 * torch.eye(SLOTS))

    def forward(
        self, found: Tensor, centre: Tensor, half: Tensor, dt: Tensor, threshold: Tensor, begun: Tensor,
        track: Tensor,
    ) -> Followed:  # fmt: skip
        """Return the tracks after this frame; their ids, sides and seconds are still those of before.

        found [FOUND, DETECTIONS]; centre and half the size [2, 1] of the picture; dt and threshold [1]; begun
        [1, 1]: 0.0 on the first frame; track [ROWS, SLOTS].
        """
        t = self.tuning
        step = (torch.pow(dt, self.powers) @ self.predict).reshape(-1, ROWS)
        foreseen = step @ track
        track, _, floor, reach = torch.split(foreseen, [ROWS, 2, 1, 1])
        score = found[_FOUND_SCORE : _FOUND_SCORE + 1]
        high = score >= threshold
        shift, pairs = self._pairs(foreseen, found, reach, high, score >= threshold * t.low_share)
        # The camera's movement beyond what was foreseen is the people's too.
        faster = shift * (0.7 / dt.clamp(min=0.01))
        track = track + torch.cat([shift, torch.zeros(2, 1), faster, torch.zeros(ROWS - 6, 1)])
        where, p0, _, lost, hits, active, identity, _ = torch.split(track, [2, 2, 3, 1, 1, 1, 1, ROWS - 11])

        # A cut: many tracks, many detections, hardly any pair. Everything starts again, as after a reset.
        sure = high.float()
        hit = pairs.sum(2)
        known = identity.clamp(max=1.0).sum(1, keepdim=True)
        many = torch.minimum(known, sure.sum(1, keepdim=True))
        calm = ((many < 6) | (hit.sum(1, keepdim=True) >= 0.2 * known)).float()
        going_on = begun * calm
        seen_as, hit = pairs.squeeze(0) * calm, hit * calm

        patience = identity.clamp(max=t.keep_seconds - t.unnamed_seconds) + t.unnamed_seconds
        outside = ((where - centre).abs() - half).amax(0, keepdim=True)
        stays = torch.where((outside <= 0) & (lost <= patience), active * calm, 0.0)
        active = torch.maximum(hit, stays)

        # Births fill the free slots in order of score.
        new = torch.relu(sure - seen_as.amax(0, keepdim=True))
        place = torch.addmm(torch.full((1, 1), 1000.0), new, self.rank)
        free = torch.addmm(active * 5000.0 + 1000.0, 1 - active, self.rank)
        seen_as = seen_as + (place == free.T).float()
        z = found @ seen_as.T

        gain = hit / (p0[0:1] + floor.clamp(min=0.09))
        slow = hit / torch.minimum(hits + (hit + 1), self.slowest)
        gains = torch.cat([self.moves @ torch.cat([p0 * gain, hit]), slow])
        off = torch.addmm(self.off_found @ z, self.off_track, track)
        begins = (self.begin + (1 - going_on) * self.begin_all) @ z
        return Followed(torch.where(active > 0.5, track + gains * off, begins), seen_as, shift, going_on)

    def _pairs(
        self, foreseen: Tensor, found: Tensor, reach: Tensor, high: Tensor, able: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the camera's shift [2, 1] beyond what was foreseen, and who is who [1, SLOTS, DETECTIONS].

        reach [1, SLOTS]: how far a track's neighbours may be off the common shift.
        """
        t = self.tuning
        where, _, lost, _, size, _, kit, _, spread, _ = torch.split(
            foreseen[:, :, None],
            [2, 5, 1, _FIRST_AVERAGED + 1 - 8, 2, 3, KIT, 1, 2, 2],
        )
        at, _, size_found, _, kit_found, _ = torch.split(found[:, None, :], [2, 1, 2, 3, KIT, 2])
        tall, tall_found = size[1:2], size_found[1:2]
        like = torch.minimum(tall, tall_found) / torch.maximum(tall, tall_found)
        alike = like > 0.5
        narrow, wide = torch.split(self.spread / (spread + 1e-6), 1)

        away = at - where
        near = (1 - square(away) * wide) * like
        near = torch.where(alike & high & (lost < 0.2), near, 0.0)
        shift = self._shift(away, match(near, 1), reach)

        # Two stages in one greedy matching: a confident detection always comes before a weak one.
        away = away - shift[:, :, None]
        fits = torch.exp(square(away) * narrow)
        common = overlap(away, size, size_found)
        areas = size.prod(0, keepdim=True) + size_found.prod(0, keepdim=True)
        apart = kit - kit_found
        unlike = self.kit_weights @ (apart * apart).reshape(KIT, -1)
        same_kit = torch.exp(unlike).reshape_as(common)
        # All weights times 0.45 * 0.998 leaves room for what comes before what.
        scale = 0.45 * 0.998 * t.kit_weight
        worth = common / (areas - common) * (t.overlap_weight * scale) + fits * (t.place_weight * scale)
        worth = (worth + like * (t.size_weight * scale)) * (same_kit + (1 / t.kit_weight - 1))
        scale = 0.45 * 0.998
        least = torch.where(able, t.least_weak * scale, 9.0)
        least = torch.where(high, t.least_strong * scale, least)
        fitting = alike & (fits > math.exp(-0.35 * t.gate)) & (worth > least) & (high | (lost < 0.5))
        worth = worth + (0.5 * 0.998 * high.float() - self.looser) - self.earlier
        return shift, match(torch.where(fitting, worth, 0.0), t.rounds)

    def _shift(self, away: Tensor, pairs: Tensor, reach: Tensor) -> Tensor:
        """Return the camera's displacement [2, 1] from the vectors [2, SLOTS, DETECTIONS] between tracks and
        detections of these pairs; 0 when they are few."""
        matched = pairs.sum(2, keepdim=True) + 1e-6
        moved = torch.cat([(away * pairs).sum(2, keepdim=True), matched]).squeeze(2)
        away_by, matched = torch.split(moved, [2, 1])
        total, count = torch.split(moved.sum(1, keepdim=True), [2, 1])
        shift = total / count
        ones = torch.cat([away_by, torch.ones_like(matched)])
        for _ in range(2):  # robust mean: iteratively reweighted, Geman-McClure
            off = (away_by - shift) / (reach + 1e-3)
            pull = matched / ((off * off).sum(0, keepdim=True) + 1)
            total, weight = torch.split(ones @ (pull * pull).T, [2, 1])
            shift = total / weight
        return torch.where(count >= 4, shift, 0.0)


def _prediction(tuning: Tuning) -> Tensor:
    """Return [4, ROWS + 4, ROWS]: the sum of these times 1, dt, dt^2, dt^3, times a track, is the track later
    (constant velocity, white acceleration), and of that track the spread of its place, the wider spread in
    which neighbours are sought, the variance of a sighting, and a share of its height."""
    steps = torch.zeros(4, ROWS, ROWS)
    steps[0] = torch.eye(ROWS)
    for target, source in (("x", "vx"), ("y", "vy"), ("p01", "p11"), ("lost", "active")):
        steps[1, row(target), row(source)] = 1.0
    steps[1, row("p00"), row("p01")], steps[2, row("p00"), row("p11")] = 2.0, 1.0
    for target, power, share in (("p11", 1, 1.0), ("p01", 2, 0.5), ("p00", 3, 1 / 3)):
        steps[power, row(target), row("square")] = share * tuning.accelerate**2
    derived = torch.zeros(4, ROWS)
    derived[0, row("p00")], derived[0, row("square")] = 1.0, 0.05
    derived[1, row("p00")], derived[1, row("square")] = tuning.gate, 0.3 * tuning.gate
    derived[2, row("square")] = tuning.measure**2
    derived[3, row("h")] = 0.15
    return torch.cat([steps, derived @ steps], 1)


def _update() -> tuple[Tensor, Tensor, Tensor]:
    """Return [ROWS, FOUND] and [ROWS, ROWS], of whose products with a sighting and with a track the sum times
    the gains changes the track; and [rows before the averaged, 3], which takes the filter's two gains and
    one to their rows."""
    found, track = torch.zeros(ROWS, FOUND), torch.zeros(ROWS, ROWS)
    gains = torch.zeros(_FIRST_AVERAGED, 3)

    def changes(target: str, gain: int, source: str, sign: float = -1.0) -> None:
        gains[row(target), gain] = 1.0
        track[row(target), row(source)] = sign

    for target, gain, source in (("x", 0, "x"), ("y", 0, "y"), ("vx", 1, "x"), ("vy", 1, "y")):
        changes(target, gain, source)
        found[row(target), 0 if source == "x" else 1] = 1.0
    for target, gain, source in (
        ("p00", 0, "p00"),
        ("p01", 0, "p01"),
        ("p11", 1, "p01"),
        ("lost", 2, "lost"),
    ):
        changes(target, gain, source)
    gains[row("hits"), 2] = found[row("hits"), _FOUND_ONE] = 1.0
    found[_FIRST_AVERAGED:, _FOUND_SCORE:_FOUND_ONE] = torch.eye(_AVERAGED)
    track[_FIRST_AVERAGED:, _FIRST_AVERAGED:] = -torch.eye(_AVERAGED)
    return found, track, gains
