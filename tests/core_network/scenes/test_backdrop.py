from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_network.scenes.backdrop import render
from core_network.scenes.camera import Camera
from core_network.scenes.stadium import stadium

POSITION = np.array([52.5, -36.0, 20])
CAMERA = Camera.looking_at(POSITION, np.array([60.0, 30, 0]), 700, 640, 360)
PLAIN = stadium(np.random.default_rng(3), plain=True)
# One flat colour for each surface, so that a pixel tells what its ray has hit.
GROUND = replace(
    PLAIN,
    grass=np.array([40.0, 120, 40]),
    stripe=0.0,
    patchiness=0.0,
    grain=0.0,
    shade=0.0,
    line=1.0,
    boards=np.full((3, 20, 2400), 200.0, np.float32) * np.array([[[1.0]], [[0.1]], [[0.1]]], np.float32),
    facade=np.array([60.0, 60, 200]),
    palette=np.full((3, 192), 90.0, np.float32),
    light=np.ones(3),
)
PICTURE = render(GROUND, CAMERA, 1).astype(int)


def seen(x: float, y: float, z: float) -> np.ndarray:
    (column, row), _ = CAMERA.project(np.array([x, y, z]))
    return PICTURE[int(row), int(column)]


@pytest.mark.parametrize("x", [45.0, 60, 75])
def test_each_surface_is_where_it_stands_in_the_world(x: float) -> None:
    back = 68 + GROUND.far
    assert np.abs(seen(x, 30, 0) - [40, 120, 40]).max() <= 2
    assert np.abs(seen(x, back, GROUND.board_height / 2) - [200, 20, 20]).max() <= 2
    ribbon = GROUND.tier + 0.7
    assert np.abs(seen(x, back + 1.5 + (ribbon - 1.6) / GROUND.rake, ribbon) - [60, 60, 200]).max() <= 2
    person = GROUND.tier - 1
    assert np.abs(seen(x, back + 1.5 + (person - 1.6) / GROUND.rake, person) - 90).max() <= 2


@pytest.mark.parametrize(("x", "y"), [(52.5, 20), (52.5 + 9.15, 34), (88.5, 34), (52.5 - 9.15, 34), (70, 68)])
def test_lines_are_white_where_the_laws_put_them(x: float, y: float) -> None:
    """The far touchline is thinner than a pixel here, so it only has to be brighter than the grass."""
    (column, row), _ = CAMERA.project(np.array([x, y, 0.0]))
    around = PICTURE[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2, 0]
    assert around.max() > (80 if y == 68 else 130)
    assert np.abs(seen(x - 1.2, y - 1.2, 0) - [40, 120, 40]).max() <= 2


def test_light_scales_every_surface() -> None:
    dim = render(replace(GROUND, light=np.full(3, 0.5)), CAMERA, 1).astype(int)
    bright = (PICTURE > 40) & (PICTURE < 240)
    assert np.abs(dim - PICTURE * 0.5)[bright].max() <= 2
