"""What the ball does, from its path and from the people around it: speed, touches, possession, passes,
bounces.

    path, people -> camera movement, scale -> sudden changes -> who has it -> stats [1, n], memory'

What cannot be known has a `valid` flag of 0. All lengths are pixels of the core's input, rates are per
second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from task_heads.ball_statistics.following import Sight

__all__ = ["CONTACT_VALUES", "MEMORY", "STATS", "Crowd", "Measures", "Meter", "People", "recall"]

STATS = (
    "visible", "ball_x", "ball_y", "confidence", "speed", "moving", "unseen", "ever", "share", "timed",
    "speed_m_s", "scaled", "turns", "touches", "peopled", "holder", "held", "team", "owned",
    "first_share", "second_share", "shared", "first_passes", "second_passes", "first_turnovers",
    "second_turnovers", "in_play", "hits", "bounces", "rally", "bouncy",
)  # fmt: skip
"""Columns of the output `stats`."""

_TOTALS = ("total_s", "visible_s", "in_play", "first_s", "second_s", "camera_x", "camera_y")
_COUNTS = (
    "turns", "bounces", "hits", "touches", "first_passes", "first_turnovers", "second_passes",
    "second_turnovers",
)  # fmt: skip
_CLOCKS = ("unseen", "since_change", "since_move", "since_contact", "hidden")
_FACTS = ("ever", "peopled")
_LAST = ("height", "slope", "turned", "sprang", "struck", "jump", "holder", "team")
MEMORY = (*_TOTALS, *_COUNTS, *_CLOCKS, *_FACTS, *_LAST)
"""What is remembered between frames; all 0 after a reset."""

CONTACT_VALUES = 4
"""Of each of the people: id, seconds without the ball (1 at most), the same since this path of the ball
began, and seconds with it."""

FOOTBALL, TENNIS, BADMINTON, VOLLEYBALL = 0.0, 1.0, 2.0, 3.0
"""Values of the setting `sport`."""


_PICKED: tuple[tuple[dict[str, float], int | None], ...] = (
    ({"x0": 0.5, "x1": 0.5}, 0), ({"y1": 1.0}, 1), ({"vx": 1.0}, 0), ({"vy": 1.0}, 1), ({"one": 1.0}, None),
    ({"y0": -1.0, "y1": 1.0}, 1), ({"id": 1.0}, None), ({"team": 1.0}, None),
    # Above 0.25 only where it is valid and no referee: label 0 or 1.
    ({"valid": 1.0, "label": -0.5}, None),
)  # fmt: skip
"""What is read of the people, and the axis of the picture that it is measured along."""

_ABSENT = {"team": -1.0, "one": 1.0}


@dataclass(frozen=True)
class Measures:
    """The constants; lengths in heights of a person (h) or px, times in s."""

    person_m: float = 1.75
    focal: float = 1.4
    """Focal length that is supposed of a camera, in widths of the picture."""
    flattest: float = 0.15
    speed_hits: float = 3.0
    after_s: float = 0.14
    before_s: float = 0.34
    """A change is looked for between the path of the last `after_s` and the path before it."""
    change: float = 1.3
    """Least sudden change of velocity, in h/s; a height that is not known counts as `height_px`."""
    height_px: float = 40.0
    turn_cosine: float = 0.87
    again_s: float = 0.2
    reach: tuple[float, float, float] = (0.45, 0.22, 0.08)
    """Half width and half height of the space at somebody's feet, and its height above the ground, in h."""
    reach_speed: float = 2.5
    take_s: tuple[float, float] = (0.12, 0.2)
    """So long the ball must stay with somebody who gets it: alone there, and in a duel."""
    doubt: float = 1.0
    """Where a ball begins to be seen at somebody's feet it may be a shoe: sightings that are not quite plain
    count so much less."""
    apart: float = 4.0
    apart_s: float = 0.2
    """Somebody from whom the ball was so far, by squared distance, for so long is a person."""
    alone: float = 3.0
    """Somebody is alone with the ball when others are so many times farther, by squared distance."""
    renamed_s: float = 0.2
    contact_s: float = 0.4
    spell_s: float = 0.6
    """Contact after a longer break than this is a new touch."""
    carry_s: float = 4.0
    hidden_s: float = 1.0
    rest_s: float = 2.0
    move: float = 0.4


