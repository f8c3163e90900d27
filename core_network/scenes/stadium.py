"""What one stadium looks like: grass, boards, stands, light."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core_network.scenes.kits import colour

Floats = npt.NDArray[np.floating[Any]]

KINDS = 64
BOARD_PX = 20
_WORDS = (
    *("NORDLYS", "KESTREL", "ALPINA", "MERIDIAN", "OAKLINE", "VELA", "TERRANO"),
    *("BLUEFJORD", "SOLARIS", "HEXA", "ZEPHYR", "QUANTA", "RIVERA", "LUMEN"),
)


@dataclass(frozen=True)
class Stadium:
    """One ground: everything that does not move. Colours [3] are RGB 0..255, lengths are in m."""

    grass: Floats
    tint: Floats
    stripe: float
    stripe_width: float
    stripe_along: bool
    patchiness: float
    grain: float
    line: float
    margin: float
    surround: Floats
    near_strip: float
    near_roof: Floats
    near_crowd: float
    far: float
    board_height: float
    boards: npt.NDArray[np.float32]
    palette: Floats
    facade: Floats
    tier: float
    tier_two: float
    rake: float
    sky: Floats
    shade_line: Floats
    shade: float
    light: Floats


def stadium(rng: np.random.Generator, plain: bool = False) -> Stadium:
    """Return a random ground; `plain` keeps to what a first division broadcast looks like."""
    wild = 0.35 if plain else 1.0
    green = np.array([62.0, 116, 46]) + rng.normal(0, 1, 3) * np.array([16.0, 18, 14]) * wild
    if not plain and rng.random() < 0.06:
        green = green[[1, 1, 2]] * np.array([1.0, 0.85, 0.7])
    fans, other = colour(rng), colour(rng)
    sunny = rng.random() < 0.4
    angle = rng.uniform(0, 2 * np.pi)
    return Stadium(
        grass=green.clip(20, 190),
        tint=np.array([0.8, 1.0, 0.5]),
        stripe=rng.uniform(3, 9) if plain else rng.uniform(0, 13) * (rng.random() < 0.85),
        stripe_width=rng.uniform(4.6, 6.2) if plain else rng.uniform(3.5, 9),
        stripe_along=bool(plain or rng.random() < 0.75),
        patchiness=rng.uniform(1.5, 6) * (1 if plain else rng.uniform(0.3, 2)),
        grain=rng.uniform(2, 6) * (1 if plain else rng.uniform(0.3, 1.7)),
        line=rng.uniform(0.55, 0.9),
        margin=rng.uniform(3.5, 7),
        surround=(
            green * rng.uniform(0.7, 1) if rng.random() < 0.6 else np.full(3, rng.uniform(50, 120))
        ).clip(15, 190),
        near_strip=rng.uniform(5, 7.5),
        near_roof=colour(rng) * rng.uniform(0.7, 1),
        near_crowd=rng.uniform(9, 13),
        far=rng.uniform(4, 8),
        board_height=rng.uniform(0.85, 1.15),
        boards=boards(rng),
        palette=_palette(rng, fans, other),
        facade=fans * rng.uniform(0.3, 0.8),
        tier=rng.uniform(5, 10),
        tier_two=rng.uniform(8, 16),
        rake=rng.uniform(0.45, 0.75),
        sky=np.full(3, rng.uniform(8, 45))
        if rng.random() < 0.75
        else np.array([150.0, 180, 215]) * rng.uniform(0.6, 1),
        shade_line=np.array([np.cos(angle), np.sin(angle), rng.uniform(-15, 15)]),
        shade=rng.uniform(0.3, 0.55) if sunny and rng.random() < 0.5 else 0.0,
        light=np.ones(3) if plain else rng.uniform(0.7, 1.12) * (1 + rng.normal(0, 0.05, 3)),
    )


@functools.cache
def _lettering() -> list[npt.NDArray[np.float32]]:
    """Return the coverage float32 [20, w] 0..1 of each company's name."""
    font = ImageFont.load_default(16)
    masks = []
    for word in _WORDS:
        mask = Image.new("L", (int(font.getlength(word)) + 2, BOARD_PX))
        ImageDraw.Draw(mask).text((1, 0), word, fill=255, font=font)
        masks.append(np.asarray(mask, np.float32) / np.float32(255))
    return masks


def boards(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a strip of advertisements of made-up companies, float32 [3, 20, 2400]; 20 px are one board
    high."""
    strip = np.zeros((3, BOARD_PX, 2400), np.float32)
    house = [colour(rng) * rng.uniform(0.5, 1) for _ in range(int(rng.integers(1, 4)))]
    masks = _lettering()
    x = 0
    while x < 2400:
        back = house[rng.integers(len(house))] if rng.random() < 0.7 else colour(rng)
        ink = np.full(3, 240.0) if back.mean() < 130 else np.full(3, 24.0)
        if rng.random() < 0.3:
            ink = colour(rng)
        mask = masks[rng.integers(len(masks))]
        margin = int(rng.integers(8, 30))
        board = np.pad(mask, ((0, 0), (margin, margin)))[:, : 2400 - x]
        strip[:, :, x : x + board.shape[1]] = back[:, None, None] + board * (ink - back)[:, None, None]
        x += board.shape[1]
    return strip


def _palette(rng: np.random.Generator, fans: Floats, other: Floats) -> Floats:
    """Return float32 [3, 3 * KINDS] (channel, entry): colours of empty seats, bodies and heads for KINDS
    kinds of spectator."""
    seat = colour(rng) * rng.uniform(0.3, 0.8)
    body = rng.uniform(10, 110, (KINDS, 1)) + rng.normal(0, 18, (KINDS, 3))
    loyal = rng.random(KINDS) < rng.uniform(0.05, 0.6)
    body[loyal] = fans * rng.uniform(0.5, 1, (int(loyal.sum()), 1))
    guest = rng.random(KINDS) < 0.12
    body[guest] = other * rng.uniform(0.4, 1, (int(guest.sum()), 1))
    head = np.array([190.0, 145, 115]) * rng.uniform(0.25, 1.0, (KINDS, 1))
    empty = rng.random(KINDS) < rng.choice([0.05, 0.15, 0.5, 0.9], p=[0.5, 0.3, 0.1, 0.1])
    body[empty], head[empty] = seat, seat * 0.8
    table = np.concatenate([np.repeat((seat * 0.35)[None], KINDS, 0), body, head])
    return np.ascontiguousarray((table * rng.uniform(0.45, 1.0)).clip(0, 245).T, np.float32)
