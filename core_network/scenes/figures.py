"""People of the match: from gait and heading to a skeleton of capsules in the picture."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core_network.scenes.camera import Camera
from core_network.scenes.raster import Capsules, Torso

Floats = npt.NDArray[np.floating[Any]]


@dataclass
class Looks:
    """What N people wear and are: colours [N, 3] RGB 0..255, height in m, build as a factor, shirt pattern
    bands."""

    shirt: Floats
    second: Floats
    sleeve: Floats
    shorts: Floats
    socks: Floats
    skin: Floats
    hair: Floats
    boots: Floats
    height: Floats
    build: Floats
    stripes: Floats
    hoops: Floats
    number: Floats

    def lit(self, light: Floats) -> Looks:
        """Return the same people in a light [3] that is 1 where it is neutral."""
        tinted = ("shirt", "second", "sleeve", "shorts", "socks", "skin", "hair", "boots")
        return replace(self, **{name: getattr(self, name) * light for name in tinted})

    def take(self, index: npt.NDArray[np.intp]) -> Looks:
        """Return the looks of the people `index` [M]."""
        return Looks(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass
class Motion:
    """How N people stand or run.

    place [N, 2] in m, heading and phase of the stride in radians, effort 0 (stands) to 1 (sprints),
    raise_left and raise_right are how far an arm is lifted sideways in radians, jump in m.
    """

    place: Floats
    heading: Floats
    phase: Floats
    effort: Floats
    raise_left: Floats
    raise_right: Floats
    jump: Floats

    def take(self, index: npt.NDArray[np.intp]) -> Motion:
        """Return the motion of the people `index` [M]."""
        return Motion(*(getattr(self, field.name)[index] for field in fields(self)))


def _leg(angle: Floats, flex: Floats, side: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return hip, knee, ankle, toe [N, 3] as forward, left, up in body heights for a thigh angle and knee
    flex [N]."""
    zero, hip_side = np.zeros_like(angle), np.full_like(angle, side * 0.052)
    hip = np.stack([zero, hip_side, np.full_like(angle, 0.52)], 1)
    knee = hip + 0.24 * np.stack([np.sin(angle), zero, -np.cos(angle)], 1)
    shin = angle - flex
    ankle = knee + 0.235 * np.stack([np.sin(shin), zero, -np.cos(shin)], 1)
    toe = ankle + 0.075 * np.stack([np.cos(shin * 0.7), zero + side * 0.25, np.sin(shin * 0.7) - 0.15], 1)
    return hip, knee, ankle, toe


def _arm(
    angle: Floats, bend: Floats, lift: Floats, lean: Floats, side: float
) -> tuple[Floats, Floats, Floats]:
    """Return shoulder, elbow, hand [N, 3] for a swing angle, elbow bend, sideways lift and torso lean [N]."""
    shoulder = np.stack(
        [0.29 * np.sin(lean), np.full_like(angle, side * 0.105), 0.53 + 0.29 * np.cos(lean)], 1
    )
    out = 0.16 + lift
    elbow = shoulder + 0.155 * np.stack(
        [np.sin(angle) * np.cos(out), side * np.sin(out), -np.cos(angle) * np.cos(out)], 1
    )
    fore, wide = angle + bend, out * 0.7 + np.where(lift > 1.2, 0.8, 0)
    hand = elbow + 0.16 * np.stack(
        [np.sin(fore) * np.cos(wide), side * np.sin(wide), -np.cos(fore) * np.cos(wide)], 1
    )
    return shoulder, elbow, hand


