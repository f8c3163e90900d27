"""A procedural match as a broadcast: one camera on its stand that follows the ball, with exact truth for
every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count as forever
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core_network.scenes import cast
from core_network.scenes.backdrop import render, smooth_noise
from core_network.scenes.camera import Camera
from core_network.scenes.figures import Motion
from core_network.scenes.kits import Kit, clothes, looks, match_kits
from core_network.scenes.markings import LENGTH, WIDTH
from core_network.scenes.panorama import Panorama
from core_network.scenes.play import KEEPERS, PEOPLE, REFEREE, Play
from core_network.scenes.raster import BRIGHTEST, DARKEST
from core_network.scenes.stadium import stadium
from core_network.scenes.truth import Scene

Floats = npt.NDArray[np.floating[Any]]
Picture = npt.NDArray[np.uint8]

_CUT_EVERY = 15.0
_GRAIN_ROOM = 64
_TOWNS = [
    "ARD",
    "BRU",
    "COR",
    "DAL",
    "ELM",
    "FEN",
    "GAR",
    "HOL",
    "ISK",
    "KVI",
    "LOM",
    "MAR",
    "NOR",
    "OST",
    "PEL",
    "ROS",
]


class Match:
    """One match that its seed decides; each frame is a picture and the truth about it.

    play (25 people, ball) -> camera that lags behind -> panorama turned to it -> people, ball -> graphics
    """

    def __init__(
        self, seed: int, width: int = 1280, height: int = 720, fps: float = 25.0, cuts: bool = False
    ) -> None:
        """Draw the panorama (about a second); `cuts` changes between a wide and a close shot about every 15
        s."""
        if width < 64 or height < 64:
            raise ValueError(f"a match needs a picture of at least 64 x 64 px, got {width} x {height}")
        if fps <= 0:
            raise ValueError(f"fps must be positive, got {fps}")
        rng = np.random.default_rng(seed)
        self.width, self.height, self.fps = width, height, fps
        self._cuts, self._rng = cuts, rng
        self._ground = stadium(rng, plain=True)
        self._kits = match_kits(rng)
        self._play = Play(rng)
        worn = [self._kits[self._kit_of(i)] for i in range(PEOPLE)]
        self._looks = looks(rng, worn)
        self._sun = rng.uniform(0.3, 1.1) * np.array([np.cos(a := rng.uniform(0, 2 * np.pi)), np.sin(a)])
        self._shadow = rng.uniform(0.25, 0.5)
        self._stand = np.array([LENGTH / 2 + rng.uniform(-3, 3), -rng.uniform(34, 40), rng.uniform(18, 22)])
        self._unit = width / 1280
        self._panorama = self._paint_panorama()
        self._grain = _grain(width, height)
        self._board = _Scoreboard(self._kits[0], self._kits[1], self._unit, rng)
        self._clock = rng.uniform(120, 2400)
        self._close = False
        self._next_cut = _CUT_EVERY
        self._aim = np.array([*self._play.ball.place[:2], 0.0])
        self._aim_velocity = np.zeros(3)
        self._focal = self._wanted_focal()
        self._time = 0.0

    def frames(self, count: int | None = None) -> Iterator[Scene]:
        """Yield the next `count` scenes (None: without end), each 1 / fps seconds after the one before."""
        for _ in range(count) if count is not None else forever():
            yield self._next()

    @staticmethod
    def _kit_of(who: int) -> int:
        if who >= REFEREE:
            return 4
        return int(who > 10) + (2 if who in KEEPERS else 0)

    def _next(self) -> Scene:
        dt = 1 / self.fps
        self._play.step(dt)
        self._time += dt
        cut = self._cuts and self._time >= self._next_cut
        if cut:
            self._close = not self._close
            self._next_cut += _CUT_EVERY * (0.4 if self._close else 1.0) * self._rng.uniform(0.8, 1.2)
            self._aim, self._aim_velocity = self._wanted_aim(), np.zeros(3)
            self._focal = self._wanted_focal()
        self._follow(dt)
        camera = self._camera()
        image = self._panorama.view(camera)
        motion = self._play.motion()
        cast.cast_shadows(image, motion, self._looks.height, camera, self._sun, self._shadow)
        ball = cast.Ball(
            self._play.ball.place.copy(), self._play.ball.velocity.copy(), shutter=0.008, radius=0.125
        )
        cover = self._board.box(image)
        drawn = cast.draw(image, self._looks, motion, ball, camera, [cover])
        self._board.paint(image, self._clock + self._time, self._play.score)
        self._add_grain(image)
        kinds = np.array([self._kit_of(i) for i in range(PEOPLE)])
        truth = cast.picture_truth(drawn, kinds, self._looks.shirt, ball, camera, mirrored=False)
        return Scene(image, replace(truth, cut=cut, play=self._play.truth()))

    def _wanted_aim(self) -> Floats:
        ball, close = self._play.ball, self._close
        lead = ball.place[:2] + ball.velocity[:2] * (0.15 if close else 0.35)
        y = lead[1] if close else 31 + (lead[1] - 34) * 0.5
        return np.array([np.clip(lead[0], 15, LENGTH - 15), np.clip(y, 14, 54), 0.9 if close else 0.0])

    def _wanted_focal(self) -> float:
        away = abs(self._play.ball.place[0] - LENGTH / 2) / (LENGTH / 2)
        near = 1 - 0.12 * self._play.ball.place[1] / WIDTH
        return float((3300 if self._close else 1620 * (1 + 0.22 * away**2) * near) * self._unit)

    def _follow(self, dt: float) -> None:
        """Let the camera operator catch up with the ball: a critically damped spring for the aim, a slow
        zoom."""
        pull = 2.6 if self._close else 1.7
        wanted = self._wanted_aim()
        self._aim_velocity += (pull**2 * (wanted - self._aim) - 2 * pull * self._aim_velocity) * dt
        self._aim = self._aim + self._aim_velocity * dt
        self._focal += (self._wanted_focal() - self._focal) * min(1.0, 0.8 * dt)

    def _camera(self) -> Camera:
        return Camera.looking_at(self._stand, self._aim, self._focal, self.width, self.height)

    def _paint_panorama(self) -> Panorama:
        """Draw all that the camera can turn to, with the people who stand around the pitch."""
        focal = 1500 * self._unit
        middle = np.array([LENGTH / 2, 22.0, 0.0])
        reach = [
            Camera.looking_at(self._stand, np.array([x, y, 0.0]), focal, self.width, self.height)
            for x in (15, LENGTH - 15)
            for y in (14, 54)
        ]
        level = Camera.looking_at(self._stand, middle, focal, 2, 2)
        edges = []
        for camera in reach:
            half = np.array([self.width, self.height]) / 2 / (1380 * self._unit)
            rays = (
                np.array([[sx * half[0], sy * half[1], 1.0] for sx in (-1, 1) for sy in (-1, 1)])
                @ camera.rotation
            )
            local = rays @ level.rotation.T
            edges.append(local[:, :2] / local[:, 2:] * focal)
        extent = np.abs(np.concatenate(edges)).max(0)
        wide = replace(level, width=int(2 * extent[0]) + 16, height=int(2 * extent[1]) + 16)
        image = render(self._ground, wide, int(self._rng.integers(1, 9999)))
        spots = [[x, -2.6] for x in self._rng.uniform(30, 75, 6)] + [
            [x, WIDTH + 2.6] for x in self._rng.uniform(2, 103, 9)
        ]
        spots += [[x, y] for x in (-2.6, LENGTH + 2.6) for y in self._rng.uniform(4, 64, 5)]
        place = np.array(spots)
        count = len(place)
        still = np.full(count, 0.04)
        towards = np.arctan2(34 - place[:, 1], LENGTH / 2 - place[:, 0]) + self._rng.normal(0, 0.6, count)
        motion = Motion(place, towards, still, still * 0, still, still, still * 0)
        people = looks(self._rng, [clothes(self._rng) for _ in range(count)])
        cast.cast_shadows(image, motion, people.height, wide, self._sun, self._shadow)
        cast.draw(image, people, motion, None, wide)
        return Panorama(wide, image)

    def _add_grain(self, image: Picture) -> None:
        """Add sensor noise; colours keep far enough from 0 and 255 that bytes do not wrap."""
        dy, dx = (int(v) for v in self._rng.integers(0, _GRAIN_ROOM, 2))
        flat = image.reshape(self.height, -1)
        flat += self._grain[dy : dy + self.height, 3 * dx : 3 * (dx + self.width)]


def _grain(width: int, height: int) -> Picture:
    """Return noise as signed steps in bytes, [height + room, 3 * (width + room)], to cut frames out of."""
    tile = np.repeat((smooth_noise(1) * 3.4).astype(np.int8).view(np.uint8), 3, axis=1)
    rows, columns = np.arange(height + _GRAIN_ROOM) & 511, np.arange(3 * (width + _GRAIN_ROOM)) % (3 * 512)
    return np.ascontiguousarray(tile[rows].take(columns, axis=1))


class _Scoreboard:
    """The score and the clock in the corner of the picture."""

    def __init__(self, home: Kit, guest: Kit, unit: float, rng: np.random.Generator) -> None:
        self._colours = [tuple(int(v) for v in k.shirt) for k in (home, guest)]
        self._names = [str(n) for n in rng.choice(_TOWNS, 2, replace=False)]
        self._unit = unit
        self._font = ImageFont.load_default(max(8, round(19 * unit)))
        self._shown: tuple[int, ...] = ()
        self._panel = np.zeros((max(10, round(34 * unit)), max(40, round(306 * unit)), 3), np.uint8)

    def box(self, image: Picture) -> tuple[int, int, int, int]:
        """Return x0, y0, x1, y1 in px of the panel in `image`."""
        x, y = round(image.shape[1] * 0.05), round(image.shape[0] * 0.06)
        return (
            x,
            y,
            min(x + self._panel.shape[1], image.shape[1]),
            min(y + self._panel.shape[0], image.shape[0]),
        )

    def paint(self, image: Picture, clock: float, score: list[int]) -> None:
        """Lay the panel over `image` with the match `clock` in s."""
        shown = (int(clock), *score)
        if shown != self._shown:
            self._shown = shown
            self._draw(int(clock), score)
        x0, y0, x1, y1 = self.box(image)
        image[y0:y1, x0:x1] = self._panel[: y1 - y0, : x1 - x0]

    def _draw(self, clock: int, score: list[int]) -> None:
        u, font = self._unit, self._font
        sheet = Image.new("RGB", (self._panel.shape[1], self._panel.shape[0]), (22, 26, 40))
        pen = ImageDraw.Draw(sheet)
        pen.rectangle((0, 0, 78 * u, 99), fill=(226, 230, 236))
        pen.text((14 * u, 5 * u), f"{clock // 60:02}:{clock % 60:02}", fill=(22, 26, 40), font=font)
        for k, x in enumerate((86, 294)):
            pen.rectangle((x * u, 6 * u, (x + 4) * u, 28 * u), fill=self._colours[k])
        pen.text((96 * u, 5 * u), self._names[0], fill=(235, 238, 240), font=font)
        pen.text((161 * u, 5 * u), f"{score[0]} - {score[1]}", fill=(235, 238, 240), font=font)
        pen.text((234 * u, 5 * u), self._names[1], fill=(235, 238, 240), font=font)
        self._panel = np.asarray(sheet).clip(DARKEST, BRIGHTEST)
