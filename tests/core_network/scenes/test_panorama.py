from __future__ import annotations

import numpy as np

from core_network.scenes.backdrop import render
from core_network.scenes.camera import Camera
from core_network.scenes.panorama import Panorama
from core_network.scenes.stadium import stadium

STAND = np.array([52.0, -36, 20])


def view(x: float, y: float, focal: float, width: int, height: int) -> Camera:
    return Camera.looking_at(STAND, np.array([x, y, 0.0]), focal, width, height)


def test_the_same_camera_gets_the_same_picture() -> None:
    camera = view(50, 20, 300, 200, 120)
    image = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    seen = Panorama(camera, image).view(camera).astype(int)
    assert np.abs(seen - image)[:-2, :-2].max() <= 1


def test_a_turned_view_matches_a_direct_picture_of_the_stadium() -> None:
    ground = stadium(np.random.default_rng(2), plain=True)
    wide, camera = view(52, 22, 500, 1200, 420), view(66, 26, 420, 200, 120)
    turned = Panorama(wide, render(ground, wide, 1)).view(camera).astype(float)
    direct = render(ground, camera, 1).astype(float)
    shifted = np.roll(direct, 6, axis=1)
    error, error_shifted = np.abs(turned - direct).mean(), np.abs(turned - shifted).mean()
    assert error < 12
    assert error < 0.75 * error_shifted


def test_beyond_its_edge_the_last_pixels_go_on() -> None:
    camera = view(50, 20, 300, 200, 120)
    image = np.full((120, 200, 3), 77, np.uint8)
    assert (Panorama(camera, image).view(view(20, 30, 250, 160, 90)) == 77).all()