def capsules(looks: Looks, motion: Motion, camera: Camera) -> tuple[Capsules, Torso, Floats]:
    """Return the body of each person as capsules in the picture, the shirt pattern, and the depth [N] in
    m."""
    effort, phase = motion.effort, motion.phase
    swing = 0.06 + 0.72 * effort
    thighs = [swing * np.sin(phase) + 0.1 * effort, -swing * np.sin(phase) + 0.1 * effort]
    flexes = [
        0.06 + effort * (0.25 + 1.35 * np.maximum(0, np.cos(phase))),
        0.06 + effort * (0.25 + 1.35 * np.maximum(0, -np.cos(phase))),
    ]
    lean = 0.03 + 0.22 * effort
    legs = [_leg(thighs[i], flexes[i], (1, -1)[i]) for i in (0, 1)]
    bend = 0.2 + 0.95 * np.minimum(effort * 1.6, 1)
    lifts = [motion.raise_left, motion.raise_right]
    arms = [
        _arm(
            (-1, 1)[i] * swing * 0.9 * np.sin(phase) - 0.35 * effort,
            bend * (lifts[i] < 1),
            lifts[i],
            lean,
            (1, -1)[i],
        )
        for i in (0, 1)
    ]
    drop = np.minimum(legs[0][2][:, 2], legs[1][2][:, 2]) - 0.035 - 0.03 * effort * np.abs(np.cos(phase))
    zero = np.zeros_like(lean)

    def up(height: float, forward: float = 0.0, left: float = 0.0) -> Floats:
        rise = height - 0.53
        return np.stack([rise * np.sin(lean) + forward, zero + left, 0.53 + rise * np.cos(lean)], 1)

    joints = [*(j for leg in legs for j in leg), *(j for arm in arms for j in arm)]
    joints += [
        up(0.57),
        up(0.775),
        up(0.805, 0, 0.075),
        up(0.805, 0, -0.075),
        up(0.895, 0.012),
        up(0.935, 0.012),
    ]
    joints += [up(0.94, -0.012), up(0.962, 0.004), up(0.53, 0, 0.04), up(0.53, 0, -0.04)]
    body = np.stack(joints, 1)
    body[:, :, 2] -= drop[:, None]
    body *= looks.height[:, None, None]
    cos, sin = np.cos(motion.heading)[:, None], np.sin(motion.heading)[:, None]
    world = np.stack(
        [
            motion.place[:, :1] + body[:, :, 0] * cos - body[:, :, 1] * sin,
            motion.place[:, 1:] + body[:, :, 0] * sin + body[:, :, 1] * cos,
            body[:, :, 2] + motion.jump[:, None],
        ],
        2,
    )
    pixels, depth = camera.project(world)
    scale = looks.height * camera.focal / depth[:, 14]
    near_left = depth[:, 8] < depth[:, 11]
    return *_assemble(pixels, scale, near_left, looks, motion, camera), depth[:, 14]


def _assemble(
    pixels: Floats,
    scale: Floats,
    near_left: npt.NDArray[np.bool_],
    looks: Looks,
    motion: Motion,
    camera: Camera,
) -> tuple[Capsules, Torso]:
    """Order the parts from far to near: far arm, far leg, near leg, trunk, head, near arm."""

    def limb(left: int, right: int, near: bool) -> Floats:
        return np.where((near_left == near)[:, None], pixels[:, left], pixels[:, right])

    def mid(a: Floats, b: Floats, t: float) -> Floats:
        return a + (b - a) * t

    slim = looks.build
    parts: list[tuple[Floats, Floats, float, float, Floats]] = []

    def arm(near: bool) -> None:
        shoulder, elbow, hand = (limb(8 + i, 11 + i, near) for i in range(3))
        parts.append((elbow, hand, 0.023, 0.021, looks.skin))
        parts.append((shoulder, mid(shoulder, elbow, 0.85), 0.036, 0.033, looks.sleeve))

    def leg(near: bool) -> None:
        hip, knee, ankle, toe = (limb(i, 4 + i, near) for i in range(4))
        parts.append((ankle, toe, 0.024, 0.02, looks.boots))
        parts.append((knee, ankle, 0.034, 0.023, looks.socks))
        parts.append((mid(hip, knee, 0.5), mid(knee, ankle, 0.12), 0.045, 0.032, looks.skin))
        parts.append((hip, mid(hip, knee, 0.66), 0.058, 0.05, looks.shorts))

    arm(False)
    leg(False)
    leg(True)
    parts.append((pixels[:, 22], pixels[:, 23], 0.058, 0.058, looks.shorts))
    parts.append((pixels[:, 15], pixels[:, 18], 0.034, 0.034, looks.skin))
    parts.append((pixels[:, 16], pixels[:, 17], 0.045, 0.045, looks.sleeve))
    parts.append((pixels[:, 14], pixels[:, 15], 0.076, 0.088, looks.shirt))
    parts.append((pixels[:, 18], pixels[:, 19], 0.046, 0.05, looks.skin))
    parts.append((pixels[:, 20], pixels[:, 21], 0.049, 0.046, looks.hair))
    arm(True)
    trunk = next(i for i, part in enumerate(parts) if part[4] is looks.shirt)
    facing = camera.position[:2] - motion.place
    facing = facing / np.linalg.norm(facing, axis=1, keepdims=True)
    back = -(np.cos(motion.heading) * facing[:, 0] + np.sin(motion.heading) * facing[:, 1])
    torso = Torso(
        trunk, looks.second, looks.stripes, looks.hoops, looks.number * (back > 0.45) * (scale > 40)
    )
    size = (scale * slim)[:, None]
    return (
        Capsules(
            np.stack([p[0] for p in parts], 1),
            np.stack([p[1] for p in parts], 1),
            np.array([p[2] for p in parts]) * size,
            np.array([p[3] for p in parts]) * size,
            np.stack([p[4] for p in parts], 1),
        ),
        torso,
    )
