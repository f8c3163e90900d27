from __future__ import annotations

import numpy as np
import pytest

from core_network.scenes import cast
from core_network.scenes.camera import Camera
from core_network.scenes.figures import Looks, Motion
from core_network.scenes.kits import kit, looks

WIDTH, HEIGHT = 480, 270


def people(seed: int, spots: list[list[float]]) -> tuple[Looks, Motion]:
    rng = np.random.default_rng(seed)
    count = len(spots)
    wear = looks(rng, [kit(rng) for _ in range(count)])
    turn = rng.uniform(0, 6, (2, count))
    lift = rng.uniform(0, 2.5, (2, count))
    place = np.array(spots, float)
    return wear, Motion(place, turn[0], turn[1], rng.uniform(0, 1, count), lift[0], lift[1], np.zeros(count))


def camera() -> Camera:
    return Camera.looking_at(np.array([52.0, -30, 15]), np.array([52.0, 20, 0]), 1500, WIDTH, HEIGHT)


def changed(before: np.ndarray, after: np.ndarray, least: int = 4) -> np.ndarray:
    return np.abs(before.astype(int) - after.astype(int)).max(2) > least


@pytest.mark.parametrize("seed", range(12))
def test_a_box_is_tight_around_the_drawn_person(seed: int) -> None:
    empty = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    # Colours far from the background, so that every covered pixel differs.
    wear, motion = people(seed, [[52 + seed % 3, 18 + seed % 4]])
    wear = wear.lit(np.zeros(3))
    picture = empty.copy()
    drawn = cast.draw(picture, wear, motion, None, camera())
    rows, columns = np.nonzero(changed(empty, picture))
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(drawn.bounds[0] - found).max() <= 1.0
    assert drawn.visible[0] == 1.0


def test_a_person_behind_another_is_less_visible() -> None:
    wear, motion = people(3, [[52, 20], [52, 20.6], [57, 20]])
    drawn = cast.draw(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), wear, motion, None, camera())
    assert drawn.visible[0] == 1.0
    assert drawn.visible[1] < 0.7
    assert drawn.visible[2] == 1.0


def test_graphics_hide_people() -> None:
    wear, motion = people(3, [[52, 20]])
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert cast.draw(picture, wear, motion, None, camera(), [(0, 0, WIDTH, HEIGHT)]).visible[0] == 0.0


def test_part_of_a_body_outside_the_picture_is_not_visible() -> None:
    wear, motion = people(1, [[52, 20]])
    narrow = Camera.looking_at(np.array([52.0, -30, 15]), np.array([52.0, 20, 0]), 1500, 2, HEIGHT)
    drawn = cast.draw(np.full((HEIGHT, 2, 3), 128, np.uint8), wear, motion, None, narrow)
    assert 0 < drawn.visible[0] < 0.6


@pytest.mark.parametrize("velocity", [[0.0, 0, 0], [15.0, 5, 2], [-20.0, 0, 0]])
def test_the_ball_is_drawn_around_its_centre(velocity: list[float]) -> None:
    empty = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    picture = empty.copy()
    ball = cast.Ball(np.array([53.0, 21, 1.0]), np.array(velocity))
    wear, motion = people(0, [[20, 60]])
    drawn = cast.draw(picture, wear, motion, ball, camera())
    assert drawn.ball is not None
    x, y, radius, seen = drawn.ball
    rows, columns = np.nonzero(changed(empty, picture))
    weight = picture[rows, columns, 0].astype(float) - 30
    assert abs((columns * weight).sum() / weight.sum() + 0.5 - x) < 0.5
    assert abs((rows * weight).sum() / weight.sum() + 0.5 - y) < 0.5
    assert radius == pytest.approx(cast.BALL_RADIUS * 1500 / np.linalg.norm([1, 51, 14]), rel=0.1)
    assert seen == 1.0


def test_a_player_in_front_hides_the_ball() -> None:
    wear, motion = people(2, [[52, 20]])
    ball = cast.Ball(np.array([52.0, 20.5, 1.0]), np.zeros(3))
    drawn = cast.draw(np.full((HEIGHT, WIDTH, 3), 30, np.uint8), wear, motion, ball, camera())
    assert drawn.ball is not None
    assert drawn.ball[3] < 0.2


def test_shadows_darken_the_ground_but_do_not_reach_the_box() -> None:
    ground = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    picture = ground.copy()
    wear, motion = people(4, [[52, 20]])
    cast.cast_shadows(picture, motion, wear.height, camera(), np.array([1.2, 0.3]), 0.5)
    assert (picture <= ground).all()
    assert picture.min() < 80
