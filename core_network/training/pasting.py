"""Copy-paste within a picture (arXiv 2012.07177): people who overlap, balls before other grounds.

Labels are boxes and points, so what is cut out is what differs from the ground right around it: light, camera
and grass stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core_network.training.stills import Still

__all__ = ["opacity_of", "with_balls_pasted", "with_copies", "with_people_pasted"]

_MOST_PEOPLE, _MOST_BALLS = 4, 2
_NEAR_SHARE = 0.6
"""Share of pasted people who are put beside another, so that the two overlap; the others go anywhere."""
_COVERED = 0.6
"""People of whom more than this is covered by one pasted over them are no longer asked for."""
_GROUND_DISTANCE = (22.0, 60.0)
"""RGB distance to the ground, in grey levels, at which a pixel begins to be and surely is of the person."""
_CUT_SHARE = (0.25, 0.85)
"""Share of the box that a person can fill; another one means that the ground was not even."""
_OTHER_GROUND = 45.0
"""RGB distance, in grey levels, from which a place is not the ball's kind of ground."""
_BALL_RADIUS = 9
"""Px of the kept picture around a ball's centre that hold it and some ground."""

Pixels = NDArray[np.uint8]


def with_copies(still: Still, rng: np.random.Generator) -> tuple[Still, list[int]]:
    """Return the still with copies of people and balls, and which person of the original each person is.

    Stills whose past is known are returned as they are.
    """
    more, originals = with_people_pasted(still, rng)
    return with_balls_pasted(more, rng), originals


def with_people_pasted(still: Still, rng: np.random.Generator) -> tuple[Still, list[int]]:
    """Return the still with up to four of its people copied, and which person of the original each one is.

    Most copies stand half over somebody else, on the line where their original stands, so that their size is
    right. Stills without people, or whose past is known, are returned as they are.
    """
    if still.people is None or len(still.people) < 2 or still.earlier:
        return still, list(range(0 if still.people is None else len(still.people)))
    pixels, boxes = still.pixels().copy(), list(still.people)
    originals = list(range(len(boxes)))
    for _ in range(int(rng.integers(1, _MOST_PEOPLE + 1))):
        number = int(rng.integers(len(still.people)))
        source = still.people[number]
        cut = _cut_person(still.pixels(), source)
        if cut is None:
            continue
        width, height = source[2:] - source[:2]
        x, y = _place_of(source, boxes, still.pixels().shape[1], rng)
        box = np.array([x, y, x + width, y + height], np.float32)
        if box[1] < 0 or box[3] > pixels.shape[0] or not _blend(pixels, cut, int(x), int(y)):
            continue
        seen = [at for at, other in enumerate(boxes) if _covered(other, box) <= _COVERED]
        boxes = [boxes[at] for at in seen] + [box]
        originals = [originals[at] for at in seen] + [number]
    return replace(still, picture=pixels, people=np.stack(boxes).astype(np.float32)), originals


def with_balls_pasted(still: Still, rng: np.random.Generator) -> Still:
    """Return the still with one or two copies of its ball elsewhere on ground of its kind, paler or brighter.

    The difference between ball and ground is added to the new ground. Stills without a ball, or whose past is
    known, are returned as they are.
    """
    if still.balls is None or not len(still.balls) or still.earlier:
        return still
    pixels, balls = still.pixels().copy(), list(still.balls)
    height, width = pixels.shape[:2]
    r = _BALL_RADIUS
    for _ in range(int(rng.integers(1, _MOST_BALLS + 1))):
        x, y = (int(v) for v in still.balls[rng.integers(len(still.balls))])
        if not (r <= x < width - r and r <= y < height - r):
            continue
        patch = still.pixels()[y - r : y + r + 1, x - r : x + r + 1].astype(np.float32)
        away = np.hypot(*np.mgrid[-r : r + 1, -r : r + 1])[..., None]
        ground = np.median(patch[away[..., 0] > r - 2], axis=0)
        difference = (patch - ground) * np.clip((r - away) / 3, 0, 1) * rng.uniform(0.7, 1.1)
        # Grass that is merely uneven must not travel with the ball.
        difference[np.abs(difference).max(-1) < 12] = 0
        to_x, to_y = int(rng.integers(r, width - r)), int(rng.integers(r, height - r))
        spot = pixels[to_y - r : to_y + r + 1, to_x - r : to_x + r + 1]
        if np.linalg.norm(np.median(spot, axis=(0, 1)) - ground) > _OTHER_GROUND:
            continue  # the stands: a ball there would teach to find balls in a crowd
        spot[:] = np.clip(spot + difference, 0, 255).astype(np.uint8)
        balls.append(np.array([to_x, to_y], np.float32))
    return replace(still, picture=pixels, balls=np.stack(balls).astype(np.float32))


