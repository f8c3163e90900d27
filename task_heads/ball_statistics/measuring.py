"""What the ball does, from its path and from the people around it: speed, touches, possession, passes,
bounces.

    path, people -> camera movement, scale -> sudden changes -> who has it -> stats [1, n], memory'

What cannot be known has a `valid` flag of 0. All lengths are pixels of the core's input, rates are per
second. What is said of the ball are columns [n, 1] of named values; whatever is a sum of them, and every
comparison, is a line of a table (`Lines`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from task_heads.ball_statistics.following import Sight
from task_heads.ball_statistics.lines import Line, Lines, every, up_to

__all__ = [
    "CONTACT_VALUES",
    "MEMORY",
    "STATS",
    "Crowd",
    "Known",
    "Measures",
    "Meter",
    "Path",
    "People",
    "recall",
]

STATS = (
    "visible", "ball_x", "ball_y", "confidence", "speed", "moving", "unseen", "ever", "share", "timed",
    "speed_m_s", "scaled", "turns", "touches", "peopled", "holder", "held", "team", "owned",
    "first_share", "second_share", "shared", "first_passes", "second_passes", "first_turnovers",
    "second_turnovers", "in_play", "hits", "bounces", "rally", "bouncy",
)  # fmt: skip
"""Columns of the output `stats`."""

_TOTALS = ("total_s", "visible_s", "in_play", "first_s", "second_s")
_CAMERA = ("camera_x", "camera_y")
_COUNTS = (
    "turns", "bounces", "hits", "touches", "first_passes", "first_turnovers", "second_passes",
    "second_turnovers",
)  # fmt: skip
_CLOCKS = ("unseen", "since_change", "since_move", "since_contact", "hidden")
_FACTS = ("ever", "peopled")
_SCALE = ("height", "slope")
_CHANGED = ("turned", "sprang", "struck")
_JUMP = ("jump",)
_OWNER = ("holder", "team")
_GROUPS = (_TOTALS, _CAMERA, _COUNTS, _CLOCKS, _FACTS, _SCALE, _CHANGED, _JUMP, _OWNER)
MEMORY = tuple(name for group in _GROUPS for name in group)
"""What is remembered between frames; all 0 after a reset."""

CONTACT_VALUES = 4
"""Of each of the people: id, seconds without the ball (1 at most), the same since this path of the ball
began, and seconds with it."""

FOOTBALL, TENNIS, BADMINTON, VOLLEYBALL = 0.0, 1.0, 2.0, 3.0
"""Values of the setting `sport`."""


_OUTPUT: dict[str, tuple[str, str]] = {
    "visible": ("one", "seen"), "ball_x": ("ball_x", "seen"), "ball_y": ("ball_y", "seen"),
    "confidence": ("score", "seen"), "speed": ("speed", "moving"), "moving": ("one", "moving"),
    "unseen": ("unseen", "one"), "ever": ("ever", "one"), "share": ("share", "timed"),
    "timed": ("timed", "one"), "speed_m_s": ("speed_m_s", "ground"), "scaled": ("one", "ground"),
    "turns": ("turns", "one"), "touches": ("touches", "one"), "peopled": ("at_football", "one"),
    "holder": ("holder", "held"), "held": ("held", "one"), "team": ("team", "owned"),
    "owned": ("owned", "one"), "first_share": ("first_share", "one"), "second_share": ("second_share", "one"),
    "shared": ("shared", "football"), "first_passes": ("first_passes", "one"),
    "second_passes": ("second_passes", "one"), "first_turnovers": ("first_turnovers", "one"),
    "second_turnovers": ("second_turnovers", "one"), "in_play": ("in_play", "one"), "hits": ("hits", "one"),
    "bounces": ("bounces", "one"), "rally": ("rally", "one"), "bouncy": ("rally", "bouncy"),
}  # fmt: skip
"""Each statistic is one value times another, which says whether it is there."""

_PICKED: tuple[tuple[dict[str, float], int | None], ...] = (
    ({"x0": 0.5, "x1": 0.5}, 0), ({"y1": 1.0}, 1), ({"y1": 1.0}, 1), ({"vx": 1.0}, 0), ({"vy": 1.0}, 1),
    ({"one": 1.0}, None), ({"y0": -1.0, "y1": 1.0}, 1), ({"id": 1.0}, None), ({"team": 1.0}, None),
    # Above 0.25 only where it is valid and no referee: label 0 or 1.
    ({"valid": 1.0, "label": -0.5}, None),
)  # fmt: skip
"""What is read of the people, and the axis of the picture that it is measured along."""
_AT = 2
"""So many of the first rows are a place in the picture; the next is its height once more."""
_ABSENT = {"team": -1.0, "one": 1.0}
_STATES = (
    "always", "seen", "going", "first_has", "second_has", "held", "owned", "moving", "football",
    "at_football", "rally", "bouncy",
)  # fmt: skip
"""What is so on this frame, 0 or 1."""
_FAR = 1e3


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

    @property
    def read(self) -> int:
        """How many rows are read of the table."""
        return len(_PICKED)

    def picked(self, across: float, down: float) -> tuple[Tensor, Tensor]:
        """Return [rows * columns, 7] and [rows, 7], which take the view's six values and one to a matrix and
        a column; that matrix times the table plus that column is what is read of the people, in px of an
        input of this size."""
        pick = torch.zeros(len(_PICKED), len(self.columns), 7)
        fixed = torch.zeros(len(_PICKED), 7)
        scales = torch.zeros(3, 7)
        scales[0, 2], scales[1, 3], scales[2, 6] = across, down, 1.0
        for row, (parts, axis) in enumerate(_PICKED):
            scale = scales[2 if axis is None else axis]
            for name, factor in parts.items():
                if name in self.columns:
                    pick[row, self.columns.index(name)] = factor * scale
                else:
                    fixed[row] += _ABSENT.get(name, 0.0) * factor * scale
        fixed[0, 0] = across
        fixed[1 : _AT + 1, 1] = down
        return pick.flatten(0, 1), fixed


@dataclass(frozen=True)
class Known:
    """What is remembered, as columns: the groups of `MEMORY`."""

    totals: Tensor
    camera: Tensor
    counts: Tensor
    clocks: Tensor
    facts: Tensor
    scale: Tensor
    changed: Tensor
    jump: Tensor
    owner: Tensor


def recall(memory: Tensor) -> Known:
    """Return the groups of what is remembered [MEMORY, 1]."""
    return Known(*torch.split(memory, [len(group) for group in _GROUPS]))


@dataclass(frozen=True)
class Path:
    """The latest places of the ball, [rows, n] each: without the camera's movement (2 rows), 1 where it was
    seen there, and how long ago."""

    place: Tensor
    real: Tensor
    age: Tensor


@dataclass(frozen=True)
class Crowd:
    """The people of a frame in px, [1, people] each: `place` [2, people] is where they stand, `stand` its
    height in the picture, `flow` [2, people] their velocity, `valid` 1 or a hair
    more than 0; `pan` [2, 1] is the camera's
    velocity and `steady` [1, 1] 1 where enough people show it."""

    place: Tensor
    stand: Tensor
    flow: Tensor
    tall: Tensor
    number: Tensor
    team: Tensor
    valid: Tensor
    pan: Tensor
    steady: Tensor


class Meter(nn.Module):
    """Turns one frame's sight, path and people into statistics."""

    span_middle: Tensor
    span_half: Tensor
    differences: Tensor
    lengths: Tensor
    quadratic: Tensor
    nearby: Tensor
    rows: Tensor
    least: Tensor
    slowly: Tensor
    stands: Tensor
    ones: Tensor

    def __init__(self, measures: Measures, people: People) -> None:
        super().__init__()
        self.measures = m = measures

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        keep("ones", torch.ones(1, 3))
        # Ages from the first to the second: middle and half width. A hair keeps them apart.
        spans = torch.tensor([[-1.0, m.after_s + 1e-5], [m.after_s + 1e-5, m.before_s + 1e-5]])
        keep("span_middle", spans.mean(1, keepdim=True))
        keep("span_half", (spans[:, 1:] - spans[:, :1]) / 2 - 1e-6)
        # Of after x y, before x y, velocity x y: before, after, after - before, velocity; of their squares:
        # three lengths, that of the velocity, and what the length over ground is made of.
        differences, lengths = torch.zeros(8, 6), torch.zeros(6, 8)
        for axis in range(2):
            differences[axis, 2 + axis] = differences[2 + axis, axis] = 1.0
            differences[4 + axis, axis], differences[4 + axis, 2 + axis] = 1.0, -1.0
            differences[6 + axis, 4 + axis] = 1.0
            lengths[4 + axis, 2 + axis] = 1.0
            for vector in range(4):
                lengths[vector, 2 * vector + axis] = 1.0
        keep("differences", differences)
        keep("lengths", lengths)
        # Of x y from somebody's feet and their squares, in heights: the distance in shares of the reach,
        # and the logarithm of how much somebody counts for the scale.
        across, up, above = m.reach
        keep("quadratic", torch.tensor(
            [[0.0, 2 * above / up**2, across**-2, up**-2], [0.0, 0.0, -0.5 / 25, -0.5 / 25]]
        ))  # fmt: skip
        keep("nearby", torch.tensor([[(above / up) ** 2], [0.0]]))
        keep("rows", torch.arange(people.shape[0])[None])
        keep("slowly", torch.tensor([[1.0], [0.25]]))
        keep("least", torch.tensor([[1e-6], [1e-6], [1e-6], [0.0], [0.0], [0.0]]))
        # How fast a clock runs less while the ball is seen.
        keep("stands", torch.tensor([[-1.0 if name == "hidden" else 0.0] for name in _CLOCKS]))
        self.changes, self.motions = _changes(m)
        self.possession, self.decisions, self.results = _possession(m)
        self.circumstances, self.states = _circumstances(m)
        self.shares = Lines(_TOTALS, {
            "visible": {"visible_s": 1.0}, "first": {"first_s": 1.0}, "second": {"second_s": 1.0},
            "total": {"total_s": 1.0}, "owned": {"first_s": 1.0, "second_s": 1.0},
            "again": {"first_s": 1.0, "second_s": 1.0},
        })  # fmt: skip
        values = (
            "ball_x", "ball_y", "score", "speed", "speed_m_s", "ground", "share", "first_share",
            "second_share", "timed", "shared", "shared_too", *_TOTALS, *_COUNTS, *_CLOCKS, *_FACTS, *_OWNER,
            *_STATES,
        )  # fmt: skip
        units = {"speed_m_s": m.person_m}  # from heights
        self.values = Lines(values, {name: {_OUTPUT[name][0]: units.get(name, 1.0)} for name in STATS})
        self.flags = Lines(values, {name: {_OUTPUT[name][1]: 1.0} for name in STATS})

    def camera(self, table: Tensor, pick: Tensor, fixed: Tensor) -> Crowd:
        """Return the people in px and the camera's movement: that on which most people agree.

        table [people, columns]; pick, fixed: from the view, see `People.picked`.
        """
        rows = torch.addmm(fixed, pick, table.T)
        foot, stand, moving, tall, number, team, flag = torch.split(rows, [2, 1, 3, 1, 1, 1, 1])
        tall = tall.clamp(min=2.0)
        # A hair more than 0: there may be nobody.
        valid = weight = torch.where(flag > 0.25, 1.0, 1e-12)
        total = (moving * weight).sum(1, keepdim=True)
        count = share = total[2:]  # the third row is one: it sums up to the weight
        for _ in range(2):  # Geman-McClure
            off = (moving - total / share) / tall
            apart = torch.addmm(self.ones[:, :1], self.ones, off * off)
            total = (moving * (valid / (apart * apart))).sum(1, keepdim=True)
            share = total[2:]
        pan, steady = torch.split(torch.where(count >= 4.0, total / share, 0.0), [2, 1])
        return Crowd(foot, stand, moving[:2], tall, number, team, valid, pan, steady)

    def _slopes(self, path: Path) -> tuple[Tensor, Tensor]:
        """Return the velocities [4, 1] over the latest rows of the path and over those before, x y each, and
        [2, 1] 1 where three of them were seen."""
        use = torch.where((path.age - self.span_middle).abs() <= self.span_half, path.real, 0.0)
        aged = use * path.age
        count = use.sum(1, keepdim=True)
        aside = aged - use * (aged.sum(1, keepdim=True) / count.clamp(min=1.0))
        along, spread = torch.split(aside @ torch.cat([path.place, path.age]).T, [2, 1], 1)
        known = ((count >= 3.0) & (spread > 1e-4)).float()
        return (along * (-known / spread.clamp(min=1e-5))).view(4, 1), known

    def forward(
        self, sight: Sight, path: Path, crowd: Crowd, memory: Known, walked: Tensor, contacts: Tensor,
        ball: Tensor, length: Tensor, lens: Tensor, dt: Tensor, sport: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return stats [1, len(STATS)], memory' [MEMORY, 1] and contacts'.

        path: with this frame's place; crowd: from `camera`; memory: from `recall`; walked [2, 1]: how far the
        camera has moved since the reset; ball [2, 1]: its place in the source; length [1, 1]: px of the
        source in one of the input; lens [1, 1]: focal length; sport [1, 1].
        """
        seen = sight.seen
        slopes, known = self._slopes(path)
        fresh, earlier = torch.split(known, 1)
        fresh = fresh * seen
        off = (sight.place - crowd.place) / crowd.tall
        distance, nearby = torch.split(
            torch.addmm(self.nearby, self.quadratic, torch.cat([off, off * off])), 1
        )
        scale, tall, steep, scaled = self._scale(torch.exp(nearby), seen, crowd, memory, lens, dt)
        lengths, speeds = self._lengths(slopes, sight.velocity, steep)
        changed, change, moves = self._changes(memory, slopes, lengths, fresh * earlier, tall, sport, dt)
        counted, contact, owner, peopled, contacts = self._possession(
            distance, sight, crowd, memory, slopes[:2], fresh, contacts, dt
        )

        # Each clock runs at its rate and begins again when its event happens.
        again = torch.cat([seen, change, seen * moves, contact, contact])
        clocks = memory.clocks + torch.addmm(dt, self.stands, dt * seen)
        clocks = torch.where(again > 0.5, 0.0, clocks)
        facts = torch.maximum(memory.facts, torch.cat([seen, peopled]))
        flags = self.circumstances.hold(
            torch.cat([clocks, facts, owner, memory.owner, sport, seen, sight.there, sight.hits])
        )
        states = self.states.hold(flags)
        totals = memory.totals + dt * states[: len(_TOTALS)]
        counts = memory.counts + torch.cat([change * memory.changed, counted])
        remembered = torch.cat([totals, walked, counts, clocks, facts, scale, changed, owner])

        parts, wholes = torch.split(self.shares(totals), 3)
        speed, over_ground = torch.split(speeds, 1)
        known = torch.cat(
            [ball, sight.score, speed * length, over_ground / tall, fresh * scaled]
            + [parts / wholes.clamp(min=1e-3), (wholes > 0).float(), totals, counts, clocks, facts]
            + [owner, states]
        )
        return (self.values(known) * self.flags(known)).T, remembered, contacts

    def _lengths(self, slopes: Tensor, velocity: Tensor, steep: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lengths [3, 1] of the velocity before, after and of their difference; and the speeds
        [2, 1], in the picture and over ground."""
        vectors = self.differences @ torch.cat([slopes, velocity])
        squares, across, down = torch.split(
            torch.addmm(self.least, self.lengths, vectors * vectors), [4, 1, 1]
        )
        lengths = torch.sqrt(torch.cat([squares, across + down * steep]))
        three, speeds = torch.split(lengths, [3, 2])
        return three, speeds

    def _scale(
        self, nearby: Tensor, seen: Tensor, crowd: Crowd, memory: Known, lens: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the scale to remember [2, 1], how tall people near the ball are in px, by what squared
        factor the way towards the camera looks shorter there, and 1 where enough people are there to tell.

        Seen from above, people further up look smaller: height = slope * (foot - horizon), so that the line
        of sight dips below the horizon by height / slope px, which is focal length * tan(angle).
        """
        m, tall, stand, valid = self.measures, crowd.tall, crowd.stand, crowd.valid
        weight = valid * nearby
        sums = torch.cat([weight, weight * tall, valid, valid * stand]).sum(1, keepdim=True)
        total, weighted, count, feet = torch.split(sums, 1)
        foot = (stand - feet / count.clamp(min=1.0)) * valid
        rise, run = torch.split((foot * torch.cat([tall, foot])).sum(1, keepdim=True), 1)
        slope = rise / run.clamp(min=1.0)
        enough = torch.where((total > 0.3) & (slope > 0.01), seen * crowd.steady, 0.0)
        was = memory.scale
        slow = torch.addmm(self.slowly, self.slowly, torch.exp(dt * (-1 / 0.5)), alpha=-1)
        slow = torch.where(was[:1] > 0, slow, 1.0) * enough
        scale = was + slow * (torch.cat([weighted / total.clamp(min=1e-3), slope]) - was)
        height, slope = torch.split(scale, 1)
        known = height > 0
        dip = slope.clamp(min=1e-3) * lens / height  # of the line of sight: 1 / tan
        steep = (dip * dip + 1).clamp(max=1 / m.flattest**2)
        return scale, torch.where(known, height, m.height_px), steep, torch.where(known, enough, 0.0)

    def _changes(
        self, memory: Known, slopes: Tensor, lengths: Tensor, known: Tensor, tall: Tensor, sport: Tensor,
        dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return what to remember of this change of the ball's velocity [4, 1] (turned, sprang, struck,
        jump), 1 where the change before was the greatest, and 1 where the ball moves."""
        after, before = torch.split(slopes, 2)
        was, now, jump = torch.split(lengths, 1)
        along = before * after
        straight = along.sum(0, keepdim=True) / (was * now)
        flags = self.changes.hold(
            torch.cat([straight, lengths, slopes, along, tall, sport, memory.jump, memory.clocks, dt])
        )
        turned, sprang, struck, peak, moves = torch.split(self.motions.hold(flags), 1)
        changed = torch.cat([turned, sprang, torch.relu(struck - sprang), jump]) * known
        return changed, peak, moves

    def _nearest(
        self, distance: Tensor, sight: Sight, crowd: Crowd, is_holder: Tensor, after: Tensor, fresh: Tensor,
        contacts: Tensor, dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Return in which row the nearest is who may have the ball [1], the distances [1, 1] of that one and
        of the next, and contacts' [CONTACT_VALUES, people]; distance: from everybody's feet to the ball,
        squared, in shares of the reach."""
        m = self.measures
        sure, valid = sight.sure, crowd.valid
        before, past = torch.split(contacts, [1, CONTACT_VALUES - 1])
        # Whoever is out of sight for a moment is still the same: a row is known until another number has it.
        number = torch.where(valid > 0.5, crowd.number, before)
        apart, came, with_ball = torch.split(torch.where(number == before, past, 0.0), 1)
        # A ball that rolls or flies may be taken for a person: whoever was never without it is the ball.
        away = torch.where(distance > m.apart, valid * (dt * sure), 0.0)
        apart = (apart + away).clamp(max=1.0)
        came = (came * (1 - sight.start) + away).clamp(max=1.0)
        # A ball that flies past is not at anybody's feet; who has it keeps it in a duel.
        rush = ((after + crowd.pan) - crowd.flow) / crowd.tall
        quick = (rush * rush).sum(0, keepdim=True) * fresh > m.reach_speed**2
        distance = torch.where(is_holder, 0.6 * distance, distance)
        distance = torch.where(quick | (apart * valid < m.apart_s), _FAR, distance)
        nearest, row = torch.topk(distance, 2, 1, largest=False)
        least, second = torch.split(nearest, 1, 1)
        who = row[:, 0]
        has = (self.rows == who) & (least <= 1)
        doubted = torch.relu(sure * (1 + m.doubt) - m.doubt)
        credit = torch.where(came < m.apart_s, doubted, sure)
        with_ball = (with_ball + dt * torch.where(has, credit, -sight.seen)).clamp(0.0, 1.0)
        return who, least, second, torch.cat([number, apart, came, with_ball])

    def _possession(
        self, distance: Tensor, sight: Sight, crowd: Crowd, memory: Known, after: Tensor, fresh: Tensor,
        contacts: Tensor, dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Decide who has the ball; return what is counted [5, 1] (touches, passes and lost balls of the first
        team, of the second), 1 where somebody who has the ball touches it, holder' and team' [2, 1], 1 where
        anybody is there, and contacts'."""
        m = self.measures
        is_holder = crowd.number == memory.owner[:1]
        who, nearest, second, contacts = self._nearest(
            distance, sight, crowd, is_holder, after, fresh, contacts, dt
        )
        holds = torch.where(is_holder, crowd.valid, 0.0)
        everybody = torch.cat([holds, crowd.valid]).amax(1, keepdim=True)
        _, peopled = torch.split(everybody, 1)
        same, here, _, held_s = torch.split(
            torch.cat([holds, crowd.number, crowd.team, contacts]).index_select(1, who),
            [1, 2, CONTACT_VALUES - 1, 1],
        )
        enough = torch.where(second > m.alone * nearest, *m.take_s)
        flags = self.possession.hold(torch.cat(
            [same, here, held_s, nearest, enough, sight.seen, everybody, memory.owner, memory.clocks]
        ))  # fmt: skip
        counted, contact, owns = torch.split(self.results(self.decisions.hold(flags)), [5, 1, 2])
        return counted, contact, torch.where(owns > 0.5, here, memory.owner), peopled, contacts


def _changes(m: Measures) -> tuple[Lines, Lines]:
    """Return what is asked of the velocity before and after, and what follows from the answers."""
    values = (
        "straight", "was", "now", "jump_now", "after_x", "after_y", "before_x", "before_y", "along_x",
        "along_y", "tall", "sport", *_JUMP, *_CLOCKS, "dt",
    )  # fmt: skip
    asked: dict[str, Line] = {
        "bend": {"one": m.turn_cosine, "straight": -1.0}, "moved": {"was": 1.0, "tall": -m.move},
        "moves": {"now": 1.0, "tall": -m.move}, "falls": {"before_y": 1.0}, "rises": {"after_y": -1.0},
        "onward": {"along_x": 1.0, "one": 1e-6}, "slows": {"was": 1.05, "now": -1.0},
        "before_badminton": {"one": BADMINTON - 0.5, "sport": -1.0},
        "after_badminton": {"one": -BADMINTON - 0.5, "sport": 1.0},
        "back": {"one": 0.7, "straight": -1.0}, "faster": {"now": 1.0, "was": -1.5},
        "past": {"jump": 1.0, "jump_now": -1.0}, "sudden": {"jump": 1.0, "tall": -m.change},
        "again": {"since_change": 1.0, "dt": 1.0, "one": 1e-6 - m.again_s},
    }  # fmt: skip
    spring = ("falls", "rises", "onward", "slows", "before_badminton", "after_badminton")
    motions: dict[str, Line] = {
        "turned": every("bend", "moved", "moves"),
        "sprang": dict.fromkeys(spring, 1.0) | {"one": 1.5 - len(spring)},  # one of the two sports
        "struck": {"back": 1.0, "faster": 1.0, "one": -0.5},
        # The two stretches of path fit a change best when it lies between them: the frame before had the
        # peak.
        "change": every("past", "sudden", "again"),
        "moves": every("moves"),
    }
    return Lines(values, asked), Lines(tuple(asked), motions)


def _possession(m: Measures) -> tuple[Lines, Lines, Lines]:
    """Return what is asked of the nearest person, what follows from the answers, and what is told of that."""
    values = (
        "same", "here", "to", "held_s", "least", "enough", "seen", "there", "peopled", *_OWNER, *_CLOCKS,
    )  # fmt: skip
    asked: dict[str, Line] = {
        "seen": {"seen": 1.0, "one": -0.5}, "near": up_to("least", 1.0), "same": {"same": 1.0, "one": -0.5},
        "there": {"there": 1.0, "one": -0.5}, "long": {"held_s": 1.0, "enough": -1.0, "one": 1e-6},
        "had": {"holder": 1.0, "one": -0.5}, "soon": {"one": m.renamed_s, "since_contact": -1.0},
        "clear": {"one": m.hidden_s, "hidden": -1.0}, "of_team": {"team": 1.0, "one": 0.5},
        "to_team": {"to": 1.0, "one": 0.5}, "late": {"since_contact": 1.0, "one": -m.spell_s},
        "of_second": {"team": 1.0, "one": -0.5}, "to_second": {"to": 1.0, "one": -0.5},
    }  # fmt: skip
    gets = ("seen", "near", "long", "had", "clear", "of_team", "to_team")

    def passed(*to: str, no: tuple[str, ...] = ()) -> Line:
        # Somebody who gets a new number at the ball has not passed it to anybody: half a point less for
        # `soon` is too few, unless `there` makes up for it.
        line = every(*gets, *to, no=("same", *no))
        return {name: 2 * factor for name, factor in line.items()} | {
            "there": 1.0, "soon": -1.0, "one": 2 * line["one"] - 0.5,
        }  # fmt: skip

    decisions: dict[str, Line] = {
        "takes": every("seen", "near", "long", no=("same",)),
        "contact": {"seen": 2.0, "near": 2.0, "same": 1.0, "long": 1.0, "one": -4.5},
        "touches": every("seen", "near", "same", "late"),
        "named": every("seen", "near", "same", "to_team"),
        "first_passes": passed(no=("of_second", "to_second")),
        "first_turnovers": passed("to_second", no=("of_second",)),
        "second_passes": passed("of_second", "to_second"),
        "second_turnovers": passed("of_second", no=("to_second",)),
    }
    counts = ("first_passes", "first_turnovers", "second_passes", "second_turnovers")
    results: dict[str, Line] = {
        "touches": {"takes": 1.0, "touches": 1.0}, **{name: {name: 1.0} for name in counts},
        "contact": {"contact": 1.0}, "owns": {"takes": 1.0}, "owns_team": {"takes": 1.0, "named": 1.0},
    }  # fmt: skip
    return Lines(values, asked), Lines(tuple(asked), decisions), Lines(tuple(decisions), results)


def _circumstances(m: Measures) -> tuple[Lines, Lines]:
    """Return what is asked of the moment, and the `_STATES` that follow from the answers."""
    values = (
        *_CLOCKS, *_FACTS, *_OWNER, "had", "had_team", "sport", "seen", "there", "sightings",
    )  # fmt: skip
    asked: dict[str, Line] = {
        "in_play": up_to("since_move", m.rest_s), "in_reach": up_to("since_contact", m.contact_s),
        "carried": up_to("since_contact", m.carry_s), "holder": {"holder": 1.0, "one": -0.5},
        "team": {"team": 1.0, "one": 0.1}, "second": {"had_team": 1.0, "one": -0.5},
        "football": {"one": 0.5, "sport": -1.0}, "before_badminton": {"one": BADMINTON - 0.5, "sport": -1.0},
        "after_badminton": {"one": -BADMINTON - 0.5, "sport": 1.0}, "seen": {"seen": 1.0, "one": -0.5},
        "there": {"there": 1.0, "one": -0.5}, "ever": {"ever": 1.0, "one": -0.5},
        "peopled": {"peopled": 1.0, "one": -0.5}, "fast": {"sightings": 1.0, "one": 0.5 - m.speed_hits},
    }  # fmt: skip
    own = ("there", "carried", "holder", "team")
    states: dict[str, Line] = {
        # What is added up, in the order of `_TOTALS`; the time counts for the team that had the ball before
        # this frame.
        "always": {"one": 1.0}, "seen": every("seen"), "going": every("there", "in_play"),
        "first_has": every(*own, no=("second",)), "second_has": every(*own, "second"),
        "held": every("there", "in_reach", "holder", "football"), "owned": every(*own, "football"),
        "moving": every("seen", "fast"), "football": every("football"),
        "at_football": every("peopled", "football"), "rally": every("ever", no=("football",)),
        "bouncy": {"before_badminton": 1.0, "after_badminton": 1.0, "one": -0.5},
    }  # fmt: skip
    assert tuple(states) == _STATES
    return Lines(values, asked), Lines(tuple(asked), states)
