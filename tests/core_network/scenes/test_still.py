from __future__ import annotations

import numpy as np
import pytest

from core_network.scenes import random_still


def test_a_seed_decides_the_picture_and_its_truth() -> None:
    first, again, other = random_still(5, 320, 180), random_still(5, 320, 180), random_still(6, 320, 180)
    assert np.array_equal(first.image, again.image)
    assert first.truth == again.truth
    assert not np.array_equal(first.image, other.image)


def test_a_generator_goes_on_to_another_picture() -> None:
    rng = np.random.default_rng(1)
    assert not np.array_equal(random_still(rng, 160, 96).image, random_still(rng, 160, 96).image)


@pytest.mark.parametrize(("width", "height"), [(333, 187), (640, 352), (97, 301)])
def test_any_size(width: int, height: int) -> None:
    scene = random_still(3, width, height)
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8


def test_truth_stays_inside_the_picture_and_names_known_roles() -> None:
    roles: set[str] = set()
    balls = 0
    for seed in range(20):
        truth = random_still(seed, 320, 180).truth
        assert len({player.id for player in truth.players}) == len(truth.players)
        for player in truth.players:
            x0, y0, x1, y1 = player.box
            assert 0 <= x0 < x1 <= 320
            assert 0 <= y0 < y1 <= 180
            assert 0 < player.visible <= 1
            assert (player.team is None) == (player.role == "referee")
            roles.add(player.role)
        if truth.ball is not None:
            balls += 1
            assert 0 <= truth.ball.x <= 320
            assert truth.ball.radius > 0
    assert roles == {"player", "goalkeeper", "referee"}
    assert balls > 10


def test_mirroring_moves_the_truth_with_the_picture() -> None:
    """Boxes hold pixels unlike those beside them, in mirrored pictures too."""
    for seed in range(6):
        scene = random_still(seed, 640, 352)
        picture = scene.image.astype(float)
        contrast = []
        for player in scene.truth.players:
            x0, y0, x1, y1 = (int(v) for v in player.box)
            if player.visible < 0.9 or y1 - y0 < 20 or x0 < 12 or x1 > 628:
                continue
            middle = picture[
                y0 + (y1 - y0) // 4 : y0 + (y1 - y0) // 2, x0 + (x1 - x0) // 3 : x1 - (x1 - x0) // 3
            ]
            beside = picture[y0 + (y1 - y0) // 4 : y0 + (y1 - y0) // 2, x0 - 10 : x0 - 6]
            contrast.append(np.abs(middle.mean((0, 1)) - beside.mean((0, 1))).sum())
        assert not contrast or np.median(contrast) > 25
