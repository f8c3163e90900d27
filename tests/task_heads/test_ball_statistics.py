"""The ball's post-processing on simulated maps with exact truth."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

from task_heads.ball_statistics.network import TRAIL  # noqa: E402
from tests.task_heads.ball_simulation import Follower  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits


@pytest.fixture
def follower(ball_maps, view):
    return Follower(ball_maps, view)


def test_first_frame_shows_the_ball_where_it_is(follower):
    for _ in range(2):
        ball = follower.step([(321.0, 100.5, 0.7)])
        np.testing.assert_allclose(ball[0, :2], [321.0 / 640, 100.5 / 352], atol=1e-6)
        assert ball[0, 2] == pytest.approx(0.7, abs=1e-5)
        assert follower.stats["moving"] == 0, "one sighting has no speed"
        assert follower.stats["timed"] == 0
        follower.reset()


def test_speed_is_in_pixels_of_the_source_per_second(follower):
    for t in range(25):
        follower.step([(50 + 6.0 * t, 300 - 4.0 * t, 0.8)])
    # 6 and 4 px of the 640 px input in 0.04 s, twice as many in the 1280 px source.
    assert follower.stats["speed"] == pytest.approx(np.hypot(6, 4) / 0.04 * 2, rel=0.01)
    np.testing.assert_allclose(
        [follower.stats["ball_x"], follower.stats["ball_y"]], [2 * 194, 2 * 204], atol=0.5
    )


def test_speed_does_not_depend_on_the_frame_rate_or_lost_frames(follower):
    x, t = 50.0, 0.0
    for dt in (0.0, *([0.02, 0.08, 0.04, 0.12] * 5)):
        x, t = x + 150 * dt, t + dt
        follower.step([(x, 200, 0.8)], dt=dt)
    assert follower.stats["speed"] == pytest.approx(300, rel=0.02)


def test_nothing_is_invented_while_the_ball_is_hidden(follower):
    for t in range(10):
        follower.step([(100 + 3 * t, 200, 0.8)])
    for t in range(10):
        ball = follower.step([])
        assert len(ball) == (t < 4), "a guess while the evidence lasts, 0.2 s at most"
        assert follower.stats["visible"] == follower.stats["moving"] == 0
        assert all(follower.stats[name] == 0 for name in ("ball_x", "speed", "speed_m_s", "scaled", "held"))
    assert follower.stats["unseen"] == pytest.approx(0.4, abs=1e-5)
    assert follower.stats["share"] == pytest.approx(9 / 19, abs=1e-3)
    assert all(np.isfinite(list(follower.stats.values())))


def test_a_short_occlusion_is_bridged_and_called_a_guess(follower):
    for t in range(10):
        follower.step([(100 + 3.0 * t, 200, 0.8)])
        assert not follower.line[:, 4].any()
    for t in range(10, 14):
        ball = follower.step([])
        assert ball[0, 5] == 1
        assert ball[0, 0] * 640 == pytest.approx(100 + 3.0 * t, abs=0.6), "it is supposed to go on"
        assert (follower.line[:, 4] > 0.5).sum() == t - 9
    # It is found again somewhat higher: the gap becomes a straight line and stays a guess.
    ball = follower.step([(142, 196, 0.8)])
    assert ball[0, 5] == 0
    guessed = follower.line[:, 4] > 0.5
    assert guessed.tolist() == [False] * 10 + [True] * 4 + [False]
    np.testing.assert_allclose(np.diff(follower.line[9:, 0] * 640), 3.0, atol=0.1)
    np.testing.assert_allclose(
        np.diff(follower.line[9:, 1] * 352), follower.line[14, 1] * 352 / 5 - 40, atol=0.1
    )


def test_a_guess_that_nothing_confirms_is_withdrawn(follower):
    for t in range(10):
        follower.step([(100 + 3.0 * t, 200, 0.8)])
    for _ in range(16):
        follower.step([])
    assert not follower.line[:, 4].any()
    assert len(follower.line) == 10


def test_one_sighting_is_no_path_to_guess_from(follower):
    follower.step([(100, 200, 0.8)])
    assert len(follower.step([])) == 0


def test_a_steady_mark_does_not_hide_a_moving_ball(follower):
    """A penalty spot scores as high as the ball; the ball is what moves."""
    for t in range(40):
        ball = follower.step([(400, 100, 0.5), (100 + 4.0 * t, 250, 0.5)])
    assert ball[0, 0] * 640 == pytest.approx(256, abs=2)


def test_before_the_first_sighting_there_is_no_time_unseen(follower):
    for _ in range(3):
        follower.step([])
    assert follower.stats["ever"] == 0


def test_the_gate_prefers_the_ball_that_was_followed(follower):
    for t in range(10):
        follower.step([(100 + 3 * t, 200, 0.6)])
    ball = follower.step([(130, 200, 0.5), (500, 60, 0.65)])
    assert ball[0, 0] * 640 == pytest.approx(130, abs=1)
    assert len(follower.candidates) == 2


def test_a_far_better_candidate_takes_over(follower):
    for t in range(10):
        follower.step([(100 + 3 * t, 200, 0.31)])
    ball = follower.step([(130, 200, 0.2), (500, 60, 0.9)])
    assert ball[0, 0] * 640 == pytest.approx(500, abs=1)
    assert follower.stats["moving"] == 0
    assert len(follower.line) == 1, "a jump begins a new trail"


def test_a_kick_is_followed(follower):
    for _ in range(10):
        follower.step([(100, 200, 0.8)])
    for t in range(1, 10):
        ball = follower.step([(100 + 20.0 * t, 200, 0.7)])
        assert ball[0, 0] * 640 == pytest.approx(100 + 20.0 * t, abs=3)
    assert follower.stats["speed"] == pytest.approx(20 / 0.04 * 2, rel=0.05)


def test_the_trail_is_a_ring_of_the_last_places(follower):
    for t in range(TRAIL + 8):
        follower.step([(50 + 4.0 * t, 200, 0.8)])
    assert len(follower.line) == TRAIL
    np.testing.assert_allclose(follower.line[:, 0] * 640, 50 + 4.0 * (np.arange(TRAIL) + 8), atol=1.0)
    assert (np.diff(follower.line[:, 3]) < 0).all(), "oldest first"


def test_old_places_leave_the_trail(follower):
    for t in range(5):
        follower.step([(100 + t, 200, 0.8)])
    for _ in range(50):
        follower.step([])
    assert len(follower.line) == 0


def test_weak_candidates_are_reported_but_begin_nothing(follower):
    assert len(follower.step([(100, 200, 0.02)])) == 0
    np.testing.assert_allclose(follower.candidates[0, :3], [100 / 640, 200 / 352, 0.02], atol=1e-4)


def test_weak_candidates_continue_a_settled_path_and_no_other(follower):
    for t in range(3):
        follower.step([(100 + 3.0 * t, 200, 0.4)])
    follower.step([(109, 200, 0.05)])
    assert follower.stats["visible"] == 0
    follower.reset()
    for t in range(8):
        follower.step([(100 + 6.0 * t, 200, 0.8)])
    for t in range(8, 11):
        ball = follower.step([(100 + 6.0 * t, 200, 0.1), (400, 100, 0.25)])
        assert follower.stats["visible"] == 1
        assert ball[0, 0] * 640 == pytest.approx(100 + 6.0 * t, abs=1)


def test_what_has_always_been_there_is_no_ball(follower):
    """A mark scores as high as the ball that flies by later; it is known by then."""
    for _ in range(60):
        follower.step([(400, 100, 0.45)])
    assert follower.stats["visible"] == 0
    for t in range(6):
        ball = follower.step([(400, 100, 0.45), (100 + 9.0 * t, 250, 0.45)])
    assert ball[0, 0] * 640 == pytest.approx(145, abs=2)


def test_a_plain_ball_may_lie_still(follower):
    for _ in range(200):
        ball = follower.step([(400, 100, 0.85)])
    assert ball[0, 0] * 640 == pytest.approx(400, abs=1)


def test_a_ball_in_the_border_is_none(follower):
    follower.view = np.array([0.25, 0.0, 0.5, 1.0, 352.0, 352.0], np.float32)
    assert len(follower.step([(100, 200, 0.9)])) == 0
    ball = follower.step([(320, 176, 0.9)])
    np.testing.assert_allclose(ball[0, :2], [0.5, 0.5], atol=1e-6)


def test_outputs_stay_finite_on_extreme_values(follower):
    for value in (1e3, -1e3):
        for dt in (0.0, 0.04, 1e6):
            for people in (0.0, 1.0, 1e3):
                follower.ball_maps = lambda places, value=value: np.full((1, 3, 88, 160), value, np.float32)
                follower.step([], dt=dt, people=np.full((64, 11), people, np.float32))
                assert all(torch.isfinite(output).all() for output in follower.outputs)
