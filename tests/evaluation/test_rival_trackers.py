"""Rival trackers: they get what they should, and follow what moves."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.rival_trackers import FLOOR, RIVALS, candidates, follow


def crossing(frames: int = 20) -> list[np.ndarray]:
    """Two people who walk apart, and a faint false box between them."""
    rows = []
    for n in range(frames):
        rows.append(
            np.array(
                [
                    [100 + 4 * n, 100, 130 + 4 * n, 180, 0.9],
                    [400 - 4 * n, 300, 430 - 4 * n, 380, 0.8],
                    [250, 200, 280, 280, 0.05],
                ]
            )
        )
    return rows


@pytest.mark.parametrize("name", list(RIVALS))
def test_two_people_keep_two_ids(name: str) -> None:
    tracks, ms = follow(name, crossing(), 25.0)
    ids = {one.track for frame in tracks for one in frame}
    assert len(tracks) == 20 and len(ids) == 2 and ms > 0
    last = sorted(one.box[0] for one in tracks[-1])
    assert last == pytest.approx([176, 324], abs=8)


@pytest.mark.parametrize("name", list(RIVALS))
def test_frames_with_nothing_are_no_mistake(name: str) -> None:
    tracks, _ = follow(name, [np.zeros((0, 5))] * 3 + crossing(4) + [np.zeros((0, 5))], 25.0)
    assert len(tracks) == 8 and tracks[0] == [] and tracks[-1] == []


def test_below_the_floor_nothing_is_shown() -> None:
    tracks, _ = follow("sort", crossing(), 25.0, {FLOOR: 0.85, "track_activation_threshold": 0.25})
    assert {one.track for frame in tracks for one in frame} == {tracks[-1][0].track}


@pytest.mark.parametrize("name", list(RIVALS))
def test_every_combination_is_tried_and_works(name: str) -> None:
    tried = list(candidates(name))
    assert len({tuple(settings.items()) for settings in tried}) == len(tried) > 4
    for settings in tried:
        follow(name, crossing(3), 25.0, settings)
