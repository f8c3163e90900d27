"""What two teachers agree on, and where the playing surface is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from core_network.scenes import Match
from core_network.training.pseudo_labels import agreed_people, on_surface, playing_surface


def test_both_make_a_person_and_one_makes_a_doubt() -> None:
    first = np.array([[10, 10, 30, 60, 0.8], [100, 10, 120, 60, 0.7], [200, 10, 220, 60, 0.1]])
    second = np.array([[12, 12, 32, 62, 0.3], [300, 10, 320, 60, 0.9]])
    sure, doubtful = agreed_people(first, second)
    assert np.allclose(sure, [[11, 11, 31, 61]])
    assert np.allclose(doubtful, [[100, 10, 120, 60], [300, 10, 320, 60]])


def test_the_upper_half_of_a_person_is_no_person_and_half_a_court_no_doubt() -> None:
    whole, half = [10, 10, 40, 110, 0.9], [10, 10, 40, 60, 0.8]
    court = [0, 100, 400, 200, 0.5]
    sure, doubtful = agreed_people(np.array([whole, half, court]), np.array([whole, half]))
    assert np.allclose(sure, [whole[:4]]) and len(doubtful) == 0


def test_two_weak_claims_are_a_doubt() -> None:
    weak = np.array([[10, 10, 30, 60, 0.3]])
    sure, doubtful = agreed_people(weak, weak)
    assert sure.shape == (0, 4) and len(doubtful) == 1
    nobody = np.zeros((0, 5))
    assert [len(part) for part in agreed_people(nobody, nobody)] == [0, 0]


def test_the_surface_is_where_the_court_is() -> None:
    pixels = np.full((720, 1280, 3), (120, 60, 40), np.uint8)
    pixels[240:700, 150:1130] = (40, 110, 60)  # the court
    pixels[400:420] = 255  # a line across it
    pixels[300:520, 600:660] = (200, 20, 20)  # a player on it
    mask = playing_surface(pixels)
    # Only the two rows that a line fills are not.
    assert mask[40:85, 25:135].mean() > 0.9 and not mask[:25].any()
    boxes = np.array([[600, 300, 660, 520], [600, 40, 660, 160], [20, 500, 60, 640]], float)
    assert on_surface(boxes, mask).tolist() == [True, False, False]


def test_a_picture_without_a_common_colour_has_no_surface() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    assert not playing_surface(noise).any()


def test_players_of_a_procedural_match_stand_on_its_surface() -> None:
    scene = next(iter(Match(3).frames(1)))
    boxes = np.array([player.box for player in scene.truth.players if player.visible > 0.6], float)
    assert on_surface(boxes, playing_surface(scene.image)).mean() > 0.9