def opacity_of(
    pixels: Pixels, box: NDArray[np.float32]
) -> tuple[tuple[slice, slice], NDArray[np.float32]] | None:
    """Return a box's rows and columns and how much of each pixel there is a person's, 0..1, [h, w, 1].

    It is what differs from the ground right beside, row by row; None for a small box or one at the edge.
    """
    x0, y0, x1, y1 = (int(v) for v in np.rint(box))
    height, width = pixels.shape[:2]
    if x1 - x0 < 8 or y1 - y0 < 16 or x0 < 3 or y0 < 3 or x1 > width - 3 or y1 > height - 3:
        return None
    beside = [pixels[y0:y1, x0 - 3 : x0], pixels[y0:y1, x1 : x1 + 3]]
    ground = np.median(np.concatenate(beside, 1).astype(np.float32), axis=1, keepdims=True)
    low, high = _GROUND_DISTANCE
    away = np.linalg.norm(pixels[y0:y1, x0:x1] - ground, axis=-1)
    opacity = np.clip((away - low) / (high - low), 0, 1)[..., None].astype(np.float32)
    return (slice(y0, y1), slice(x0, x1)), opacity


def _cut_person(pixels: Pixels, box: NDArray[np.float32]) -> tuple[Pixels, NDArray[np.float32]] | None:
    """Return the pixels [h, w, 3] and the opacity [h, w, 1] of a person, None where the ground is uneven."""
    found = opacity_of(pixels, box)
    if found is None or not _CUT_SHARE[0] <= found[1].mean() <= _CUT_SHARE[1]:
        return None
    return pixels[found[0]], found[1]


def _place_of(
    source: NDArray[np.float32], boxes: list[NDArray[np.float32]], width: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return left and top of a copy: beside somebody as far away as the original, or anywhere on its line."""
    bottom = float(source[3])
    alike = [box for box in boxes if abs(box[3] - bottom) < 0.8 * (source[3] - source[1])]
    if alike and rng.random() < _NEAR_SHARE:
        other = alike[rng.integers(len(alike))]
        shift = (other[2] - other[0]) * rng.uniform(0.3, 1.0) * rng.choice((-1.0, 1.0))
        return float(other[0] + shift), float(source[1] + (other[3] - bottom) * rng.uniform(0.4, 1.0))
    return float(rng.uniform(0, width - (source[2] - source[0]))), float(source[1])


def _blend(pixels: Pixels, cut: tuple[Pixels, NDArray[np.float32]], x: int, y: int) -> bool:
    """Lay a cut over the pixels with its top left corner at x, y; False where it would not fit."""
    part, opacity = cut
    height, width = part.shape[:2]
    if x < 0 or y < 0 or x + width > pixels.shape[1] or y + height > pixels.shape[0]:
        return False
    spot = pixels[y : y + height, x : x + width]
    spot[:] = (spot * (1 - opacity) + part * opacity).astype(np.uint8)
    return True


def _covered(box: NDArray[np.float32], by: NDArray[np.float32]) -> float:
    """Return the share of `box` inside `by`, 0..1."""
    overlap = np.clip(np.minimum(box[2:], by[2:]) - np.maximum(box[:2], by[:2]), 0, None).prod()
    return float(overlap / max((box[2:] - box[:2]).prod(), 1e-6))
