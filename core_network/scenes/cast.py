"""Draw people and the ball from far to near and measure what of each can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core_network.scenes.camera import Camera
from core_network.scenes.figures import Looks, Motion, capsules
from core_network.scenes.raster import Capsules, Patches, blend, rasterise
from core_network.scenes.truth import BallTruth, PlayerTruth, Role, Truth

Floats = npt.NDArray[np.floating[Any]]

BALL_RADIUS = 0.11
_BUCKET = 13


@dataclass(frozen=True)
class Ball:
    """A ball at `place` [3] m that moves at `velocity` [3] m/s while the shutter is open for `shutter` s;
    `radius` in m."""

    place: Floats
    velocity: Floats
    shutter: float = 0.01
    colour: tuple[float, float, float] = (232.0, 232.0, 228.0)
    radius: float = BALL_RADIUS


@dataclass(frozen=True)
class Drawn:
    """Where things ended up: bounds [N, 4] px (not clipped), visible [N] 0..1, ball x, y, radius px and
    share seen; `owner` [H, W]: whose each pixel is, N for the ball, -1 for nobody."""

    bounds: Floats
    visible: Floats
    ball: tuple[float, float, float, float] | None
    owner: npt.NDArray[np.int8]


def cast_shadows(
    image: npt.NDArray[np.uint8], motion: Motion, height: Floats, camera: Camera, sun: Floats, strength: float
) -> None:
    """Darken `image` [H, W, 3] where each person shades the ground; `sun` [2] is the shadow of 1 m in m,
    strength 0..1."""
    foot = np.concatenate([motion.place, np.zeros((len(height), 1))], 1)
    tip = foot + np.concatenate([sun * height[:, None], np.zeros((len(height), 1))], 1)
    side = np.stack([-np.sin(motion.heading), np.cos(motion.heading), np.zeros_like(height)], 1) * 0.16
    hip = foot + (tip - foot) * 0.5
    ends = [
        (foot + side, hip),
        (foot - side, hip),
        (hip, foot + (tip - foot) * 0.8),
        (foot + (tip - foot) * 0.9, tip),
    ]
    a, depth = camera.project(np.stack([e[0] for e in ends], 1))
    b, _ = camera.project(np.stack([e[1] for e in ends], 1))
    bounds = np.concatenate([np.minimum(a, b).min(1), np.maximum(a, b).max(1)], 1)
    seen = (
        (depth.min(1) > 2.0)
        & (bounds[:, 2:] > -9).all(1)
        & (bounds[:, 0] < camera.width)
        & (bounds[:, 1] < camera.height)
    )
    seen &= (bounds[:, 2:] - bounds[:, :2] < camera.width / 2).all(1)
    if not seen.any():
        return
    a, b, depth = a[seen], b[seen], depth[seen]
    flat = np.abs(camera.rotation[2, 2]) ** 0.5
    radius = np.array([0.07, 0.07, 0.14, 0.09]) * flat * (camera.focal / depth[:, :1])
    dark = Capsules(a, b, radius, radius, np.zeros((*radius.shape, 3)))
    for group in np.array_split(np.argsort(-depth[:, 0]), max(1, len(depth) // 12)):
        patches = rasterise(dark.take(group))
        faded = Patches(patches.colour, patches.coverage * np.float32(strength), patches.corner)
        for n in range(len(group)):
            blend(image, faded, n)


def draw(
    image: npt.NDArray[np.uint8],
    looks: Looks,
    motion: Motion,
    ball: Ball | None,
    camera: Camera,
    covers: Sequence[tuple[int, int, int, int]] = (),
) -> Drawn:
    """Paint N people and the ball into `image` uint8 [H, W, 3]; `covers` (x0, y0, x1, y1 px) will be hidden
    by graphics."""
    bodies, torso, depth = capsules(looks, motion, camera)
    bounds = bodies.extents()
    count = len(depth)
    inside = (
        (bounds[:, 2] > 0)
        & (bounds[:, 0] < camera.width)
        & (bounds[:, 3] > 0)
        & (bounds[:, 1] < camera.height)
    )
    # Somebody right in front of the lens would fill the picture; nobody stands there.
    inside &= (bounds[:, 3] - bounds[:, 1] < 1.5 * camera.height) & (depth > 1.0)
    order = np.argsort(-depth)
    order = order[inside[order]]
    owner = np.full(image.shape[:2], -1, np.int8)
    seen: list[tuple[int, Any, npt.NDArray[np.bool_]]] = []
    ball_patch, ball_depth, ball_at = _ball_patch(ball, camera) if ball is not None else (None, 0.0, None)
    groups = np.array_split(order, max(1, round(len(order) / _BUCKET))) if len(order) else []
    for group in groups:
        patches = rasterise(bodies.take(group), torso.take(group))
        for n, who in enumerate(group):
            if ball_patch is not None and ball_depth > depth[who]:
                _place(image, owner, ball_patch, 0, count, seen, least=0.12)
                ball_patch = None
            _place(image, owner, patches, n, int(who), seen)
    if ball_patch is not None:
        _place(image, owner, ball_patch, 0, count, seen, least=0.12)
    for x0, y0, x1, y1 in covers:
        owner[y0:y1, x0:x1] = -1
    visible = np.zeros(count + 1)
    for who, window, body in seen:
        rows, columns, patch_rows, patch_columns = window
        own = body[patch_rows, patch_columns] & (owner[rows, columns] == who)
        visible[who] = own.sum() / max(int(body.sum()), 1)
    seen_ball = None if ball_at is None else (*ball_at, float(visible[count]))
    return Drawn(bounds, visible[:count], seen_ball, owner)


def _place(
    image: npt.NDArray[np.uint8],
    owner: npt.NDArray[np.int8],
    patches: Patches,
    n: int,
    who: int,
    seen: list[Any],
    least: float = 0.5,
) -> None:
    """Blend patch `n` and note which pixels, those covered more than `least`, now belong to `who`."""
    window = blend(image, patches, n)
    if window is not None:
        body = patches.coverage[n] > least
        owner[window[0], window[1]][body[window[2], window[3]]] = who
        seen.append((who, window, body))


def _ball_patch(
    ball: Ball, camera: Camera
) -> tuple[Patches | None, float, tuple[float, float, float] | None]:
    """Return the motion-blurred ball, its depth in m and its centre and radius in px (None where it is
    outside)."""
    ends, depth = camera.project(
        np.stack(
            [ball.place - ball.velocity * ball.shutter / 2, ball.place + ball.velocity * ball.shutter / 2]
        )
    )
    x, y = ends.mean(0)
    radius = ball.radius * camera.focal / depth[0]
    if depth[0] < 1.0 or not (0 <= x < camera.width and 0 <= y < camera.height):
        return None, 0.0, None
    smear = float(np.hypot(*(ends[1] - ends[0])))
    share = min(1.0, 2 * radius / (2 * radius + 0.8 * smear) + 0.12)
    r = np.full((1, 1), max(radius, 0.5))
    shape = Capsules(ends[None, :1], ends[None, 1:], r, r, np.array([[ball.colour]]))
    patch = rasterise(shape, light=(-0.12, -0.3))
    faded = Patches(patch.colour * np.float32(share), patch.coverage * np.float32(share), patch.corner)
    return faded, float(depth.mean()), (float(x), float(y), float(radius))


def picture_truth(
    drawn: Drawn,
    kind: npt.NDArray[np.int64],
    shirts: Floats,
    ball: Ball | None,
    camera: Camera,
    mirrored: bool,
) -> Truth:
    """Return the truth about what was drawn, mirrored when the picture will be.

    kind [N] is 0, 1 for the players of the teams, 2, 3 for their keepers, 4 for referees, negative for
    people who do not belong to the match; shirts [N, 3] are RGB.
    """
    width, height = camera.width, camera.height
    players = []
    for n in np.flatnonzero(kind >= 0):
        box = drawn.bounds[n].clip(0, [width, height, width, height])
        if drawn.visible[n] <= 0 or box[2] - box[0] < 1 or box[3] - box[1] < 1:
            continue
        x0, y0, x1, y1 = (float(v) for v in box)
        if mirrored:
            x0, x1 = width - x1, width - x0
        role: Role = "player" if kind[n] < 2 else "goalkeeper" if kind[n] < 4 else "referee"
        team = None if kind[n] == 4 else int(kind[n] % 2)
        r, g, b = (float(v) for v in shirts[n])
        players.append(PlayerTruth(int(n), role, team, (x0, y0, x1, y1), float(drawn.visible[n]), (r, g, b)))
    owner = drawn.owner[:, ::-1] if mirrored else drawn.owner
    if ball is None or drawn.ball is None:
        return Truth(players, None, owner=owner)
    x, y, radius, share = drawn.ball
    ahead, _ = camera.project(np.stack([ball.place, ball.place + ball.velocity * 0.01]))
    speed = float(np.hypot(*(ahead[1] - ahead[0]))) * 100
    over_ground = float(np.hypot(*ball.velocity[:2]))
    seen = BallTruth(width - x if mirrored else x, y, radius, share > 0.4, speed, over_ground)
    return Truth(players, seen, owner=owner)
