"""Source clocks of every kind become one rising clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sync import CLOCK_RATE, Timeline

TIMES = st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(0, 20 * CLOCK_RATE))


@given(times=st.lists(st.tuples(TIMES, st.booleans()), min_size=1, max_size=60), fps=st.floats(0.5, 240))
def test_it_always_rises_from_zero(times: list[tuple[int | None, bool]], fps: float) -> None:
    timeline = Timeline(fps)
    placed = [timeline.place(pts, restart=restart) for pts, restart in times]
    assert placed[0] == 0
    assert all(later > earlier for earlier, later in zip(placed, placed[1:], strict=False))
    assert all(later - earlier <= 10 * CLOCK_RATE for earlier, later in zip(placed, placed[1:], strict=False))


def test_variable_rates_keep_their_rhythm() -> None:
    timeline = Timeline(25)
    assert [timeline.place(pts) for pts in (900, 4500, 5400, 45_900)] == [0, 3600, 4500, 45_000]


def test_missing_times_come_one_nominal_frame_later() -> None:
    timeline = Timeline(25)
    assert [timeline.place(pts) for pts in (0, None, None, 10_800)] == [0, 3600, 7200, 10_800]


def test_a_repeated_time_does_not_move_those_after_it() -> None:
    timeline = Timeline(30)
    assert [timeline.place(pts) for pts in (0, 3000, 3000, 2000, 9000)] == [0, 3000, 3090, 3180, 9000]


def test_a_loop_leaves_no_gap() -> None:
    timeline = Timeline(30)
    first = [timeline.place(pts) for pts in (500, 3500, 6500)]
    again = [timeline.place(pts, restart=pts == 500) for pts in (500, 3500, 6500)]
    assert first + again == [0, 3000, 6000, 9000, 12_000, 15_000]


def test_a_jump_is_a_new_clock() -> None:
    timeline = Timeline(30)
    times = (90_000, 93_000, 0, 3000, 2**33, 2**33 + 3000)
    assert [timeline.place(pts) for pts in times] == [0, 3000, 6000, 9000, 12_000, 15_000]


def test_a_frame_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="frame rate"):
        Timeline(0)
