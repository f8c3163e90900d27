"""The exact truth that comes with every procedural picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Role = Literal["player", "goalkeeper", "referee"]
Box = tuple[float, float, float, float]
Colour = tuple[float, float, float]


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
    """The ball: centre and radius in pixels, whether most of it can be seen, and its speed on screen in
    px/s."""

    x: float
    y: float
    radius: float
    visible: bool
    speed_px_s: float


@dataclass(frozen=True)
class Truth:
    """Everything drawn in one picture; `cut` marks the first frame after the camera jumped."""

    players: list[PlayerTruth]
    ball: BallTruth | None
    cut: bool = False


@dataclass(frozen=True)
class Scene:
    """A picture, uint8 RGB [H, W, 3], and its truth."""

    image: npt.NDArray[np.uint8]
    truth: Truth
