"""The empty stadium as one camera sees it: every pixel is cast onto the turf, the boards or a stand."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core_network.scenes.camera import Camera
from core_network.scenes.markings import LENGTH, WIDTH, coverage
from core_network.scenes.raster import BRIGHTEST, DARKEST
from core_network.scenes.stadium import BOARD_PX, KINDS, Stadium

Floats = npt.NDArray[np.floating[Any]]
Plane = npt.NDArray[np.float32]

_SEAT = 6
_BAND = 16


@functools.cache
def _crowd() -> npt.NDArray[np.uint8]:
    """Return a tile uint8 [90 * 6, 180 * 6] of palette indices: part (dark gap, body, head) x KINDS +
    kind."""
    rng = np.random.default_rng(7)
    rows, columns = 90, 180
    kind = rng.integers(0, KINDS, (rows, columns))
    cell = np.zeros((4, _SEAT, _SEAT), np.int64)
    for v in range(4):
        cell[v, 2:, (0 if v % 2 else 1) : 6] = 1
        cell[v, (0 if v < 2 else 1) : 3, 2 + v % 2 : 4 + v % 2] = 2
    tile = cell[rng.integers(0, 4, (rows, columns))] * KINDS + kind[..., None, None]
    tile[:, ::30] = 0
    return np.ascontiguousarray(
        tile.transpose(0, 2, 1, 3).reshape(rows * _SEAT, columns * _SEAT).astype(np.uint8)
    )


@functools.cache
def smooth_noise(cell: int) -> Plane:
    """Return a tile float32 [512, 512] of noise in about -1..1, `cell` px wide, that repeats without a
    seam."""
    small = np.random.default_rng(cell).random((512 // cell, 512 // cell), np.float32)
    wrapped = np.pad(small, 2, mode="wrap")
    size = (wrapped.shape[1] * cell, wrapped.shape[0] * cell)
    big = np.asarray(Image.fromarray(wrapped).resize(size, Image.Resampling.BICUBIC))
    return np.ascontiguousarray(big[2 * cell : 2 * cell + 512, 2 * cell : 2 * cell + 512] * 2 - 1)


def render(ground: Stadium, camera: Camera, seed: int) -> npt.NDArray[np.uint8]:
    """Return the empty stadium, uint8 RGB [H, W, 3] in DARKEST..BRIGHTEST; `seed` moves the grain of the
    grass."""
    out = np.empty((camera.height, camera.width, 3), np.uint8)
    paint = coverage(camera)
    for top in range(0, camera.height, _BAND):
        rows = slice(top, min(top + _BAND, camera.height))
        for channel, plane in enumerate(_band(ground, camera, rows, paint[rows], seed)):
            plane *= np.float32(ground.light[channel])
            np.clip(plane, DARKEST, BRIGHTEST, out=plane)
            out[rows, :, channel] = plane
    return out


def _walls(
    ground: Stadium, camera: Camera, dx: Plane, dy: Plane, dz: Plane
) -> tuple[Plane, npt.NDArray[np.bool_], Plane]:
    """Return how far the boards are along each ray, whether those behind a goal are hit first, and the
    height there."""
    cx, cy, cz = (float(v) for v in camera.position)
    left, right, back = -ground.far - cx, LENGTH + ground.far - cx, WIDTH + ground.far - cy
    to_end = np.where(dx > 0, np.float32(right), np.float32(left)) / np.where(
        np.abs(dx) < 1e-6, np.float32(1e-6), dx
    )
    to_far = np.where(dy > 1e-6, np.float32(back) / np.maximum(dy, np.float32(1e-6)), np.float32(1e9))
    wall = np.minimum(to_end, to_far)
    return wall, to_end < to_far, cz + wall * dz


def _band(ground: Stadium, camera: Camera, rows: slice, paint: Plane, seed: int) -> list[Plane]:
    """Return the colour planes [h, W] of the picture rows `rows`."""
    across = ((np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal).astype(np.float32)
    below = ((np.arange(rows.start, rows.stop) + 0.5 - camera.height / 2) / camera.focal).astype(np.float32)
    turn = camera.rotation.astype(np.float32)
    dx, dy, dz = ((turn[0, i] * across)[None] + (turn[1, i] * below + turn[2, i])[:, None] for i in range(3))
    corner = (slice(None, None, max(1, len(below) - 1)), slice(None, None, max(1, len(across) - 1)))
    # The turf within the boards is convex, so four corners on it mean that the whole band is on it.
    if (_walls(ground, camera, dx[corner], dy[corner], dz[corner])[2] <= 0).all():
        return _turf(ground, camera, dx, dy, dz, paint, rows.start, seed)
    wall, end, height = _walls(ground, camera, dx, dy, dz)
    above = np.flatnonzero(height > 0)
    some_turf = len(above) < height.size
    planes = (
        _turf(ground, camera, dx, dy, dz, paint, rows.start, seed)
        if some_turf
        else [np.empty_like(dx) for _ in "rgb"]
    )
    if len(above):
        x, y, z, w, h = (v.ravel().take(above) for v in (dx, dy, dz, wall, height))
        net = np.float32(0.8) * paint.ravel().take(above)
        stands = _stand(ground, camera, x, y, z, w, h, end.ravel().take(above))
        for plane, stand in zip(planes, stands, strict=True):
            plane.ravel()[above] = stand + (200 - stand) * net
    return planes


def _turf(
    ground: Stadium, camera: Camera, dx: Plane, dy: Plane, dz: Plane, paint: Plane, top: int, seed: int
) -> list[Plane]:
    """Return the colour planes [h, W] of the ground that the rays hit."""
    far = np.minimum(dz, np.float32(-1e-4))
    np.divide(np.float32(-camera.position[2]), far, out=far)
    x, y = far * dx, far * dy
    x += np.float32(camera.position[0])
    y += np.float32(camera.position[1])
    tall, wide = x.shape
    index = ((y * np.float32(12)).astype(np.int32) & 511) << 9
    index |= ((x * np.float32(8)).astype(np.int32) + np.int32(seed)) & 511
    value = smooth_noise(16).ravel().take(index, mode="clip")
    value *= np.float32(ground.patchiness)
    ys, xs = (np.arange(top, top + tall) * 2 + seed) & 511, (np.arange(wide) + seed * 7) & 511
    value += smooth_noise(2)[ys].take(xs, axis=1) * np.float32(ground.grain)
    if ground.stripe:
        wave = np.sin((x if ground.stripe_along else y) * np.float32(np.pi / ground.stripe_width))
        wave *= np.float32(5)
        np.clip(wave, -1, 1, out=wave)
        wave *= np.float32(ground.stripe)
        value += wave
    planes = [value * np.float32(t) + np.float32(g) for t, g in zip(ground.tint, ground.grass, strict=True)]
    off = np.abs(x - np.float32(LENGTH / 2)) > LENGTH / 2 + ground.margin
    off |= np.abs(y - np.float32(WIDTH / 2)) > WIDTH / 2 + min(ground.margin, 3.5)
    outside = np.flatnonzero(off)
    if len(outside):
        _surround(ground, planes, outside, x.ravel().take(outside), y.ravel().take(outside))
    white = paint * np.float32(ground.line)
    for plane in planes:
        plane += (np.float32(232) - plane) * white
    if ground.shade:
        a, b, c = (float(s) for s in ground.shade_line)
        dark = x * np.float32(2 * a) + (y * np.float32(2 * b) - np.float32(a * LENGTH + b * WIDTH + 2 * c))
        np.clip(dark, 0, 1, out=dark)
        dark = 1 - dark * np.float32(ground.shade)
        for plane in planes:
            plane *= dark
    return planes


def _surround(ground: Stadium, planes: list[Plane], at: npt.NDArray[np.intp], x: Plane, y: Plane) -> None:
    """Paint what lies around the turf at x, y [n] m: a track, and on the camera's side the dugout roofs and
    a crowd."""
    crowd = _people(ground, x, -y * np.float32(0.8))
    roof = np.where(np.sin(x * np.float32(1.1)) > -0.97, np.float32(1), np.float32(0.55))
    for channel, plane in enumerate(planes):
        track = np.float32(ground.surround[channel]) + np.float32(0.3) * (
            plane.ravel()[at] - np.float32(ground.grass[channel])
        )
        shelter = np.where(y < -ground.near_strip, roof * np.float32(ground.near_roof[channel]), track)
        plane.ravel()[at] = np.where(y < -ground.near_crowd, crowd[channel], shelter)


def _people(ground: Stadium, along: Plane, up: Plane) -> list[Plane]:
    """Return crowd colour planes [n] at `along` and `up` [n] in m on the stand."""
    tile = _crowd()
    row = (up * np.float32(-_SEAT / 0.75)).astype(np.int32) % tile.shape[0]
    column = (along * np.float32(_SEAT / 0.52)).astype(np.int32) % tile.shape[1]
    who = tile.ravel().take(row * tile.shape[1] + column, mode="clip")
    return [ground.palette[channel].take(who, mode="clip") for channel in range(3)]


def _stand(
    ground: Stadium,
    camera: Camera,
    dx: Plane,
    dy: Plane,
    dz: Plane,
    wall: Plane,
    wall_z: Plane,
    end: npt.NDArray[np.bool_],
) -> list[Plane]:
    """Return the colour planes [n] of what rises behind the pitch: boards, two tiers of crowd, the roof or
    sky."""
    cx, cy, cz = (np.float32(v) for v in camera.position)
    outward = np.where(end, np.abs(dx), dy)
    foot, gap, slope = np.float32(1.6), np.float32(1.5), np.float32(ground.rake)
    climb = dz - slope * outward
    far = (foot - cz - slope * (wall * outward + gap)) / np.minimum(climb, np.float32(-1e-5))
    far[climb > -1e-5] = 1e4
    height = cz + far * dz
    along = np.where(end, cy + far * dy + 37, cx + far * dx)
    planes = _people(ground, along, np.clip((height - foot) / slope, 0, 500))
    facade = np.float32(ground.tier + 1.4)
    second = np.float32(facade + ground.tier_two)
    tier = np.where(height > facade, np.float32(0.8), np.float32(1))
    ribbon = (height >= ground.tier) & (height < facade)
    glow = np.clip(1 - (height - second) * np.float32(1 / 30), 0.4, 1)
    roof = (height >= second) | (far > 9e3)
    board = wall_z < ground.board_height
    # Behind the right goal y falls from left to right on screen; letters must not be mirrored there.
    place = np.where(end, np.where(dx > 0, -cy - wall * dy, cy + wall * dy), cx + wall * dx)[board]
    v = (
        ((1 - wall_z[board] / np.float32(ground.board_height)) * BOARD_PX)
        .astype(np.int32)
        .clip(0, BOARD_PX - 1)
    )
    u = (place * np.float32(0.8 * BOARD_PX / ground.board_height)).astype(np.int32) % ground.boards.shape[2]
    texel = v * ground.boards.shape[2] + u
    for channel, plane in enumerate(planes):
        plane *= tier
        plane[ribbon] = ground.facade[channel]
        plane[:] = np.where(roof, glow * np.float32(ground.sky[channel]), plane)
        plane[height < foot] = 30
        plane[board] = ground.boards[channel].ravel().take(texel, mode="clip")
    return planes
