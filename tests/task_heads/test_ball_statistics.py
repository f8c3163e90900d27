"""The ball's post-processing on simulated maps with exact truth."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

from task_heads.ball_statistics.network import STATE_VALUES, TRAIL, BallPost, Tuning  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

COLUMNS = ["visible", "ball_x", "ball_y", "confidence", "speed", "moving", "unseen", "ever", "share", "timed"]


class Follower:
    def __init__(self, ball_maps, view):
        self.post = BallPost(Tuning(), (24, 44, 80)).eval()
        self.ball_maps, self.view = ball_maps, view
        self.reset()

    def reset(self):
        self.track, self.trail, self.first = torch.zeros(STATE_VALUES), torch.zeros(TRAIL, 4), True

    def step(self, places, dt=0.04):
        maps = torch.from_numpy(self.ball_maps(places))
        dt = torch.tensor([0.0 if self.first else dt])
        self.first = False
        ball, candidates, line, stats, self.track, self.trail = self.post(
            maps, torch.from_numpy(self.view), dt, torch.tensor([0.3]), self.track, self.trail
        )
        self.candidates = candidates.numpy()[candidates.numpy()[:, 4] > 0.5]
        self.line = line.numpy()[line.numpy()[:, 2] > 0.5]
        self.stats = dict(zip(COLUMNS, stats.numpy()[0].tolist(), strict=True))
        return ball.numpy()[ball.numpy()[:, 4] > 0.5]


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
    for _ in range(10):
        assert len(follower.step([])) == 0
        assert follower.stats["visible"] == follower.stats["moving"] == 0
    assert follower.stats["unseen"] == pytest.approx(0.4, abs=1e-5)
    assert follower.stats["share"] == pytest.approx(9 / 19, abs=1e-3)
    assert all(np.isfinite(list(follower.stats.values())))


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
        follower.step([(100 + 3 * t, 200, 0.35)])
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


def test_a_ball_in_the_border_is_none(follower):
    follower.view = np.array([0.25, 0.0, 0.5, 1.0, 352.0, 352.0], np.float32)
    assert len(follower.step([(100, 200, 0.9)])) == 0
    ball = follower.step([(320, 176, 0.9)])
    np.testing.assert_allclose(ball[0, :2], [0.5, 0.5], atol=1e-6)


def test_outputs_stay_finite_on_extreme_values(follower):
    for value in (1e3, -1e3):
        for dt in (0.0, 0.04, 1e6):
            outputs = follower.post(
                torch.full((1, 3, 88, 160), value), torch.from_numpy(follower.view), torch.tensor([dt]),
                torch.tensor([0.3]), follower.track, follower.trail,
            )  # fmt: skip
            assert all(torch.isfinite(output).all() for output in outputs)
            follower.track, follower.trail = outputs[4], outputs[5]
