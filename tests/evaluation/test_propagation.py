"""Features that are moved along: motion is found, a moved latent follows it, ways see their frames."""

from __future__ import annotations

import numpy as np
import pytest

from core_network.motion import grey
from core_network.scenes.still import random_still
from evaluation import propagation
from evaluation.propagation import motion, moved


def test_a_pan_is_found_and_undone() -> None:
    wide = grey(random_still(3, 400, 192).image)
    before, now = wide[:, :320], wide[:, 16:336]  # the camera moved 16 px to the right
    places = motion(before, now)
    assert places.shape == (24, 40, 2)
    inside = places[2:-2, 2:-4]
    assert np.median(inside[..., 0]) == 16 and np.median(inside[..., 1]) == 0
    assert (np.abs(inside - [16, 0]).max(-1) <= 2).mean() > 0.9


def test_a_thing_that_moves_by_itself_is_found_in_its_block() -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(90, 110, (96, 160)).astype(np.uint8)
    thing = rng.integers(0, 255, (24, 24)).astype(np.uint8)
    now = before.copy()
    before[32:56, 40:64], now[32:56, 46:70] = thing, thing
    places = motion(before, now)
    assert tuple(places[5, 7]) == (-6, 0) and tuple(places[1, 15]) == (0, 0)


def test_a_moved_latent_is_that_of_the_place_it_came_from() -> None:
    latent = np.random.default_rng(1).standard_normal((3, 6, 8)).astype(np.float32)
    places = np.zeros((6, 8, 2), np.float32)
    assert np.array_equal(moved(latent, places), latent)
    places[...] = 8, -16  # a cell from the right, two from above
    assert np.allclose(moved(latent, places)[:, 2:, :-1], latent[:, :-2, 1:])
    places[...] = 4, 0
    assert np.allclose(
        moved(latent, places)[:, :, :-1], (latent[:, :, :-1] + latent[:, :, 1:]) / 2, atol=1e-6
    )


@pytest.mark.parametrize(
    ("way", "every", "wanted"),
    [("core", 1, [0, 1, 2, 3, 4]), ("held", 2, [0, 0, 2, 2, 4]), ("moved", 4, [0, 0, 0, 0, 4]),
     ("mixed", 1, [0, 0.5, 1.5, 2.5, 3.5])],
)  # fmt: skip
def test_each_way_uses_its_frames(way: str, every: int, wanted: list[float]) -> None:
    greys = [np.zeros((16, 24), np.uint8)] * 5
    latents = [np.full((1, 2, 3), number, np.float32) for number in range(5)]
    found = propagation._propagated(way, every, greys, latents)
    assert [float(latent.mean()) for latent in found] == wanted
