"""Painted lines and goals, as antialiased coverage in the picture."""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from core_network.scenes.camera import Camera

Floats = npt.NDArray[np.floating[Any]]

LENGTH, WIDTH = 105.0, 68.0
_PAINT, _NET = 255, 80
_SUB = 4
_STRIP = 64


def _path(*points: tuple[float, float]) -> Floats:
    """Return straight strokes through `points` as [n, 3] m with a point every 2 m, so that clipping costs
    little."""
    corners = np.array([(*p, 0.0) for p in points])
    steps = [np.linspace(p, q, max(2, int(np.linalg.norm(q - p) / 2) + 1)) for p, q in pairwise(corners)]
    return np.concatenate([steps[0], *(s[1:] for s in steps[1:])])


def _arc(x: float, y: float, radius: float, start: float, stop: float) -> Floats:
    """Return an arc as [n, 3] m."""
    angle = np.linspace(start, stop, max(8, int(abs(stop - start) * radius * 1.2)))
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle), 0 * angle], 1)


def _lines() -> list[Floats]:
    """Return every painted line (IFAB Laws of the Game, law 1) as [n, 3] m."""
    half = LENGTH / 2
    lines = [
        _path((0, 0), (LENGTH, 0), (LENGTH, WIDTH), (0, WIDTH), (0, 0)),
        _path((half, 0), (half, WIDTH)),
        _arc(half, WIDTH / 2, 9.15, 0, 2 * np.pi),
        _arc(half, WIDTH / 2, 0.08, 0, 2 * np.pi),
    ]
    for goal, inward in ((0.0, 1.0), (LENGTH, -1.0)):
        for depth, reach in ((16.5, 20.16), (5.5, 9.16)):
            front = goal + inward * depth
            lines.append(
                _path((goal, 34 - reach), (front, 34 - reach), (front, 34 + reach), (goal, 34 + reach))
            )
        middle = 0.0 if inward > 0 else np.pi
        lines.append(_arc(goal + inward * 11, 34, 9.15, middle - 0.925, middle + 0.925))
        lines.append(_arc(goal + inward * 11, 34, 0.08, 0, 2 * np.pi))
        lines += [
            _arc(goal, y, 1.0, middle, middle + inward * t * np.pi / 2) for y, t in ((0.0, 1), (WIDTH, -1))
        ]
    return lines


def _goals() -> tuple[list[Floats], list[Floats]]:
    """Return posts and net threads of both goals as polylines [n, 3] in m."""
    posts: list[Floats] = []
    nets: list[Floats] = []
    for goal, out in ((0.0, -1.0), (LENGTH, 1.0)):
        low, high, top, back = 34 - 3.66, 34 + 3.66, goal + out * 1.2, goal + out * 2.0
        posts.append(np.array([[goal, low, 0], [goal, low, 2.44], [goal, high, 2.44], [goal, high, 0]]))
        nets += [np.array([[goal, y, 2.44], [top, y, 2.3], [back, y, 0]]) for y in np.linspace(low, high, 25)]
        for t in np.linspace(0, 1, 9):
            x, z = back + (top - back) * t, 2.3 * t
            nets.append(np.array([[goal, low, z], [x, low, z], [x, high, z], [goal, high, z]]))
    return posts, nets


@functools.cache
def _segments() -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Return starts and ends [n, 3] m, half widths [n] m and coverage [n] 0..255 of all strokes, nets
    before posts."""
    posts, nets = _goals()
    rows = []
    for paths, width, value in ((_lines(), 0.12, _PAINT), (nets, 0.03, _NET), (posts, 0.14, _PAINT)):
        for path in paths:
            rows += [(*p, *q, width / 2, value) for p, q in pairwise(path)]
    table = np.array(rows)
    return table[:, :3], table[:, 3:6], table[:, 6], table[:, 7].astype(np.int64)


def coverage(camera: Camera) -> npt.NDArray[np.float32]:
    """Return how much of each pixel is line, post or net, float32 [H, W] 0..1."""
    quads, value = _quads(camera)
    top, bottom = quads[:, 1::2].min(1), quads[:, 1::2].max(1)
    result = np.empty((camera.height, camera.width), np.float32)
    for row in range(0, camera.height, _STRIP):
        tall = min(_STRIP, camera.height - row)
        here = (bottom >= row * _SUB - 1) & (top <= (row + tall) * _SUB)
        if not here.any():
            result[row : row + tall] = 0
            continue
        mask = Image.new("L", (camera.width * _SUB, tall * _SUB))
        pen = ImageDraw.Draw(mask)
        shifted = quads[here] - np.tile([0.0, row * _SUB], 4)
        for quad, level in zip(shifted.tolist(), value[here].tolist(), strict=True):
            pen.polygon(quad, fill=level)
            # A polygon thinner than a pixel of the mask has gaps; its middle keeps the stroke in one piece.
            x0, y0, x1, y1, x2, y2, x3, y3 = quad
            pen.line(((x0 + x3) / 2, (y0 + y3) / 2, (x1 + x2) / 2, (y1 + y2) / 2), fill=level)
        np.multiply(np.asarray(mask.reduce(_SUB)), np.float32(1 / 255), out=result[row : row + tall])
    return result


def _quads(camera: Camera) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the strokes in the picture as corners [n, 8] (x, y, ...) in px / _SUB, and their coverage [n]
    0..255."""
    starts, ends, half, value = _segments()
    ground = (starts[:, 2] == 0) & (ends[:, 2] == 0) & (half > 0.05) & (half < 0.065)
    run = ends - starts
    side = np.stack([-run[:, 1], run[:, 0], 0 * half], 1) * (half / np.linalg.norm(run, axis=1))[:, None]
    side[~ground] = 0
    corners, depth = camera.project(np.stack([starts + side, ends + side, ends - side, starts - side], 1))
    line = corners[:, 1] - corners[:, 0]
    across = np.stack([-line[:, 1], line[:, 0]], 1) / (np.linalg.norm(line, axis=1, keepdims=True) + 1e-9)
    wide = (
        across[:, None]
        * (half[:, None] * camera.focal / depth)[..., None]
        * np.array([1, 1, -1, -1])[None, :, None]
    )
    corners = np.where(ground[:, None, None], corners, corners + wide)
    low, high = corners.min(1), corners.max(1)
    shown = (
        (depth > 1.0).all(1) & (high > 0).all(1) & (low[:, 0] < camera.width) & (low[:, 1] < camera.height)
    )
    return (corners[shown] * _SUB - 0.5).clip(-30000, 60000).reshape(-1, 8), value[shown]
