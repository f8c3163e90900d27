"""A simple game of football: formations, passes, dribbles, keepers and referees, without pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core_network.scenes.cast import BALL_RADIUS
from core_network.scenes.figures import Motion
from core_network.scenes.markings import LENGTH, WIDTH
from core_network.scenes.truth import EventKind, PlayEvent, PlayTruth

Floats = npt.NDArray[np.floating[Any]]

KEEPERS = (0, 11)
REFEREE = 22
PEOPLE = 25
_GRAVITY = 9.81
_ROLL = 1.5
_LEAST_BOUNCE = 0.8
"""A ball that would rise more slowly than this (m/s) stays on the ground."""
_HOME = np.array(
    [[24, 11], [20, 27], [20, 41], [24, 57], [44, 9], [38, 27], [40, 42], [44, 59], [62, 25], [65, 43]], float
)


def _unit(vector: Floats) -> Floats:
    """Return `vector` [..., 2] at length 1 (0 stays 0)."""
    scaled: Floats = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-6)
    return scaled


@dataclass
class Ball:
    """Place and velocity [3] in m and m/s; who has it (-1: nobody), who kicked last and who should receive
    it."""

    place: Floats
    velocity: Floats
    owner: int = -1
    kicker: int = -1
    receiver: int = -1
    since_kick: float = 9.0


class Play:
    """People 0..10 are team 0 (0 keeps goal, attacks towards x = 105), 11..21 team 1, 22..24 the referees."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Put everybody where they would be some minutes into a match that `rng` decides."""
        self._rng = rng
        self.team = np.repeat([0, 1, 2], [11, 11, 3])
        self.score = [0, 0]
        start = np.array([rng.uniform(30, 75), rng.uniform(15, 53)])
        self.ball = Ball(np.array([*start, BALL_RADIUS]), np.zeros(3))
        self._wander = rng.normal(0, 1.5, (PEOPLE, 2))
        self.velocity: Floats = np.zeros((PEOPLE, 2))
        self.place: Floats = self._stations()
        self.heading = rng.uniform(0, 2 * np.pi, PEOPLE)
        self.phase = rng.uniform(0, 2 * np.pi, PEOPLE)
        self._speed = rng.uniform(6.2, 7.8, PEOPLE)
        self._hold = 1.0
        self._course = 0.0
        self._events: list[PlayEvent] = []
        self.ball.owner = int(rng.choice(np.r_[1:11, 12:22]))
        self._last_owner = self.ball.owner
        self.place[self.ball.owner] = start - [0.5, 0]

    def motion(self) -> Motion:
        """Return how everybody stands now."""
        pace = np.linalg.norm(self.velocity, axis=1)
        lift = np.full(PEOPLE, 0.05)
        return Motion(
            self.place, self.heading, self.phase, np.minimum(pace / 7.5, 1), lift, lift, np.zeros(PEOPLE)
        )

    def truth(self) -> PlayTruth:
        """Return who has the ball now and what happened in the last step."""
        owner = self.ball.owner
        holder, team = (owner, int(self.team[owner])) if owner >= 0 else (None, None)
        return PlayTruth(holder, team, not self._out(), tuple(self._events))

    def _tell(self, kind: EventKind, who: int | None = None, origin: int | None = None) -> None:
        self._events.append(PlayEvent(kind, who, None if who is None else int(self.team[who]), origin))

    def step(self, dt: float) -> None:
        """Advance the match by `dt` seconds."""
        self._events = []
        was_out = self._out()
        self._wander += self._rng.normal(0, 1.2, (PEOPLE, 2)) * dt**0.5 - self._wander * 0.25 * dt
        self._run(dt)
        ball = self.ball
        ball.since_kick += dt
        if ball.owner >= 0:
            self._dribble(dt)
        else:
            self._roll(dt)
            self._receive()
        if self._out() and not was_out:
            self._tell("out")

    def _stations(self) -> Floats:
        """Return where everybody [25, 2] would like to be with the ball where it is."""
        ball = self.ball.place[:2]
        have = self.team[self.ball.owner] if self.ball.owner >= 0 else self.team[max(self.ball.kicker, 0)]
        goals = np.empty((PEOPLE, 2))
        for team in (0, 1):
            x, y = (ball[0], ball[1]) if team == 0 else (LENGTH - ball[0], WIDTH - ball[1])
            press = 5.0 if have == team else -4.0
            spots = np.empty((11, 2))
            spots[1:, 0] = (_HOME[:, 0] + (x - 52.5) * 0.62 + press).clip(4, 100)
            wide = 0.9 if have == team else 0.68
            spots[1:, 1] = (34 + (_HOME[:, 1] - 34) * wide + (y - 34) * 0.42).clip(2, 66)
            out = np.array([x, y]) - [0, 34]
            spots[0] = np.array([0.4, 34]) + _unit(out) * np.clip(np.linalg.norm(out) * 0.14, 1.0, 11)
            goals[team * 11 : team * 11 + 11] = spots if team == 0 else [LENGTH, WIDTH] - spots
        goals[:22] += self._wander[:22] * np.where(np.isin(np.arange(22), KEEPERS), 0.2, 1)[:, None]
        behind = np.sign(52.5 - ball[0]) * 7
        goals[REFEREE] = ball + [behind, np.where(ball[1] > 34, -9, 9)] + self._wander[REFEREE]
        goals[23] = [np.clip(ball[0], 52.5, 103), -0.8]
        goals[24] = [np.clip(ball[0], 2, 52.5), WIDTH + 0.8]
        return goals

    def _run(self, dt: float) -> None:
        """Choose targets, then move everybody at most as fast as they can."""
        ball, rng = self.ball, self._rng
        target = self._stations()
        limit = np.full(PEOPLE, 5.4)
        away = np.linalg.norm(self.place - ball.place[:2], axis=1)
        away[22:] = 1e3
        coming = ball.place[:2] + ball.velocity[:2] * np.clip(away / 9, 0.1, 1.2)[:, None]
        held = ball.owner in KEEPERS
        for team in (0, 1):
            mine = np.flatnonzero(self.team == team)
            field = mine[~np.isin(mine, KEEPERS)]
            near = field[np.argsort(away[field])]
            own_goal = np.array([0.0 if team == 0 else LENGTH, 34])
            if ball.owner < 0:
                out = self._out() and self.team[max(ball.kicker, 0)] == team
                chaser = ball.receiver if ball.receiver in mine else int(near[0])
                if not out:
                    target[chaser], limit[chaser] = coming[chaser], self._speed[chaser]
                keeper = KEEPERS[team]
                if away[keeper] < 9 and np.linalg.norm(ball.place[:2] - own_goal) < 15:
                    target[keeper], limit[keeper] = coming[keeper], 6.5
            elif self.team[ball.owner] != team and not held:
                back = _unit(own_goal - ball.place[:2])
                target[near[0]], limit[near[0]] = ball.place[:2] + back * 0.7, 6.2
                target[near[1]] = ball.place[:2] + back * 5
        if ball.owner >= 0:
            side = 1 if self.team[ball.owner] == 0 else -1
            goal = np.array([LENGTH if side > 0 else 0.0, 34])
            ahead = _unit(goal - self.place[ball.owner])
            turn = self._course
            way = np.array(
                [
                    ahead[0] * np.cos(turn) - ahead[1] * np.sin(turn),
                    ahead[0] * np.sin(turn) + ahead[1] * np.cos(turn),
                ]
            )
            target[ball.owner] = self.place[ball.owner] + way * (0.0 if held else 5)
            limit[ball.owner] = 4.6
        target = target.clip([-2, -1.5], [LENGTH + 2, WIDTH + 1.5])
        gap = target - self.place
        far = np.linalg.norm(gap, axis=1)
        pace = np.where(far < 0.8, 0, np.minimum(limit, 0.5 + far * 0.75))
        pace = np.where(limit > 6, np.minimum(limit, far * 3 + 1), pace)
        wish = _unit(gap) * pace[:, None]
        between = self.place[:, None] - self.place[None]
        apart = np.linalg.norm(between, axis=2) + 10 * np.eye(PEOPLE)
        wish += (between / apart[..., None] * np.clip(1.1 - apart, 0, 1)[..., None]).sum(1) * 4
        change = wish - self.velocity
        size = np.linalg.norm(change, axis=1, keepdims=True)
        self.velocity += change * np.minimum(1, 6.0 * dt / np.maximum(size, 1e-6))
        self.place += self.velocity * dt
        speed = np.linalg.norm(self.velocity, axis=1)
        look = np.where((speed > 1.2)[:, None], self.velocity, ball.place[:2] - self.place)
        turn_by = (np.arctan2(look[:, 1], look[:, 0]) - self.heading + np.pi) % (2 * np.pi) - np.pi
        self.heading += turn_by * min(1.0, 6 * dt)
        self.phase += 2 * np.pi * speed / (1.1 + 0.38 * speed) * dt
        self._course += rng.normal(0, 1.2) * dt**0.5 - self._course * 0.8 * dt

    def _out(self) -> bool:
        """Return whether the ball has left the pitch."""
        x, y = self.ball.place[:2]
        return bool(x < 0 or x > LENGTH or y < 0 or y > WIDTH)

    def _dribble(self, dt: float) -> None:
        """Keep the ball at the owner's foot until it is kicked or lost."""
        ball, owner = self.ball, self.ball.owner
        forward = np.array([np.cos(self.heading[owner]), np.sin(self.heading[owner])])
        reach = 0.5 + 0.22 * (1 + np.sin(self.phase[owner])) * np.linalg.norm(self.velocity[owner]) / 4
        before = ball.place.copy()
        height = 1.0 if owner in KEEPERS and self._hold > 0.3 else BALL_RADIUS
        aim = np.array([*(self.place[owner] + forward * reach), height])
        ball.place += (aim - ball.place) * min(1.0, 11 * dt)
        ball.velocity = (ball.place - before) / dt
        self._hold -= dt
        foes = np.flatnonzero((self.team != self.team[owner]) & (self.team < 2))
        gap = np.linalg.norm(self.place[foes] - ball.place[:2], axis=1)
        if owner not in KEEPERS and gap.min() < 0.9 and self._rng.random() < 1.1 * dt:
            self._gain(int(foes[gap.argmin()]))
        elif self._hold <= 0 or (gap.min() < 1.3 and owner not in KEEPERS and self._rng.random() < 1.5 * dt):
            self._kick()

    def _gain(self, who: int) -> None:
        """Give `who` the ball."""
        self._tell("touch", who)
        before = self._last_owner
        if who != before:
            self._tell("pass" if self.team[who] == self.team[before] else "turnover", who, before)
        self._last_owner = who
        self.ball.owner, self.ball.receiver = who, -1
        self._hold = self._rng.uniform(1.5, 2.5) if who in KEEPERS else self._rng.gamma(2.0, 0.75) + 0.35
        self._course = self._rng.normal(0, 0.7)

    def _kick(self) -> None:
        """Shoot when close to goal, else pass to somebody free, rolling or through the air."""
        ball, owner, rng = self.ball, self.ball.owner, self._rng
        self._tell("kick", owner)
        side = 1 if self.team[owner] == 0 else -1
        goal = np.array([LENGTH if side > 0 else 0.0, 34])
        here = ball.place[:2].copy()
        ball.owner, ball.kicker, ball.since_kick, ball.receiver = -1, owner, 0.0, -1
        ball.place[2] = max(ball.place[2], BALL_RADIUS)
        if np.linalg.norm(goal - here) < 23 and rng.random() < 0.6:
            aim = _unit(goal + [0, rng.normal(0, 3)] - here)
            ball.velocity = np.array([*(aim * rng.uniform(18, 25)), rng.uniform(0, 4.5)])
            return
        mates = np.flatnonzero(self.team == self.team[owner])
        foes = np.flatnonzero(self.team == 1 - self.team[owner])
        mates = mates[(mates != owner) & ~np.isin(mates, KEEPERS)]
        lead = self.place[mates] + self.velocity[mates] * 0.7
        gap = np.linalg.norm(lead - here, axis=1)
        free = np.linalg.norm(self.place[foes][None] - lead[:, None], axis=2).min(1)
        lines = (self.place[foes][None] - here) - (lead - here)[:, None] * np.clip(
            ((self.place[foes][None] - here) * (lead - here)[:, None]).sum(2)
            / np.maximum(gap**2, 1)[:, None],
            0,
            1,
        )[..., None]
        blocked = np.linalg.norm(lines, axis=2).min(1) < 1.6
        worth = (
            (lead[:, 0] - here[0]) * side * 0.09
            + np.minimum(free, 7) * 0.4
            - np.abs(gap - 15) * 0.1
            - blocked * 1.2
        )
        worth = worth + rng.gumbel(0, 0.8, len(mates)) - (gap < 4) * 5
        best = int(worth.argmax())
        mate, reach = int(mates[best]), float(gap[best])
        aim = lead[best].clip([1, 1], [LENGTH - 1, WIDTH - 1]) + rng.normal(0, 0.03 * reach, 2)
        way = _unit(aim - here)
        if reach > 26 or (blocked[best] and rng.random() < 0.6) or rng.random() < 0.1:
            time = 0.7 + reach / 22
            ball.velocity = np.array([*(way * reach / time), _GRAVITY * time / 2])
        else:
            ball.velocity = np.array([*(way * np.sqrt(rng.uniform(3, 6) ** 2 + 2 * _ROLL * reach)), 0.0])
        ball.receiver = mate

    def _roll(self, dt: float) -> None:
        """Move the free ball: flight, bounces, rolling friction; nets, boards and grass beyond the lines
        stop it."""
        ball = self.ball
        was_out = self._out()
        if ball.place[2] > BALL_RADIUS + 0.01 or ball.velocity[2] > 0.5:
            ball.velocity[2] -= _GRAVITY * dt
        else:
            speed = float(np.linalg.norm(ball.velocity[:2]))
            ball.velocity[:2] *= max(0.0, speed - _ROLL * dt) / max(speed, 1e-6)
            ball.velocity[2] = 0
        ball.place += ball.velocity * dt
        if ball.place[2] < BALL_RADIUS:
            ball.place[2] = BALL_RADIUS
            bounce = -0.55 * ball.velocity[2]
            rises = bounce > _LEAST_BOUNCE
            ball.velocity = np.array([*(ball.velocity[:2] * 0.82), bounce if rises else 0.0])
            if rises:
                self._tell("bounce")
        if not self._out():
            return
        x, y, z = ball.place
        if not was_out and abs(y - 34) < 3.66 and z < 2.44 and not 0 <= x <= LENGTH:
            self.score[0 if x > LENGTH else 1] += 1
        ball.velocity[:2] *= max(0.0, 1 - 4 * dt)
        ball.place[:2] = ball.place[:2].clip([-1.8, -2], [LENGTH + 1.8, WIDTH + 2])

    def _receive(self) -> None:
        """Give a free ball to whoever reaches it."""
        ball = self.ball
        gap = np.linalg.norm(self.place[:22] - ball.place[:2], axis=1)
        keeper = np.isin(np.arange(22), KEEPERS)
        able = (gap < np.where(keeper, 1.4, 0.85)) & (ball.place[2] < np.where(keeper, 2.4, 1.1))
        able &= (np.arange(22) != ball.kicker) | (ball.since_kick > 1.0)
        # A fast ball often passes a defender who only sticks out a leg.
        speed = np.linalg.norm(ball.velocity)
        able &= (
            (np.arange(22) == ball.receiver) | keeper | (self._rng.random(22) < (0.5 if speed < 9 else 0.08))
        )
        if able.any() and ball.since_kick > 0.15:
            self._gain(int(np.where(able, gap, 1e3).argmin()))
