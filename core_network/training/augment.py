"""Random views of labelled stills, made with the same `prepare` that serves."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from core_network.prepare import prepare
from core_network.training.stills import Still

__all__ = ["Sample", "full_view", "random_view"]


@dataclass(frozen=True)
class Sample:
    """One network input and its truth in px of that input."""

    image: NDArray[np.uint8]  # [H, W, 3]
    people: NDArray[np.float32] | None
    balls: NDArray[np.float32] | None


def full_view(still: Still, width: int, height: int, flip: bool = False) -> Sample:
    """Return the whole picture, letterboxed, and its truth."""
    pixels = still.pixels()
    return _view(
        still, pixels, (0, 0, pixels.shape[1], pixels.shape[0]), width, height, flip, keep_aspect=True
    )


def random_view(still: Still, width: int, height: int, rng: np.random.Generator, full_share: float) -> Sample:
    """Return the whole picture (with probability `full_share`) or a part, zoomed in 1 to 2.3 times.

    Half of them are mirrored.
    """
    flip = bool(rng.random() < 0.5)
    if rng.random() < full_share:
        return full_view(still, width, height, flip)
    pixels = still.pixels()
    full_height, full_width = pixels.shape[:2]
    zoom = float(np.exp(rng.uniform(0.0, np.log(2.3))))
    aspect = width / height * float(np.exp(rng.normal(0, 0.07)))
    crop_width = min(full_width / zoom, full_height / zoom * aspect)
    crop_height = min(full_height, crop_width / aspect)
    anchor = rng.random(2) * (full_width, full_height)
    if still.balls is not None and len(still.balls) and rng.random() < 0.5:
        anchor = still.balls[rng.integers(len(still.balls))]
    elif still.people is not None and len(still.people):
        box = still.people[rng.integers(len(still.people))]
        anchor = (box[:2] + box[2:]) / 2
    left = int(np.clip(anchor[0] - crop_width * rng.random(), 0, full_width - crop_width))
    top = int(np.clip(anchor[1] - crop_height * rng.random(), 0, full_height - crop_height))
    return _view(
        still, pixels, (left, top, int(crop_width), int(crop_height)), width, height, flip, keep_aspect=False
    )


def _view(
    still: Still,
    pixels: NDArray[np.uint8],
    crop: tuple[int, int, int, int],
    width: int,
    height: int,
    flip: bool,
    *,
    keep_aspect: bool,
) -> Sample:
    left, top, crop_width, crop_height = crop
    part = pixels[top : top + crop_height, left : left + crop_width]
    if flip:
        part = part[:, ::-1]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="rgb24")
    image, view = prepare(frame, width, height, None if keep_aspect else (width, height))
    scale = np.array([view.width * width / crop_width, view.height * height / crop_height], np.float32)
    shift = np.array([view.x0 * width, view.y0 * height], np.float32)

    def mapped(points: NDArray[np.float32]) -> NDArray[np.float32]:
        points = points - np.array([left, top], np.float32)
        if flip:
            points = np.stack([crop_width - points[:, 0], points[:, 1]], 1)
        return (points * scale + shift).astype(np.float32)

    people = balls = None
    if still.people is not None:
        a, b = mapped(still.people[:, :2]), mapped(still.people[:, 2:])
        boxes = np.concatenate([np.minimum(a, b), np.maximum(a, b)], 1)
        # Labels follow the visible part of a person; one who is cut by most of the body is left out.
        clipped = np.clip(boxes, [0, 0, 0, 0], [width, height, width, height])
        whole = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        people = clipped[(clipped[:, 2:] - clipped[:, :2]).prod(1) > 0.4 * whole].astype(np.float32)
    if still.balls is not None:
        at = mapped(still.balls)
        balls = at[((at >= 0) & (at < [width, height])).all(1)]
    return Sample(image, people, balls)
