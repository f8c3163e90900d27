"""Antialiased shaded capsules, drawn for many figures at once on small patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

# Grain is added to the bytes of a finished picture without a carry, so colours stay away from both ends.
DARKEST, BRIGHTEST = 12, 243


@dataclass(frozen=True)
class Capsules:
    """K tapered capsules for each of N figures, painted in order k = 0..K-1.

    a, b [N, K, 2] are the end points in px, ra, rb [N, K] the radii there in px, colour [N, K, 3] is RGB
    0..255.
    """

    a: Floats
    b: Floats
    ra: Floats
    rb: Floats
    colour: Floats

    def extents(self) -> Floats:
        """Return the exact bounds [N, 4] (x0, y0, x1, y1 in px) of each figure."""
        low = np.minimum(self.a - self.ra[..., None], self.b - self.rb[..., None]).min(1)
        high = np.maximum(self.a + self.ra[..., None], self.b + self.rb[..., None]).max(1)
        return np.concatenate([low, high], 1)

    def take(self, index: npt.NDArray[np.intp]) -> Capsules:
        """Return the capsules of the figures `index` [M]."""
        return Capsules(self.a[index], self.b[index], self.ra[index], self.rb[index], self.colour[index])


@dataclass(frozen=True)
class Torso:
    """Which capsule carries a shirt pattern, and the pattern of each figure.

    second [N, 3] is the pattern's RGB, stripes and hoops [N] are bands per radius or length (0: none),
    number [N] is 1 where the back with its number faces the camera.
    """

    part: int
    second: Floats
    stripes: Floats
    hoops: Floats
    number: Floats

    def take(self, index: npt.NDArray[np.intp]) -> Torso:
        """Return the patterns of the figures `index` [M]."""
        return Torso(
            self.part, self.second[index], self.stripes[index], self.hoops[index], self.number[index]
        )


@dataclass(frozen=True)
class Patches:
    """Premultiplied colour [N, h, w, 3] and coverage [N, h, w] (0..1) of N figures; top left corners [N, 2]
    (x, y) px."""

    colour: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.float32]
    corner: npt.NDArray[np.intp]


def rasterise(
    capsules: Capsules, torso: Torso | None = None, light: tuple[float, float] = (-0.16, -0.2)
) -> Patches:
    """Draw N figures on equally large patches (px) that contain each of them whole; `light` is the shading
    per radius."""
    bounds = capsules.extents()
    corner = np.floor(bounds[:, :2]).astype(np.intp) - 1
    size = np.ceil(bounds[:, 2:]).astype(np.intp) + 1 - corner
    width, height = int(size[:, 0].max()), int(size[:, 1].max())
    count, parts = capsules.ra.shape
    colour = np.zeros((3, count, height, width), np.float32)
    cover = np.zeros((count, height, width), np.float32)
    xs, ys = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    a = (capsules.a - corner[:, None]).astype(np.float32)
    b = (capsules.b - corner[:, None]).astype(np.float32)
    ra, rb = capsules.ra.astype(np.float32), capsules.rb.astype(np.float32)
    paint = capsules.colour.astype(np.float32)
    low = np.floor(np.minimum(a - ra[..., None], b - rb[..., None]).min(0) - 1).astype(int).clip(0)
    high = np.ceil(np.maximum(a + ra[..., None], b + rb[..., None]).max(0) + 1).astype(int)
    for k in range(parts):
        rows, columns = slice(low[k, 1], high[k, 1]), slice(low[k, 0], high[k, 0])
        px = xs[columns] - a[:, k, :1]
        py = ys[rows] - a[:, k, 1:]
        axis = b[:, k] - a[:, k]
        squared = (axis * axis).sum(1) + np.float32(1e-6)
        along = (px * (axis[:, :1] / squared[:, None]))[:, None, :] + (py * (axis[:, 1:] / squared[:, None]))[
            :, :, None
        ]
        free = along if torso is not None and k == torso.part else None
        along = np.clip(along, 0, 1)
        ex = px[:, None, :] - along * axis[:, 0, None, None]
        ey = py[:, :, None] - along * axis[:, 1, None, None]
        radius = ra[:, k, None, None] + along * (rb[:, k] - ra[:, k])[:, None, None]
        alpha = np.clip(radius - np.sqrt(ex * ex + ey * ey) + np.float32(0.5), 0, 1)
        inverse = 1 / (ra[:, k] + np.float32(0.3))
        shade = ex * (light[0] * inverse)[:, None, None]
        shade += ey * (light[1] * inverse)[:, None, None]
        shade += 1
        shade *= alpha
        keep = 1 - alpha
        pattern = None
        if free is not None and torso is not None:
            side = (ex * axis[:, 1, None, None] - ey * axis[:, 0, None, None]) * (inverse / np.sqrt(squared))[
                :, None, None
            ]
            pattern = _pattern(torso, side, free)
        for channel in range(3):
            window = colour[channel, :, rows, columns]
            window *= keep
            tone: Any = paint[:, k, channel, None, None]
            if pattern is not None and torso is not None:
                tone = tone + pattern * (torso.second[:, channel].astype(np.float32)[:, None, None] - tone)
            window += shade * tone
        window = cover[:, rows, columns]
        window *= keep
        window += alpha
    return Patches(np.moveaxis(colour, 0, 3), cover, corner)


def _pattern(torso: Torso, side: Floats, along: Floats) -> Floats:
    """Return the weight [N, h, w] of the second shirt colour at `side` (-1..1 across) and `along` (0..1 up)
    of the chest."""
    stripes, hoops, number = (
        v.astype(np.float32)[:, None, None] for v in (torso.stripes, torso.hoops, torso.number)
    )
    bands = np.where(stripes > 0, np.sin(side * stripes * np.pi), 0) + np.where(
        hoops > 0, np.sin(along * hoops * np.pi), 0
    )
    digits = (np.abs(side) < 0.42) & (np.abs(along - 0.55) < 0.26) & (np.abs(np.abs(side) - 0.05) > 0.05)
    weight: Floats = np.clip(bands * 3, 0, 1)
    weight += number * digits * (1 - 2 * weight)
    return weight


def blend(image: npt.NDArray[np.uint8], patches: Patches, n: int) -> tuple[slice, slice, slice, slice] | None:
    """Paint figure `n` into `image` [H, W, 3]; return image rows and columns, patch rows and columns, None
    if outside."""
    window = overlap(image.shape, patches, n)
    if window is None:
        return None
    rows, columns, patch_rows, patch_columns = window
    region = image[rows, columns]
    keep = 1 - patches.coverage[n, patch_rows, patch_columns]
    region[:] = (region * keep[..., None] + patches.colour[n, patch_rows, patch_columns]).clip(
        DARKEST, BRIGHTEST
    )
    return window


def overlap(shape: tuple[int, ...], patches: Patches, n: int) -> tuple[slice, slice, slice, slice] | None:
    """Return where patch `n` lies in a picture of `shape` [H, W, ...]: its rows, columns and those of the
    patch."""
    height, width = patches.coverage.shape[1:]
    x, y = int(patches.corner[n, 0]), int(patches.corner[n, 1])
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, shape[1]), min(y + height, shape[0])
    if x1 <= x0 or y1 <= y0:
        return None
    return slice(y0, y1), slice(x0, x1), slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
