"""The number in the picture is the number of the frame, and the rest of the frame stays as it was."""

from __future__ import annotations

from itertools import islice

import numpy as np

from evaluation.numbered_server import BITS, BLOCK, numbered
from stream.source import open_source


def test_every_frame_shows_its_own_number(short_match: str) -> None:
    with open_source(short_match) as plain, numbered(open_source(short_match)) as marked:
        for before, after in islice(zip(plain, marked, strict=True), 7):
            luma = after.picture.to_ndarray()
            row = luma[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK]
            assert sum(1 << bit for bit, level in enumerate(row) if level > 120) == after.number
            assert (after.number, after.pts) == (before.number, before.pts)
            assert (after.source_width, after.source_height) == (before.source_width, before.source_height)
            below = slice(BLOCK, after.picture.height)
            assert np.array_equal(luma[below], before.picture.to_ndarray()[below])
