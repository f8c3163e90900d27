"""The number in the picture is the number of the frame, and the rest of the frame stays as it was."""

from __future__ import annotations

from itertools import islice

import numpy as np

from evaluation.numbered_server import BITS, BLOCK, burnt, moving_picture, numbered
from stream.source import open_source


def test_every_frame_shows_its_own_number(short_match: str) -> None:
    with open_source(short_match) as plain, numbered(open_source(short_match)) as marked:
        for before, after in islice(zip(plain, marked, strict=True), 7):
            luma = after.picture.to_ndarray()
            assert set(np.unique(luma[:BLOCK, : BITS * BLOCK])) <= {16, 235}
            assert burnt(after.picture) == after.number
            assert (after.number, after.pts) == (before.number, before.pts)
            assert (after.source_width, after.source_height) == (before.source_width, before.source_height)
            original = before.picture.to_ndarray()
            assert np.array_equal(luma[BLOCK:], original[BLOCK:])
            assert np.array_equal(luma[:BLOCK, BITS * BLOCK :], original[:BLOCK, BITS * BLOCK :])


def test_a_source_plays_at_the_rate_that_it_is_given(short_match: str) -> None:
    with numbered(open_source(short_match), 10.0) as slow:
        assert slow.fps == 10.0
        assert [frame.pts for frame in islice(slow, 4)] == [0, 9000, 18000, 27000]


def test_moving_pictures_show_any_number() -> None:
    for number in (0, 1, 40_000, 65_535):
        assert burnt(moving_picture(number, 320, 176, 16), 16) == number
