"""A rally over a net, without pictures: where the ball is on the screen, and every hit and bounce exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core_network.scenes.camera import Camera

__all__ = ["Rally", "RallyFrame", "Sport"]

Sport = Literal["tennis", "badminton", "volleyball"]
_GRAVITY = 9.81
_STEP = 0.002
_LOWEST_HIT = 0.5


@dataclass(frozen=True)
class _Game:
    """Length of the court in m, height of a hit, time of a flight in s, air drag per m, whether it
    bounces."""

    length: float
    height: float
    flight: tuple[float, float]
    drag: float
    bounces: bool


_GAMES: dict[str, _Game] = {
    "tennis": _Game(23.8, 1.0, (0.9, 1.3), 0.005, True),
    "badminton": _Game(13.4, 1.6, (0.8, 1.5), 0.12, False),
    "volleyball": _Game(18.0, 2.2, (0.9, 1.4), 0.015, False),
}


@dataclass(frozen=True)
class RallyFrame:
    """The ball's centre in px, and how often it was hit and bounced since the frame before."""

    x: float
    y: float
    hits: int
    bounces: int


class Rally:
    """Two sides hit a ball to each other, as a still camera beside the court sees it."""

    def __init__(
        self, sport: Sport, seed: int, width: int = 1280, height: int = 720, fps: float = 25.0
    ) -> None:
        """Begin with a ball on its way to the right."""
        self._game, self._rng, self._fps = _GAMES[sport], np.random.default_rng(seed), fps
        away = 1.5 * self._game.length
        self._camera = Camera.looking_at(
            np.array([0.0, -away, 5.0]), np.array([0.0, 0.0, 2.0]), 0.92 * width, width, height
        )
        self._side = 1.0
        self._place = np.array([-0.45 * self._game.length, 0.0, self._game.height])
        self._velocity = np.zeros(3)
        self._left_s, self._bounced = 0.0, False
        self._hit()

    def frames(self, count: int) -> list[RallyFrame]:
        """Return the next `count` frames."""
        found = []
        for _ in range(count):
            hits = bounces = 0
            for _ in range(round(1 / self._fps / _STEP)):
                hit, bounce = self._step()
                hits, bounces = hits + hit, bounces + bounce
            pixel, _ = self._camera.project(self._place)
            found.append(RallyFrame(float(pixel[0]), float(pixel[1]), hits, bounces))
        return found

    def _hit(self) -> None:
        """Send the ball to the other side so that it would come down there after its flight."""
        game, rng = self._game, self._rng
        self._left_s = rng.uniform(*game.flight)
        target = self._side * game.length * rng.uniform(0.33, 0.46)
        gap = target - self._place[0]
        # With drag k per m a ball is slower by exp(-k x): what it needs to begin with.
        start = (np.exp(game.drag * abs(gap)) - 1) / max(game.drag, 1e-6) / self._left_s
        lift = (game.height - self._place[2]) / self._left_s + _GRAVITY * self._left_s / 2
        self._velocity = np.array([np.sign(gap) * start, rng.normal(0, 0.5), lift])
        self._bounced = False

    def _step(self) -> tuple[int, int]:
        game, velocity = self._game, self._velocity
        speed = float(np.linalg.norm(velocity))
        velocity = velocity - velocity * (game.drag * speed * _STEP)
        velocity[2] -= _GRAVITY * _STEP
        self._place, self._velocity = self._place + velocity * _STEP, velocity
        self._left_s -= _STEP
        if self._place[2] <= 0 and velocity[2] < 0:
            self._velocity = velocity * np.array([0.8, 0.8, -0.75])
            self._left_s, self._bounced = 0.35, True
            return 0, 1
        if game.bounces and not self._bounced:
            return 0, 0  # it is played after its bounce
        if self._left_s > 0 and (game.bounces or self._place[2] > _LOWEST_HIT or velocity[2] > 0):
            return 0, 0
        self._side = -self._side
        self._hit()
        return 1, 0
