from __future__ import annotations

import numpy as np
import pytest

from core_network.scenes.rally import Rally, Sport


@pytest.mark.parametrize("sport", ["tennis", "badminton", "volleyball"])
def test_a_rally_is_hit_from_side_to_side(sport: Sport) -> None:
    frames = Rally(sport, 1).frames(250)
    x = np.array([frame.x for frame in frames])
    hits = np.flatnonzero([frame.hits for frame in frames])
    assert len(hits) >= 5
    assert ((x >= 0) & (x < 1280)).mean() > 0.9
    sides = x[hits] > 640
    assert (sides[1:] != sides[:-1]).all(), "every hit is on the other side"


def test_only_a_ball_that_may_bounce_does() -> None:
    assert sum(frame.bounces for frame in Rally("badminton", 2).frames(250)) == 0
    tennis = Rally("tennis", 2).frames(250)
    events = [kind for frame in tennis for kind in "b" * frame.bounces + "h" * frame.hits]
    assert events[:6] == ["b", "h"] * 3


def test_a_bounce_turns_the_ball_upwards() -> None:
    frames = Rally("tennis", 3).frames(200)
    for number, frame in enumerate(frames[2:-2], 2):
        if frame.bounces:
            assert frames[number - 2].y < frames[number - 1].y, "it falls"
            assert frames[number + 2].y < frames[number + 1].y, "it rises"


def test_a_seed_decides_the_rally() -> None:
    assert Rally("volleyball", 4).frames(40) == Rally("volleyball", 4).frames(40)
    assert Rally("volleyball", 4).frames(40) != Rally("volleyball", 5).frames(40)