@dataclass(frozen=True)
class People:
    """Where to find things in the needed table of tracks; a column that is not there is None."""

    shape: tuple[int, int]
    columns: tuple[str, ...]

    def picked(self) -> tuple[Tensor, Tensor]:
        """Return the matrix and the column that make the rows `_PICKED` of the table's columns."""
        pick = torch.zeros(len(_PICKED), len(self.columns))
        fixed = torch.zeros(len(_PICKED), 1)
        for row, (parts, _) in enumerate(_PICKED):
            for name, factor in parts.items():
                if name in self.columns:
                    pick[row, self.columns.index(name)] = factor
                else:
                    fixed[row] += _ABSENT.get(name, 0.0) * factor
        return pick, fixed


def recall(memory: Tensor) -> dict[str, Tensor]:
    """Return what is remembered by its name, [1] each, and the groups `totals`, `counts`, `clocks`, `camera`
    [2], `scale` [2] (height, slope) and `changed` [3] (turned, sprang, struck)."""
    known = dict(zip(MEMORY, torch.split(memory, 1), strict=True))
    sizes = [5, 2, len(_COUNTS), len(_CLOCKS), len(_FACTS), 2, 3, 3]
    parts = torch.split(memory, sizes)
    names = ("totals", "camera", "counts", "clocks", "facts", "scale", "changed", "rest")
    return known | dict(zip(names, parts, strict=True))


@dataclass(frozen=True)
class Crowd:
    """The people of a frame in px, [1, people] each: `place` [2, people] is where they stand, `flow`
    [2, people] their velocity, `valid` 0 or 1; `pan` [2] is the camera's velocity and `steady` [1] 1 where
    enough people show it."""

    place: Tensor
    flow: Tensor
    tall: Tensor
    number: Tensor
    team: Tensor
    valid: Tensor
    pan: Tensor
    steady: Tensor


