"""Many requests, few keys; and a key at least every two seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.sync import CLOCK_RATE, KeyFrameGate, KeySchedule


def test_requests_of_many_viewers_become_one_key() -> None:
    gate = KeyFrameGate()
    assert not gate.take(0.0), "nobody asked"
    for _ in range(50):
        gate.request()
    assert [gate.take(0.04 * frame) for frame in range(5)] == [True, False, False, False, False]


def test_a_request_too_soon_is_kept_not_lost() -> None:
    gate = KeyFrameGate()
    gate.request()
    assert gate.take(10.0)
    gate.request()
    assert [gate.take(now) for now in (10.1, 10.49, 10.5, 10.6)] == [False, False, True, False]


@given(asks=st.lists(st.booleans(), max_size=200))
def test_forced_keys_keep_their_distance(asks: list[bool]) -> None:
    gate = KeyFrameGate()
    keys = []
    for frame, ask in enumerate(asks):
        if ask:
            gate.request()
        if gate.take(frame / 30):
            keys.append(frame / 30)
    assert all(later - earlier >= 0.5 - 1e-9 for earlier, later in zip(keys, keys[1:], strict=False))


@given(
    forced=st.lists(st.booleans(), min_size=1, max_size=300),
    fps=st.sampled_from([5.0, 23.976, 25.0, 30.0, 59.94]),
)
def test_keys_come_when_forced_and_at_least_every_two_seconds(forced: list[bool], fps: float) -> None:
    schedule = KeySchedule(fps)
    step = CLOCK_RATE / fps
    keys = [index for index, force in enumerate(forced) if schedule.decide(round(index * step), force)]
    assert keys[0] == 0
    assert set(keys) >= {index for index, force in enumerate(forced) if force}
    longest = max(b - a for a, b in zip(keys, [*keys[1:], len(forced)], strict=True))
    assert (longest - 0.5) / fps <= 2.0


def test_a_due_key_is_seen_before_it_is_decided() -> None:
    schedule = KeySchedule(25)
    schedule.decide(0, False)
    assert not schedule.due(170_000)
    assert schedule.due(180_000)
    assert not schedule.decide(90_000, False)
    assert schedule.decide(180_000, False)
