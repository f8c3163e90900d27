from __future__ import annotations

import pytest

from evaluation.rate_accuracy.viewing import Seen, Viewer, clip_latents, pack_seen, sent_as_boxes, unpack_seen
from stream.carriage import carried_size

SIZE = (1280, 720)


def test_boxes_and_balls_come_back_within_the_precision_that_is_sent():
    seen = Seen([[10.5, 20.25, 100.0, 719.9, 0.91], [0, 0, 5, 5, 0.04]], [], [[640.3, 360.7, 0.5]])
    packed = pack_seen(seen, SIZE, 0.05)
    assert len(packed) == 2 + 9 + 5
    got = unpack_seen(packed, SIZE)
    assert got.people == [pytest.approx([10.5, 20.25, 100.0, 719.9, 0.91], abs=0.02)]
    assert got.balls == [pytest.approx([640.3, 360.7, 0.5], abs=0.02)]


def test_boxes_that_leave_the_picture_are_clipped_to_it():
    got = unpack_seen(pack_seen(Seen([[-5, 0, 2000, 720, 1.2]], [], []), SIZE, 0.05), SIZE)
    assert got.people == [pytest.approx([0, 0, 1280, 720, 1.0])]


def test_nothing_seen_still_costs_its_carriage():
    ((size, seen),) = sent_as_boxes([Seen([], [], [])], SIZE, 0.05)
    assert size == carried_size(b"\0\0") and seen == Seen([], [], [])


def test_the_latents_of_a_clip_begin_with_a_key_and_the_heads_see_with_them(core, footage):
    ticks = []
    latents = clip_latents(core, footage.frames(), footage.fps, lambda: ticks.append(1))
    assert latents.keys[0] and not any(latents.keys[1:])
    assert len(ticks) == len(latents.values) == footage.count
    assert latents.values[0].shape == core.spec.shape
    viewer = Viewer(core.spec, (footage.width, footage.height), footage.fps)
    people = [viewer.see(latent[None]).people for latent in latents.values]
    for x0, y0, x1, y1, score in people[0]:
        assert 0 <= x0 <= x1 <= 320 and 0 <= y0 <= y1 <= 180 and 0 <= score <= 1
