"""Clothes and faces: kits of two teams, their goalkeepers and the referees, and of people who do not play."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core_network.scenes.figures import Looks

Floats = npt.NDArray[np.floating[Any]]

_SKIN = np.array([[226, 182, 152], [206, 158, 126], [170, 120, 90], [122, 82, 60], [84, 58, 44]], float)
_HAIR = np.array(
    [[28, 22, 18], [52, 36, 26], [92, 64, 40], [170, 136, 84], [20, 18, 18], [120, 116, 112]], float
)


@dataclass(frozen=True)
class Kit:
    """Colours [3] RGB 0..255 of one set of clothes, and how many stripes or hoops the shirt has (0: none)."""

    shirt: Floats
    second: Floats
    sleeve: Floats
    shorts: Floats
    socks: Floats
    stripes: float = 0.0
    hoops: float = 0.0
    number: float = 1.0


def colour(rng: np.random.Generator) -> Floats:
    """Return a colour [3] clubs wear: saturated, white, black or dark; seldom the green of the grass."""
    kind = rng.random()
    if kind < 0.22:
        return np.full(3, rng.uniform(205, 245)) + rng.normal(0, 4, 3)
    if kind < 0.36:
        return np.full(3, rng.uniform(18, 55)) + rng.uniform(0, 14, 3)
    hue = rng.choice([0.0, 0.01, 0.58, 0.62, 0.65, 0.14, 0.15, 0.08, 0.9, 0.78, rng.random(), rng.random()])
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(0.6, 1), rng.uniform(0.45, 1))) * 235 + 10


def kit(rng: np.random.Generator) -> Kit:
    """Return a random kit."""
    shirt, second = colour(rng), colour(rng)
    shorts = (
        shirt
        if rng.random() < 0.4
        else (np.full(3, rng.choice([28.0, 235.0])) if rng.random() < 0.6 else second)
    )
    socks = shirt if rng.random() < 0.5 else shorts if rng.random() < 0.6 else second
    pattern = rng.random()
    stripes = rng.uniform(2.2, 4.5) if pattern < 0.16 else 0.0
    hoops = rng.uniform(5, 9) if 0.16 < pattern < 0.24 else 0.0
    return Kit(shirt, second, shirt if rng.random() < 0.8 else second, shorts, socks, stripes, hoops)


def match_kits(rng: np.random.Generator) -> list[Kit]:
    """Return kits of team 0, team 1, goalkeeper 0, goalkeeper 1 and the referees, shirts well apart from
    each other."""
    chosen: list[Kit] = []
    apart = 130.0
    while len(chosen) < 5:
        new = kit(rng)
        if len(chosen) == 4:
            dark = np.full(3, rng.uniform(20, 40))
            shirt = [dark, np.array([226.0, 224, 40]), np.array([40.0, 190, 220]), colour(rng)][
                rng.integers(4)
            ]
            new = Kit(shirt, dark, shirt, dark, dark, number=0.0)
        apart *= 0.97
        if all(np.abs(new.shirt - other.shirt).sum() > apart for other in chosen):
            chosen.append(new)
    return chosen


def clothes(rng: np.random.Generator) -> Kit:
    """Return what somebody at the edge of the pitch wears: coats, track suits, hi-vis vests."""
    vest = rng.random()
    if vest < 0.35:
        shirt = np.array([[235, 220, 40], [240, 120, 30], [150, 230, 60]], float)[
            rng.integers(3)
        ] * rng.uniform(0.7, 1)
    else:
        shirt = np.full(3, rng.uniform(15, 90)) + rng.uniform(0, 50, 3)
    legs = np.full(3, rng.uniform(15, 80)) + rng.uniform(0, 20, 3)
    return Kit(shirt, legs, shirt, legs, legs, number=0.0)


def looks(rng: np.random.Generator, kits: list[Kit]) -> Looks:
    """Return one person for each of `kits`."""
    count = len(kits)
    skin = _SKIN[rng.integers(0, len(_SKIN), count)] * rng.uniform(0.88, 1.08, (count, 1))
    hair = _HAIR[rng.integers(0, len(_HAIR), count)] * rng.uniform(0.8, 1.1, (count, 1))
    hair = np.where(rng.random((count, 1)) < 0.08, skin * 0.9, hair)
    boots = np.where(rng.random((count, 1)) < 0.4, 30.0, rng.uniform(60, 250, (count, 3)))

    def stack(name: str) -> Floats:
        return np.stack([np.asarray(getattr(k, name), float) for k in kits])

    sleeve = stack("sleeve")
    return Looks(
        *(stack("shirt"), stack("second"), sleeve, stack("shorts"), stack("socks"), skin, hair, boots),
        rng.uniform(1.68, 1.95, count),
        rng.uniform(0.92, 1.14, count),
        *(stack("stripes"), stack("hoops"), stack("number")),
    )
