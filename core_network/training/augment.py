"""Random views of labelled stills, made with the same `prepare` that serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from core_network.motion import EARLIER, PLANES, grey, with_motion
from core_network.prepare import View, prepare
from core_network.training.stills import Still

__all__ = ["PAN_SHARE", "Sample", "full_view", "made_past", "random_view", "sheet_view"]

PAN_SHARE = 0.5
"""Share of stills that are given a past, as under a moving camera; the others have none, as after a cut."""
ZOOM = (1.0, 2.3)
"""Least and greatest enlargement of a part, 1 for one as wide as the picture."""
SHEET_ZOOM = (1.4, 2.8)
"""The same for the parts of a sheet, half as wide as it: things are about as large as in whole pictures."""
RECOLOURED_SHARE = 0.5
"""Share of a sheet's parts whose colours change places, so that a hall's colours say nothing of a ball."""
PAN_DEVIATION_PX, BALL_DEVIATION_PX = (5.0, 1.0), (9.0, 6.0)
"""Spread of the camera's and the ball's motion per frame, x and y, at 1280 px wide."""

Crop = tuple[int, int, int, int]  # left, top, width, height in px of the kept picture


@dataclass(frozen=True)
class Sample:
    """One network input and its truth in px of that input."""

    planes: NDArray[np.uint8]  # [H, W, 6], see core_network.motion.with_motion
    people: NDArray[np.float32] | None
    balls: NDArray[np.float32] | None
    doubtful: NDArray[np.float32] | None = None


def full_view(still: Still, width: int, height: int, flip: bool = False) -> Sample:
    """Return the whole picture, letterboxed, its past as it was, and its truth."""
    pixels = still.pixels()
    crop = (0, 0, pixels.shape[1], pixels.shape[0])
    return _view(still, pixels, still.earlier_pixels(), crop, width, height, flip, keep_aspect=True)


def random_view(
    still: Still,
    width: int,
    height: int,
    rng: np.random.Generator,
    full_share: float,
    hard_share: float = 0.0,
    zooms: tuple[float, float] = ZOOM,
) -> Sample:
    """Return the whole picture (with probability `full_share`) or a part, zoomed in `zooms` times.

    Half of them are mirrored; stills may be given a past. A part shows one of the still's hard places with
    probability `hard_share`.
    """
    flip = bool(rng.random() < 0.5)
    pixels = still.pixels()
    past = still.earlier_pixels()
    if not past and rng.random() < PAN_SHARE:
        past = made_past(pixels, still.balls, rng)
    full_height, full_width = pixels.shape[:2]
    if rng.random() < full_share:
        crop = (0, 0, full_width, full_height)
        return _view(still, pixels, past, crop, width, height, flip, keep_aspect=True)
    zoom = float(np.exp(rng.uniform(*np.log(zooms))))
    aspect = width / height * float(np.exp(rng.normal(0, 0.07)))
    crop_width = min(full_width / zoom, full_height / zoom * aspect)
    crop_height = min(full_height, crop_width / aspect)
    anchor = rng.random(2) * (full_width, full_height)
    if still.balls is not None and len(still.balls) and rng.random() < 0.5:
        anchor = still.balls[rng.integers(len(still.balls))]
    elif still.people is not None and len(still.people):
        box = still.people[rng.integers(len(still.people))]
        anchor = (box[:2] + box[2:]) / 2
    if still.hard is not None and len(still.hard) and rng.random() < hard_share:
        anchor = still.hard[rng.integers(len(still.hard))]
    left = int(np.clip(anchor[0] - crop_width * rng.random(), 0, full_width - crop_width))
    top = int(np.clip(anchor[1] - crop_height * rng.random(), 0, full_height - crop_height))
    crop = (left, top, int(crop_width), int(crop_height))
    return _view(still, pixels, past, crop, width, height, flip, keep_aspect=False)


def sheet_view(stills: Sequence[Still], width: int, height: int, rng: np.random.Generator) -> Sample:
    """Return parts of four stills side by side, two above two: four small balls for the price of one picture.

    Their people must not be labelled, and are not in the sample.
    """
    planes = np.empty((height, width, PLANES), np.uint8)
    balls = []
    for index, still in enumerate(stills):
        part = random_view(still, width // 2, height // 2, rng, 0.0, zooms=SHEET_ZOOM)
        if rng.random() < RECOLOURED_SHARE:
            part.planes[..., :3] = part.planes[..., rng.permutation(3)]
        x, y = index % 2 * width // 2, index // 2 * height // 2
        planes[y : y + height // 2, x : x + width // 2] = part.planes
        assert part.balls is not None
        balls.append(part.balls + np.array([x, y], np.float32))
    return Sample(planes, None, np.concatenate(balls))


def made_past(
    pixels: NDArray[np.uint8], balls: NDArray[np.float32] | None, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], ...]:
    """Return what earlier frames might have been, newest first: camera and ball moved."""
    pan = rng.normal(0, PAN_DEVIATION_PX)
    flight = rng.normal(0, BALL_DEVIATION_PX)
    past = []
    for ago in range(1, EARLIER + 1):
        picture = pixels
        for ball in () if balls is None else balls:
            picture = _with_ball_moved(picture, ball, -ago * flight)
        dx, dy = (int(v) for v in np.rint(-ago * pan))
        rows = np.clip(np.arange(pixels.shape[0]) + dy, 0, pixels.shape[0] - 1)
        columns = np.clip(np.arange(pixels.shape[1]) + dx, 0, pixels.shape[1] - 1)
        # `take` leaves rows of pixels side by side, as they are read next; an index would not.
        past.append(picture.take(rows, 0).take(columns, 1))
    return tuple(past)


def _with_ball_moved(
    pixels: NDArray[np.uint8], ball: NDArray[np.float32], by: NDArray[np.float64], radius: int = 9
) -> NDArray[np.uint8]:
    """Return the picture with the ball at ball + by, and the ground beside it where it was."""
    height, width = pixels.shape[:2]
    x, y = (int(v) for v in ball)
    to_x, to_y = int(x + by[0]), int(y + by[1])
    from_x = x + 2 * radius + 2 if x < width // 2 else x - 2 * radius - 2
    spots = ((x, y), (to_x, to_y), (from_x, y))
    if any(not (radius <= u < width - radius and radius <= v < height - radius) for u, v in spots):
        return pixels
    moved = pixels.copy()
    side = np.arange(-radius, radius + 1)
    away = np.hypot(side[:, None], side[None])[..., None]
    soft = np.clip((radius - away) / 3, 0, 1)

    def blend(at: tuple[int, int], source: tuple[int, int]) -> None:
        (u, v), (s, t) = at, source
        part = moved[v - radius : v + radius + 1, u - radius : u + radius + 1]
        new = pixels[t - radius : t + radius + 1, s - radius : s + radius + 1]
        part[:] = (part * (1 - soft) + new * soft).astype(np.uint8)

    blend((x, y), (from_x, y))
    blend((to_x, to_y), (x, y))
    return moved


def _prepared(
    pixels: NDArray[np.uint8], crop: Crop, width: int, height: int, flip: bool, keep_aspect: bool
) -> tuple[NDArray[np.uint8], View]:
    left, top, crop_width, crop_height = crop
    part = pixels[top : top + crop_height, left : left + crop_width]
    if flip:
        part = part[:, ::-1]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="rgb24")
    return prepare(frame, width, height, None if keep_aspect else (width, height))


def _view(
    still: Still,
    pixels: NDArray[np.uint8],
    past: tuple[NDArray[np.uint8], ...],
    crop: Crop,
    width: int,
    height: int,
    flip: bool,
    *,
    keep_aspect: bool,
) -> Sample:
    left, top, crop_width, crop_height = crop
    image, view = _prepared(pixels, crop, width, height, flip, keep_aspect)
    earlier = [grey(_prepared(before, crop, width, height, flip, keep_aspect)[0]) for before in past]
    planes = with_motion(image, grey(image), earlier)
    scale = np.array([view.width * width / crop_width, view.height * height / crop_height], np.float32)
    shift = np.array([view.x0 * width, view.y0 * height], np.float32)

    def mapped(points: NDArray[np.float32]) -> NDArray[np.float32]:
        points = points - np.array([left, top], np.float32)
        if flip:
            points = np.stack([crop_width - points[:, 0], points[:, 1]], 1)
        return (points * scale + shift).astype(np.float32)

    def seen(known: NDArray[np.float32]) -> NDArray[np.float32]:
        a, b = mapped(known[:, :2]), mapped(known[:, 2:])
        boxes = np.concatenate([np.minimum(a, b), np.maximum(a, b)], 1)
        # Labels follow the visible part of a person; one who is cut by most of the body is left out.
        clipped = np.clip(boxes, [0, 0, 0, 0], [width, height, width, height])
        whole = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        kept = clipped[(clipped[:, 2:] - clipped[:, :2]).prod(1) > 0.4 * whole]
        return np.asarray(kept, np.float32)

    people = seen(still.people) if still.people is not None else None
    doubtful = seen(still.doubtful) if still.doubtful is not None else None
    balls = None
    if still.balls is not None:
        at = mapped(still.balls)
        balls = at[((at >= 0) & (at < [width, height])).all(1)]
    return Sample(planes, people, balls, doubtful)
