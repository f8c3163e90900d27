"""Kits change together, and nothing else does."""

from __future__ import annotations

import numpy as np

from core_network.training.kits import hue_turned, with_other_kits
from core_network.training.stills import Still

GRASS, RED, WHITE = (60, 130, 50), (210, 40, 40), (240, 240, 240)
PEOPLE = np.array([[200, 300, 220, 350], [600, 300, 620, 350], [900, 300, 920, 350]], np.float32)
KITS = (RED, WHITE, RED)


def _still(**changes: object) -> Still:
    pixels = np.empty((720, 1280, 3), np.uint8)
    pixels[:] = GRASS
    for (x0, y0, x1, y1), kit in zip(PEOPLE.astype(int), KITS, strict=True):
        pixels[y0:y1, x0 + 4 : x1 - 4] = kit
    return Still("made", pixels, PEOPLE, None, **changes)  # type: ignore[arg-type]


def test_who_wore_the_same_still_does_and_the_ground_stays() -> None:
    still = _still()
    turned = with_other_kits(still, np.random.default_rng(4)).pixels()
    first, second, third = (turned[320, x].astype(int) for x in (210, 610, 910))
    assert np.array_equal(first, third)
    assert np.abs(first - RED).max() > 20
    assert np.abs(second - WHITE).max() <= 1
    nobody = (still.pixels() == GRASS).all(-1)
    assert np.array_equal(turned[nobody], still.pixels()[nobody])


def test_a_third_of_a_turn_changes_places_of_red_green_and_blue() -> None:
    assert hue_turned(np.array([[210, 40, 90]], np.uint8), 2 * np.pi / 3).tolist() == [[90, 210, 40]]


def test_stills_without_people_or_with_a_past_stay_as_they_are() -> None:
    for still in (_still(earlier=(b"",)), Still("made", _still().pixels(), None, None)):
        assert with_other_kits(still, np.random.default_rng(1)) is still
