"""Single pictures of as much variety as possible, to train on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core_network.scenes import cast
from core_network.scenes.backdrop import render, smooth_noise
from core_network.scenes.camera import Camera
from core_network.scenes.figures import Motion
from core_network.scenes.kits import clothes, colour, looks, match_kits
from core_network.scenes.markings import LENGTH, WIDTH
from core_network.scenes.raster import BRIGHTEST, DARKEST
from core_network.scenes.stadium import stadium
from core_network.scenes.truth import Scene

Floats = npt.NDArray[np.floating[Any]]
Picture = npt.NDArray[np.uint8]


def random_still(rng: np.random.Generator | int, width: int = 1280, height: int = 720) -> Scene:
    """Return a random football picture of `width` x `height` px; the same seed gives the same picture.

    Varied: camera pose and zoom, kits, light and shadows, grass, boards, crowd, people beside the pitch
    (who are in no
    truth), score graphics, blur, noise and JPEG loss.
    """
    rng = np.random.default_rng(rng)
    camera, focus = _pose(rng, width, height)
    ground = stadium(rng)
    image = render(ground, camera, int(rng.integers(1, 9999)))
    kits = match_kits(rng)
    motion, kind = _places(rng, focus)
    people = looks(rng, [kits[k] if k >= 0 else clothes(rng) for k in kind])
    _shadows(rng, image, motion, people.height, camera)
    ball = _ball(rng, motion, kind, focus)
    flip = bool(rng.random() < 0.5)
    captions = _captions(rng, width, height)
    covers = [c.box for c in captions if c.paper is not None]
    if flip:
        covers = [(max(0, width - x1), y0, max(0, width - x0), y1) for x0, y0, x1, y1 in covers]
    drawn = cast.draw(image, people.lit(ground.light), motion, ball, camera, covers)
    truth = cast.picture_truth(drawn, kind, people.shirt, ball, camera, mirrored=flip)
    if flip:
        image = np.ascontiguousarray(image[:, ::-1])
    _overlay(image, captions)
    return Scene(_degrade(rng, image), truth)


def _pose(rng: np.random.Generator, width: int, height: int) -> tuple[Camera, Floats]:
    """Return a camera and the point [2] on the pitch that it looks at."""
    focus = np.array([rng.uniform(8, 97), rng.uniform(8, 58)])
    shot = rng.random()
    if shot < 0.72:
        position = np.array([LENGTH / 2 + rng.normal(0, 7), -rng.uniform(14, 45), rng.uniform(9, 26)])
        tall = np.exp(rng.normal(np.log(40), 0.35))
    elif shot < 0.84:
        position = np.array(
            [rng.choice([-1, 1]) * rng.uniform(62, 85) + LENGTH / 2, rng.uniform(-20, 50), rng.uniform(8, 25)]
        )
        tall = np.exp(rng.normal(np.log(44), 0.35))
    else:
        position = np.array([LENGTH / 2 + rng.normal(0, 25), -rng.uniform(8, 25), rng.uniform(3, 12)])
        tall = np.exp(rng.uniform(np.log(60), np.log(230)))
    target = np.array([*focus, rng.uniform(0, 1.5)])
    focal = np.clip(tall / 1.82 * np.linalg.norm(target - position), 420, 9000) * width / 1280
    camera = Camera.looking_at(position, target, focal, width, height, rng.normal(0, 0.012))
    return camera, focus


def _places(rng: np.random.Generator, focus: Floats) -> tuple[Motion, npt.NDArray[np.int64]]:
    """Return how everybody stands and their kit: 0, 1 teams, 2, 3 keepers, 4 referees, -1 for people who do
    not play."""
    outfield = rng.integers(14, 21)
    place, kind = [], []
    huddle = focus + rng.normal(0, 4, 2)
    spread = rng.uniform(5, 16)
    for i in range(outfield):
        near = rng.random() < 0.75
        place.append(huddle + rng.normal(0, spread, 2) if near else rng.uniform((0, 0), (LENGTH, WIDTH)))
        kind.append(i % 2)
    if rng.random() < 0.5:
        for i in range(2, len(place), 5):
            place[i] = place[i - 1] + rng.normal(0, 0.6, 2)
    for side in (0, 1):
        goal = np.array([rng.uniform(0.5, 8), 34 + rng.normal(0, 2.5)])
        place.append(goal if side == 0 else np.array([LENGTH, 68]) - goal)
        kind.append(2 + side)
    place.append(focus + rng.normal(0, 9, 2))
    place += [np.array([rng.uniform(0, 60), -0.6]), np.array([rng.uniform(45, 105), WIDTH + 0.6])]
    kind += [4, 4, 4]
    place = [
        p.clip((0.3, 0.3), (LENGTH - 0.3, WIDTH - 0.3)) if k < 4 else p
        for p, k in zip(place, kind, strict=True)
    ]
    for _ in range(rng.integers(0, 16)):
        edge = rng.random()
        x, beyond = rng.uniform(-3, LENGTH + 3), rng.uniform(2.0, 3.6)
        if edge < 0.4:
            place.append(np.array([x, -beyond if rng.random() < 0.7 else -rng.uniform(7, 13)]))
        elif edge < 0.75:
            place.append(np.array([x, WIDTH + beyond]))
        else:
            place.append(np.array([-beyond if edge < 0.87 else LENGTH + beyond, rng.uniform(0, WIDTH)]))
        kind.append(-1)
    kinds = np.array(kind)
    count = len(kind)
    effort = np.where(rng.random(count) < 0.25, 0.0, rng.beta(1.3, 1.8, count)) * np.where(kinds < 0, 0.15, 1)
    raised = (rng.random((2, count)) < 0.05) * rng.uniform(1, 2.7, (2, count)) + rng.uniform(
        0, 0.25, (2, count)
    )
    keeper = (kinds == 2) | (kinds == 3)
    raised += keeper * (rng.random(count) < 0.4) * rng.uniform(0.2, 1.0, count)
    jump = (rng.random(count) < 0.04) * rng.uniform(0, 0.6, count)
    heading, phase = rng.uniform(0, 2 * np.pi, (2, count))
    return Motion(np.array(place), heading, phase, effort, raised[0], raised[1], jump), kinds


def _ball(
    rng: np.random.Generator, motion: Motion, kind: npt.NDArray[np.int64], focus: Floats
) -> cast.Ball | None:
    """Return the ball: at a foot, rolling, in the air, or (seldom) not in play."""
    where = rng.random()
    if where < 0.05:
        return None
    playing = np.flatnonzero((kind >= 0) & (kind < 4))
    nearest = playing[np.argsort(np.linalg.norm(motion.place[playing] - focus, axis=1))[: rng.integers(1, 6)]]
    who = rng.choice(nearest)
    z = cast.BALL_RADIUS
    if where < 0.55:
        ahead = motion.heading[who] + rng.normal(0, 0.5)
        place = motion.place[who] + rng.uniform(0.3, 1.4) * np.array([np.cos(ahead), np.sin(ahead)])
        speed = abs(rng.normal(0, 4))
    else:
        place = focus + rng.normal(0, 7, 2)
        speed = rng.uniform(0, 24)
        if rng.random() < 0.45:
            z = rng.uniform(0.2, 7)
    turn = rng.uniform(0, 2 * np.pi)
    velocity = np.array([speed * np.cos(turn), speed * np.sin(turn), rng.normal(0, 3) * (z > 0.2)])
    tone = rng.uniform(205, 245)
    shade = (
        np.array([1, 1, rng.uniform(0.7, 1)])
        if rng.random() < 0.85
        else np.array([1, rng.uniform(0.6, 1), 0.35])
    )
    r, g, b = (float(v) for v in shade * tone)
    return cast.Ball(
        np.array([*place, z]),
        velocity,
        float(rng.uniform(0.001, 0.016)),
        (r, g, b),
        float(rng.uniform(0.11, 0.15)),
    )


def _shadows(
    rng: np.random.Generator, image: Picture, motion: Motion, height: Floats, camera: Camera
) -> None:
    """Cast one hard shadow of the sun, or the faint star of floodlights."""
    turn = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:
        sun = rng.uniform(0.3, 1.8) * np.array([np.cos(turn), np.sin(turn)])
        cast.cast_shadows(image, motion, height, camera, sun, rng.uniform(0.2, 0.55))
        return
    for k in range(int(rng.integers(1, 4))):
        lamp = rng.uniform(0.3, 0.9) * np.array([np.cos(turn + k * 1.7), np.sin(turn + k * 1.7)])
        cast.cast_shadows(image, motion, height, camera, lamp, rng.uniform(0.06, 0.2))


@dataclass(frozen=True)
class _Caption:
    """Text on a box (x0, y0, x1, y1 px) of a colour [3] (None: the text lies on the picture itself)."""

    box: tuple[int, int, int, int]
    text: str
    ink: tuple[int, int, int]
    paper: tuple[int, int, int] | None


def _captions(rng: np.random.Generator, wide: int, tall: int) -> list[_Caption]:
    """Return what a broadcaster lays over a picture of wide x tall px: score, name strip, blocks, channel
    mark."""
    found: list[_Caption] = []
    word = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUV"), 12))

    def add(x: float, y: float, width: float, height: float, text: str, bare: bool = False) -> None:
        box = (int(x * wide), int(y * tall), int((x + width) * wide), int((y + height) * tall))
        r, g, b = (int(v) for v in (colour(rng) * rng.choice([0.4, 1.0])).clip(DARKEST, BRIGHTEST))
        ink = (235, 235, 235) if bare or r + g + b < 400 else (20, 20, 24)
        found.append(_Caption(box, text, ink, None if bare else (r, g, b)))

    if rng.random() < 0.7:
        x = 0.72 if rng.random() < 0.2 else rng.uniform(0.02, 0.1)
        clock, goals = f"{rng.integers(90):02}:{rng.integers(60):02}", f"{rng.integers(5)}-{rng.integers(5)}"
        score = f"{clock} {word[:3]} {goals} {word[3:6]}"
        add(x, rng.uniform(0.03, 0.09), rng.uniform(0.17, 0.24), rng.uniform(0.04, 0.055), score)
    if rng.random() < 0.12:
        add(rng.uniform(0.1, 0.3), 0.83, rng.uniform(0.3, 0.6), rng.uniform(0.05, 0.1), word)
    if rng.random() < 0.1:
        add(rng.uniform(0, 0.8), rng.uniform(0, 0.12), rng.uniform(0.1, 0.35), rng.uniform(0.05, 0.1), "")
    if rng.random() < 0.35:
        add(rng.uniform(0.68, 0.85), rng.choice([0.04, 0.9]), 0.15, 0.045, word[:8], bare=True)
    return found


def _overlay(image: Picture, captions: list[_Caption]) -> None:
    """Draw `captions` into `image` [H, W, 3]."""
    sheet = Image.fromarray(image)
    pen = ImageDraw.Draw(sheet)
    for caption in captions:
        x0, y0, _, y1 = caption.box
        if caption.paper is not None:
            pen.rectangle(caption.box, fill=caption.paper)
        size = max(8, int((y1 - y0) * 0.7))
        pen.text(
            (x0 + size // 2, y0 + size // 6),
            caption.text,
            fill=caption.ink,
            font=ImageFont.load_default(size),
        )
    image[:] = np.asarray(sheet)


def _soften(image: Picture, axis: int) -> Picture:
    """Blur `image` [H, W, 3] with 1 2 1 along `axis` in place; bytes are averaged without widening them."""
    low, high = (image[:-1], image[1:]) if axis == 0 else (image[:, :-1], image[:, 1:])
    once = (low & high) + ((low ^ high) >> 1)
    low, high = (once[:-1], once[1:]) if axis == 0 else (once[:, :-1], once[:, 1:])
    inner = image[1:-1] if axis == 0 else image[:, 1:-1]
    inner[:] = (low | high) - ((low ^ high) >> 1)
    return image


def _degrade(rng: np.random.Generator, image: Picture) -> Picture:
    """Blur, pan blur, contrast, noise and JPEG loss, each in some pictures."""
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
        image = _soften(_soften(image, 0), 1)
    if rng.random() < 0.12:
        for _ in range(int(rng.integers(2, 7))):
            image = _soften(image, 1)
    if rng.random() < 0.5:
        curve = (np.arange(256) / 255) ** rng.uniform(0.8, 1.25) * 255 * rng.uniform(0.8, 1.2) + rng.uniform(
            -12, 22
        )
        sheet = Image.fromarray(image).point(curve.clip(DARKEST, BRIGHTEST).astype(int).tolist() * 3)
        image = np.array(sheet)
    strength = rng.uniform(0, 9) if rng.random() < 0.8 else 0.0
    grain = (smooth_noise(1) * strength).clip(-DARKEST, DARKEST).astype(np.int8).view(np.uint8)
    dy, dx = rng.integers(0, 512, 2)
    rows, columns = (np.arange(image.shape[0]) + dy) & 511, (np.arange(image.shape[1]) + dx) & 511
    patch = grain[rows].take(columns, axis=1)
    for channel in range(3):
        image[..., channel] += patch
    if rng.random() < 0.8:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=int(rng.uniform(28, 92)))
        image = np.array(Image.open(buffer))
    return image
