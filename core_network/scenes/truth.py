"""The exact truth that comes with every procedural picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Role = Literal["player", "goalkeeper", "referee"]
Box = tuple[float, float, float, float]
Colour = tuple[float, float, float]
EventKind = Literal["touch", "kick", "pass", "turnover", "bounce", "out"]


@dataclass(frozen=True)
class PlayerTruth:
    """One person of the match who is at least partly inside the picture.

    `box` is x0, y0, x1, y1 in pixels, tight around the drawn body (not the shadow) and clipped to the
    picture;
    `visible` is the share of the body's pixels (0..1) that is inside the picture and not hidden by
    something nearer;
    `colour` is the shirt, RGB 0..255 before lighting.
    """

    id: int
    role: Role
    team: int | None
    box: Box
    visible: float
    colour: Colour


@dataclass(frozen=True)
class BallTruth:
    """The ball: centre and radius in pixels, whether most of it can be seen, its speed on screen in px/s and
    over the ground in m/s (camera movement is in neither)."""

    x: float
    y: float
    radius: float
    visible: bool
    speed_px_s: float
    speed_m_s: float = 0.0


@dataclass(frozen=True)
class PlayEvent:
    """Something that happened to the ball since the frame before.

    touch: `player` got it; kick: `player` played it away; pass and turnover: `player` has it now, `origin`
    had it before, a mate or a foe; bounce: it sprang off the ground; out: it left the pitch. `team` is the
    player's.
    """

    kind: EventKind
    player: int | None = None
    team: int | None = None
    origin: int | None = None


@dataclass(frozen=True)
class PlayTruth:
    """The state of play: who has the ball at the foot (None while it is free), and what just happened."""

    holder: int | None
    team: int | None
    in_play: bool
    events: tuple[PlayEvent, ...] = ()


@dataclass(frozen=True)
class Truth:
    """Everything drawn in one picture; `cut` marks the first frame after the camera jumped; stills have no
    `play`. `owner` [H, W] holds the id of the person that a pixel shows; other numbers are nobody's."""

    players: list[PlayerTruth]
    ball: BallTruth | None
    cut: bool = False
    play: PlayTruth | None = None
    owner: npt.NDArray[np.int8] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Scene:
    """A picture, uint8 RGB [H, W, 3], and its truth."""

    image: npt.NDArray[np.uint8]
    truth: Truth