class Meter(nn.Module):
    """Turns one frame's sight, path and people into statistics."""

    pick: Tensor
    fixed: Tensor
    stretch: Tensor

    def __init__(self, measures: Measures, people: People) -> None:
        super().__init__()
        self.measures, self.people = measures, people
        pick, fixed = people.picked()
        self.register_buffer("pick", pick, persistent=False)
        self.register_buffer("fixed", fixed, persistent=False)
        # Width, height -> scale of each row of `_PICKED`.
        stretch = torch.zeros(2, len(_PICKED))
        for row, (_, axis) in enumerate(_PICKED):
            if axis is not None:
                stretch[axis, row] = 1.0
        self.register_buffer("stretch", stretch, persistent=False)

    def camera(self, table: Tensor, corner: Tensor, size: Tensor) -> Crowd:
        """Return the people in px and the camera's movement: that on which most people agree.

        corner, size [2]: of the picture in px.
        """
        plain = torch.tensor([0.0 if axis is not None else 1.0 for _, axis in _PICKED])
        scale = size @ self.stretch + plain
        rows = (self.pick @ table.T + self.fixed) * scale[:, None]
        foot, flow, one, tall, number, team, flag = torch.split(rows, [2, 2, 1, 1, 1, 1, 1])
        tall = tall.clamp(min=2.0)
        valid = (flag > 0.25).float()
        moving = torch.cat([flow, one])
        loose = 1 / (tall * tall)
        weight, steady = valid, None
        for last in (False, False, True):  # Geman-McClure
            total = (moving * weight).sum(1, keepdim=True)
            count = total[2:3]
            steady = count if steady is None else steady
            mean = total / (count + 1e-6)
            if last:
                break
            off = moving - mean
            away = 1 + (off * off).sum(0, keepdim=True) * loose
            weight = valid / (away * away)
        assert steady is not None
        enough = (steady[0] >= 4.0).float()
        pan = mean[:2, 0] * enough
        return Crowd(foot + corner[:, None], flow, tall, number, team, valid, pan, enough)

    def _slopes(self, path: Tensor) -> tuple[Tensor, Tensor]:
        """Return the velocities [2, 2] over the latest rows of the path and over those before, and [2] 1
        where three of them were seen."""
        m = self.measures
        place, kept, age, guess = torch.split(path[:, 2:], [2, 1, 1, 1], 1)
        rows = torch.cat([age, kept - guess], 1).T
        ages, real = rows[0:1], rows[1:2]
        ages = ages - torch.tensor([[-1.0], [m.after_s]])
        within = (ages > 0) & (ages <= torch.tensor([[m.after_s + 1.0], [m.before_s - m.after_s]]))
        use = within.float() * real
        count = use.sum(1, keepdim=True)
        spots = torch.cat([age, place], 1)
        middle = (use @ spots) / count.clamp(min=1.0)
        away = (spots[None] - middle[:, None]) * use[:, :, None]
        sums = (away * away[:, :, 0:1]).sum(1)
        spread, along = torch.split(sums, [1, 2], 1)
        known = ((count >= 3.0) & (spread > 1e-4)).float()
        return along * (-known / spread.clamp(min=1e-5)), known[:, 0]

    def forward(
        self, sight: Sight, path: Tensor, crowd: Crowd, memory: dict[str, Tensor], walked: Tensor,
        contacts: Tensor, corner: Tensor, size: Tensor, view: Tensor, dt: Tensor, sport: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return stats [1, len(STATS)], memory' and contacts'.

        path [rows, 7]: x y, x y without the camera's movement, valid, age, guess; crowd: from `camera`;
        memory: from `recall`; walked [2]: how far the camera has moved since the reset.
        """
        m = self.measures
        seen, there = sight.seen, torch.maximum(sight.seen, sight.guess)
        here = torch.cat([sight.x, sight.y])
        slopes, known = self._slopes(path)
        after, before = torch.split(slopes.view(-1), 2)
        fresh, earlier = torch.split(known, 1)
        off = (here[:, None] - crowd.place) / crowd.tall
        scale, tall, flat, scaled = self._scale(off, seen, crowd, memory, size[:1], dt)
        changed, change, moves = self._changes(memory, before, after, seen * fresh * earlier, tall, sport, dt)
        who, contacts, alone = self._nearest(off, sight, crowd, memory, after, fresh, contacts, dt)
        counted, contact, owner, peopled = self._possession(memory, crowd, who, contacts, alone, seen)

        # Each clock runs at its rate and begins again when its event happens.
        one = torch.ones(1)
        again = 1 - torch.cat([seen, change, seen * fresh * moves, contact, contact])
        clocks = (memory["clocks"] + dt * torch.cat([one, one, one, one, 1 - seen])) * again
        unseen, _, since_move, since_contact, _ = torch.split(clocks, 1)
        holder, team = torch.split(owner, 1)
        limits = torch.tensor([m.rest_s, m.contact_s, m.carry_s])
        recent = torch.cat([since_move, since_contact, since_contact]) <= limits
        going, in_reach, carried = torch.split(recent.float() * there, 1)
        named = torch.cat([holder, holder, team + 1.0, sport, 0.5 - sport, (sport - BADMINTON).abs()])
        named = (named > torch.tensor([0.5, 0.5, 0.9, 0.5, 0.0, 0.5])).float()
        held_by, _, of_team, other, football, bouncy = torch.split(named, 1)
        held = in_reach * held_by
        owned = carried * held_by * of_team
        # The time counts for the team that had the ball before this frame.
        second = (memory["team"] > 0.5).float()
        spent = owned * dt
        totals = memory["totals"] + torch.cat(
            [dt, dt * seen, dt * going, spent - spent * second, spent * second]
        )
        total_s, visible_s, in_play, first_s, second_s = torch.split(totals, 1)
        counts = memory["counts"] + torch.cat([change * memory["changed"], counted])
        facts = torch.maximum(memory["facts"], torch.cat([seen, peopled]))
        ever, peopled = torch.split(facts, 1)
        memory_next = torch.cat([totals, walked, counts, clocks, facts, scale, changed, owner])

        moving = seen * (sight.hits >= m.speed_hits).float()
        velocity = torch.cat([sight.vx, sight.vy, after[:1], after[1:] / flat])
        squares = (velocity * velocity).view(2, 2).sum(1)
        speed, over_ground = torch.split(torch.sqrt(squares), 1)
        timed, shared = torch.split((torch.cat([total_s, first_s + second_s]) > 0).float(), 1)
        shares = torch.cat([visible_s, first_s, second_s]) / torch.cat(
            [total_s, first_s + second_s, first_s + second_s]
        ).clamp(min=1e-3)
        spot = (here - corner) / size * view[4:6]
        ground = seen * fresh * scaled
        turns, bounces, hits, touches, *passes = torch.split(counts, 1)
        first_passes, first_turnovers, second_passes, second_turnovers = passes
        shared = shared * football
        peopled = peopled * football
        held, owned = held * football, owned * football
        rally = other * ever
        values = {
            "visible": (one, seen), "ball_x": (spot[:1], seen), "ball_y": (spot[1:], seen),
            "confidence": (sight.score, seen), "speed": (speed * view[4:5] / size[:1], moving),
            "moving": (one, moving), "unseen": (unseen, one), "ever": (ever, one),
            "share": (shares[:1], timed), "timed": (timed, one),
            "speed_m_s": (over_ground / tall * m.person_m, ground), "scaled": (one, ground),
            "turns": (turns, one), "touches": (touches, one), "peopled": (peopled, one),
            "holder": (holder, held), "held": (held, one), "team": (team, owned), "owned": (owned, one),
            "first_share": (shares[1:2], one), "second_share": (shares[2:], one), "shared": (shared, one),
            "first_passes": (first_passes, one), "second_passes": (second_passes, one),
            "first_turnovers": (first_turnovers, one), "second_turnovers": (second_turnovers, one),
            "in_play": (in_play, one), "hits": (hits, one), "bounces": (bounces, one),
            "rally": (rally, one), "bouncy": (rally, bouncy),
        }  # fmt: skip
        stats = torch.cat([values[name][0] for name in STATS]) * torch.cat(
            [values[name][1] for name in STATS]
        )
        return stats[None], memory_next, contacts

    def _scale(
        self, off: Tensor, seen: Tensor, crowd: Crowd, memory: dict[str, Tensor], across: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the scale to remember [2], how tall people near the ball are in px, how much shorter the way
        towards the camera looks there (1 = not at all), and 1 where enough people are there to tell.

        Seen from above, people further up look smaller: height = slope * (foot - horizon), so that the line
        of sight dips below the horizon by height / slope px, which is focal length * tan(angle).
        """
        m, tall, valid = self.measures, crowd.tall, crowd.valid
        weight = valid * torch.exp((off * off).sum(0, keepdim=True) * (-0.5 / 25))
        stands = crowd.place[1:2]
        sums = torch.cat([weight, weight * tall, valid, valid * stands]).sum(1)
        total, weighted, count, feet = torch.split(sums, 1)
        foot = (stands - feet / count.clamp(min=1.0)) * valid
        rise, run = torch.split((foot * torch.cat([tall, foot])).sum(1), 1)
        slope = rise / run.clamp(min=1.0)
        plain = (torch.cat([total, slope]) > torch.tensor([0.3, 0.01])).float().amin(0, keepdim=True)
        enough = plain * seen * crowd.steady
        was = memory["scale"]
        slow = (1 - torch.exp(dt * (-1 / 0.5))) * torch.tensor([1.0, 0.25])
        slow = torch.where(was[:1] > 0, slow, 1.0) * enough
        now = torch.cat([weighted / total.clamp(min=1e-3), slope])
        scale = was + slow * (now - was)
        height = scale[:1]
        known = height > 0
        dip = height / scale[1:].clamp(min=1e-3) / (m.focal * across)
        flat = (dip / torch.sqrt(1 + dip * dip)).clamp(m.flattest, 1.0)
        return scale, torch.where(known, height, m.height_px), flat, known.float() * enough

    def _nearest(
        self, off: Tensor, sight: Sight, crowd: Crowd, memory: dict[str, Tensor], speed: Tensor,
        fresh: Tensor, contacts: Tensor, dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return who has the ball at the feet, one-hot [1, people] (all 0: nobody), contacts'
        [CONTACT_VALUES, people], and 1 where nobody else is near.

        off [2, people]: from everybody's feet to the ball, in their heights.
        """
        m = self.measures
        across, up, above = m.reach
        valid, sure = crowd.valid, sight.sure
        number, apart, came, with_ball = torch.split(contacts, 1)
        # Whoever is out of sight for a moment is still the same: a row is known until another number has it.
        number = torch.where(valid > 0.5, crowd.number, number)
        known = (number == contacts[:1]).float()
        reached = off * torch.tensor([[1 / across], [1 / up]]) + torch.tensor([[0.0], [above / up]])
        distance = (reached * reached).sum(0, keepdim=True)
        # A ball that rolls or flies may be taken for a person: whoever was never without it is the ball.
        away = (distance > m.apart).float() * valid * (dt * sure)
        apart = (apart * known + away).clamp(max=1.0)
        came = (came * known * (1 - sight.start) + away).clamp(max=1.0)
        # A ball that flies past is not at anybody's feet; who has it keeps it in a duel.
        rush = ((speed + crowd.pan)[:, None] - crowd.flow) / crowd.tall
        quick = ((rush * rush).sum(0, keepdim=True) > m.reach_speed**2).float() * fresh
        able = (apart >= m.apart_s).float() * valid
        is_holder = (crowd.number == memory["holder"]).float()
        distance = distance - 0.4 * distance * is_holder + 1e3 * (quick + 1 - able)
        least = distance.amin(1, keepdim=True)
        who = (distance <= least.clamp(max=1.0)).float()
        who = who * (torch.cumsum(who, 1) < 1.5).float() * sight.seen
        second = (distance + 1e3 * who).amin(1)
        alone = (second > m.alone * least[0]).float()
        credit = (sure - m.doubt * (1 - sure) * (came < m.apart_s).float()).clamp(min=0.0)
        with_ball = (with_ball * known + dt * (who * (credit + sight.seen) - sight.seen)).clamp(0.0, 1.0)
        return who, torch.cat([number, apart, came, with_ball]), alone

    def _changes(
        self, memory: dict[str, Tensor], before: Tensor, after: Tensor, known: Tensor, tall: Tensor,
        sport: Tensor, dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return what to remember of this change of the ball's velocity [4] (turned, sprang, struck, jump), 1
        where the change before was the greatest, and 1 where the ball moves."""
        m = self.measures
        three = torch.cat([before, after, after - before]).view(3, 2)
        was, now, jump = torch.split(torch.sqrt((three * three).sum(1) + 1e-6), 1)
        along = before * after
        straight = along.sum(0, keepdim=True) / (was * now)
        least = m.move * tall
        flat = torch.zeros(1)
        left = torch.cat(
            [m.turn_cosine - straight, torch.minimum(was, now) - least]
            + [before[1:], -after[1:], along[:1] + 1e-6, 1.05 * was - now, (sport - BADMINTON).abs() - 0.5]
            + [0.7 - straight, now - 1.5 * was]
            + [memory["jump"] - jump, memory["jump"] - m.change * tall]
            + [memory["since_change"] + dt - (m.again_s - 1e-6), now - least]
        )
        flags = (left > flat).float()
        turn, spring, strike, peak, moves = torch.split(flags, [2, 5, 2, 3, 1])
        # The two stretches of path fit a change best when it lies between them: the frame before had the
        # peak.
        turned, sprang = turn.amin(0, keepdim=True), spring.amin(0, keepdim=True)
        struck = strike.amax(0, keepdim=True) * (1 - sprang)
        changed = torch.cat([turned, sprang, struck, jump]) * known
        return changed, peak.amin(0, keepdim=True), moves

    def _possession(
        self, memory: dict[str, Tensor], crowd: Crowd, who: Tensor, contacts: Tensor, alone: Tensor,
        seen: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Decide who has the ball; return what is counted [5] (touches, passes and lost balls of the first
        team, of the second), 1 where somebody who has the ball touches it, holder' and team' [2], and 1 where
        anybody is there."""
        m = self.measures
        holder, owners = memory["holder"], memory["team"]
        is_holder = (crowd.number == holder).float() * crowd.valid
        there, peopled = torch.split(torch.cat([is_holder, crowd.valid]).amax(1), 1)
        facts = torch.cat([torch.ones_like(who), is_holder, crowd.number, crowd.team, contacts[3:]])
        near, same, here, team, held_s = torch.split((facts * who).sum(1), 1)
        enough = m.take_s[1] + (m.take_s[0] - m.take_s[1]) * alone
        left = torch.cat(
            [held_s - enough + 1e-6, holder - 0.5, m.renamed_s - memory["since_contact"]]
            + [m.hidden_s - memory["hidden"], owners + 0.5, team + 0.5]
            + [memory["since_contact"] - m.spell_s, owners - 0.5, 0.5 - (owners - team).abs()]
        )
        flags = (left > torch.zeros(1)).float()
        long, had, soon, clear, of_team, to_team, late, second, mate = torch.split(flags, 1)
        takes = near * (1 - same) * long
        # Somebody who gets a new number at the ball has not passed it to anybody.
        counted = takes * had * (1 - (1 - there) * soon) * clear * of_team * to_team
        passed = counted * torch.cat([mate, 1 - mate])
        contact = torch.maximum(same, takes)
        sure = contact * torch.maximum(takes, to_team)
        owner = torch.where(
            torch.cat([takes, sure]) > 0.5, torch.cat([here, team]), torch.cat([holder, owners])
        )
        touched = torch.maximum(takes, same * late)
        return torch.cat([touched, passed - passed * second, passed * second]), contact, owner, peopled
