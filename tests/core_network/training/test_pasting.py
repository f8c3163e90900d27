"""Copies of people and balls stand on the same ground as what they were cut from, and are labelled."""

from __future__ import annotations

import numpy as np

from core_network.training.pasting import with_balls_pasted, with_copies, with_people_pasted
from core_network.training.stills import Still

GRASS, KIT, BALL = (60, 130, 50), (220, 30, 40), 240
PEOPLE = np.array([[200, 300, 220, 350], [600, 300, 620, 350], [900, 110, 914, 138]], np.float32)


def _still(**changes: object) -> Still:
    pixels = np.empty((720, 1280, 3), np.uint8)
    pixels[:] = GRASS
    for x0, y0, x1, y1 in PEOPLE.astype(int):
        pixels[y0:y1, x0 + 4 : x1 - 4] = KIT
    pixels[498:503, 398:403] = BALL
    fields = {"people": PEOPLE, "balls": np.array([[400, 500]], np.float32), **changes}
    return Still("made", pixels, **fields)  # type: ignore[arg-type]


def test_every_copy_of_a_person_is_labelled_and_as_large_as_its_original() -> None:
    rng = np.random.default_rng(1)
    copies = 0
    for _ in range(20):
        still = _still()
        pasted, originals = with_people_pasted(still, rng)
        assert pasted.people is not None and len(originals) == len(pasted.people)
        for (x0, y0, x1, y1), original in zip(pasted.people, originals, strict=True):
            assert np.allclose((x1 - x0, y1 - y0), PEOPLE[original, 2:] - PEOPLE[original, :2])
            kit = (pasted.pixels()[int(y0) : int(y1), int(x0) : int(x1)] == KIT).all(-1)
            assert kit.mean() > 0.3
        copies += len(pasted.people) > len(PEOPLE)
        outside = np.ones((720, 1280), bool)
        for x0, y0, x1, y1 in (*PEOPLE.astype(int), *pasted.people.astype(int)):
            outside[y0 : y1 + 1, x0 : x1 + 1] = False
        assert np.array_equal(pasted.pixels()[outside], still.pixels()[outside])
    assert copies > 10


def test_who_is_covered_is_not_asked_for() -> None:
    # Two people in one line, so that copies land on each other in the end.
    people = np.array([[200, 300, 220, 350], [206, 300, 226, 350]], np.float32)
    rng = np.random.default_rng(3)
    still = _still(people=people)
    assert min(len(with_people_pasted(still, rng)[1]) for _ in range(40)) <= len(people)


def test_copies_of_the_ball_are_labelled_and_look_like_it() -> None:
    rng = np.random.default_rng(2)
    seen = 0
    for _ in range(10):
        pasted = with_balls_pasted(_still(), rng)
        assert pasted.balls is not None
        for x, y in pasted.balls[1:].astype(int):
            patch = pasted.pixels()[y - 2 : y + 3, x - 2 : x + 3].astype(int)
            assert patch.mean() > 120 and patch.shape == (5, 5, 3)
            seen += 1
    assert seen >= 10


def test_pictures_with_a_past_or_without_labels_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    for still in (_still(earlier=(b"jpeg",)), _still(people=None, balls=None)):
        same, originals = with_copies(still, rng)
        assert same is still and originals == list(range(0 if still.people is None else len(PEOPLE)))
