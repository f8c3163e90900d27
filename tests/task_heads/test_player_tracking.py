"""The tracker's behaviour on simulated detections, through the same tensor code that is exported."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

from task_heads.player_tracking.network import SLOTS, STATE_COLUMNS, PlayerPost, Tuning, match  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

SHAPE = (24, 44, 80)


class Follower:
    def __init__(self, player_raw, view, threshold=0.3):
        self.post = PlayerPost(Tuning(), SHAPE).eval()
        self.player_raw, self.view, self.threshold = player_raw, view, threshold
        self.reset()

    def reset(self):
        self.track, self.clock, self.first = torch.zeros(SLOTS, STATE_COLUMNS), torch.zeros(2), True

    def step(self, people, dt=0.04):
        raw = torch.from_numpy(self.player_raw(people))
        dt = torch.tensor([0.0 if self.first else dt])
        self.first = False
        tracks, detections, stats, self.track, self.clock = self.post(
            raw, torch.from_numpy(self.view), dt, torch.tensor([self.threshold]), self.track, self.clock
        )
        self.detections = detections.numpy()[detections.numpy()[:, 7] > 0.5]
        self.stats = stats.numpy()[0]
        return tracks.numpy()[tracks.numpy()[:, 7] > 0.5]


@pytest.fixture
def follower(player_raw, view):
    return Follower(player_raw, view)


def centres(tracks):
    return np.stack([(tracks[:, 0] + tracks[:, 2]) / 2 * 640, (tracks[:, 1] + tracks[:, 3]) / 2 * 352], 1)


def id_at(tracks, x, y, within=6.0):
    gap = np.hypot(*(centres(tracks) - [x, y]).T)
    assert len(gap) and gap.min() < within, f"no track near {x}, {y}: {centres(tracks)}"
    return int(tracks[gap.argmin(), 6])


def test_first_frame_after_a_reset_gives_boxes_with_ids(follower):
    people = [(100 + 40 * i, 150, 8, 20, 0.8, 0) for i in range(5)]
    for _ in range(2):
        tracks = follower.step(people)
        assert sorted(tracks[:, 6]) == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(
            np.sort(tracks[:, 0]) * 640, [100 + 40 * i - 4 for i in range(5)], atol=0.01
        )
        assert sorted(follower.detections[:, 6]) == [1, 2, 3, 4, 5]
        follower.reset()


def test_later_births_need_three_sightings_but_are_detections_at_once(follower):
    standing = [(100 + 40 * i, 150, 8, 20, 0.8, 0) for i in range(5)]
    follower.step(standing)
    newcomer = [*standing, (500, 200, 8, 20, 0.8, 0)]
    assert len(follower.step(newcomer)) == 5
    assert len(follower.detections) == 6
    assert len(follower.step(newcomer)) == 5
    assert len(follower.step(newcomer)) == 6
    # A false alarm of one frame never becomes a track and uses up no id.
    follower.step([*newcomer, (300, 300, 8, 20, 0.9, 0)])
    for _ in range(4):
        assert len(follower.step(newcomer)) == 6
    assert follower.stats[4] == 6


def test_ids_survive_a_crossing(follower):
    ids = []
    for t in range(60):
        ahead = [(100 + 2.0 * t, 150, 8, 20, 0.8, 0), (220 - 2.0 * t, 156, 8, 20, 0.8, 0)]
        tracks = follower.step([*ahead, *[(400 + 30 * i, 250, 8, 20, 0.8, 0) for i in range(4)]])
        if t in (0, 59):
            ids.append((id_at(tracks, *ahead[0][:2]), id_at(tracks, *ahead[1][:2])))
    assert ids[0] == ids[1]


def test_a_missed_person_comes_back_with_the_same_id_within_a_second(follower):
    def people(t, hidden):
        moving = [] if hidden else [(100 + 1.5 * t, 150, 8, 20, 0.8, 0)]
        return [*moving, *[(400 + 30 * i, 250, 8, 20, 0.8, 0) for i in range(4)]]

    for t in range(10):
        tracks = follower.step(people(t, False))
    before = id_at(tracks, 100 + 1.5 * 9, 150)
    for t in range(10, 28):
        tracks = follower.step(people(t, True))
    assert len(tracks) == 4, "a person unseen for 0.7 s is not shown"
    tracks = follower.step(people(28, False))
    assert id_at(tracks, 100 + 1.5 * 28, 150) == before


def test_a_person_gone_for_more_than_a_second_gets_a_new_id(follower):
    others = [(400 + 30 * i, 250, 8, 20, 0.8, 0) for i in range(4)]
    someone = (100, 150, 8, 20, 0.8, 0)
    tracks = follower.step([someone, *others])
    before = id_at(tracks, 100, 150)
    for _ in range(30):
        follower.step(others)
    for _ in range(4):
        tracks = follower.step([someone, *others])
    assert id_at(tracks, 100, 150) != before


def test_low_scores_continue_a_track_but_begin_none(follower):
    others = [(400 + 30 * i, 250, 8, 20, 0.8, 0) for i in range(4)]
    before = id_at(follower.step([(100, 150, 8, 20, 0.8, 0), *others]), 100, 150)
    for t in range(1, 40):
        tracks = follower.step([(100 + t, 150, 8, 20, 0.15, 0), *others, (300, 60, 8, 20, 0.15, 0)])
    assert id_at(tracks, 139, 150) == before
    assert len(tracks) == 5


def test_ids_survive_a_sudden_camera_move(follower):
    start = [(60 + 50 * i, 100 + 30 * (i % 4), 8, 20, 0.8, 0) for i in range(10)]
    for _ in range(5):
        tracks = follower.step(start)
    before = [id_at(tracks, x, y) for x, y, *_ in start]
    for pan in (6.0, 13.0, 20.0, 27.0):
        moved = [(x + pan, y, *rest) for x, y, *rest in start]
        tracks = follower.step(moved)
    assert [id_at(tracks, x, y) for x, y, *_ in moved] == before


def test_a_cut_starts_again_at_once(follower):
    for _ in range(5):
        follower.step([(60 + 50 * i, 100, 8, 20, 0.8, 0) for i in range(8)])
    tracks = follower.step([(80 + 60 * i, 250, 16, 40, 0.8, 0) for i in range(8)])
    assert sorted(tracks[:, 6]) == list(range(9, 17))


def test_time_without_frames_moves_the_prediction(follower):
    others = [(400 + 30 * i, 250, 8, 20, 0.8, 0) for i in range(3)]
    for t in range(12):
        tracks = follower.step([(100 + 3.0 * t, 150, 8, 20, 0.8, 0), *others])
    before = id_at(tracks, 133, 150)
    tracks = follower.step([(133 + 30, 150, 8, 20, 0.8, 0), *others], dt=0.4)
    assert id_at(tracks, 163, 150) == before


def test_nms_drops_the_weaker_of_two_boxes_on_one_person(follower):
    follower.step([(100, 150, 20, 50, 0.8, 0), (101, 160, 20, 50, 0.6, 0), (300, 150, 20, 50, 0.5, 0)])
    np.testing.assert_allclose(sorted(follower.detections[:, 4]), [0.5, 0.8], atol=1e-5)


def test_every_detection_from_a_hundredth_on_is_reported(follower):
    tracks = follower.step(
        [(100, 150, 8, 20, 0.012, 0), (200, 150, 8, 20, 0.5, 0), (300, 150, 8, 20, 0.008, 0)]
    )
    np.testing.assert_allclose(follower.detections[:, 4], [0.5, 0.012], atol=1e-4)
    np.testing.assert_array_equal(follower.detections[:, 6], [1, 0])
    assert len(tracks) == 1


def test_roles_come_out_as_labels(follower):
    tracks = follower.step([(100, 150, 8, 20, 0.8, 0), (200, 150, 8, 20, 0.8, 1), (300, 150, 8, 20, 0.8, 2)])
    order = np.argsort(tracks[:, 0])
    np.testing.assert_array_equal(tracks[order, 5], [0, 1, 2])
    np.testing.assert_array_equal(follower.stats[:4], [3, 1, 1, 1])


def test_boxes_are_of_the_picture_and_the_border_holds_nobody(follower):
    follower.view = np.array([0.25, 0.0, 0.5, 1.0, 352.0, 352.0], np.float32)
    tracks = follower.step([(100, 150, 8, 20, 0.9, 0), (320, 176, 16, 40, 0.8, 0), (161, 100, 8, 20, 0.7, 0)])
    assert len(tracks) == 2
    middle = tracks[np.argmax(tracks[:, 4])]
    np.testing.assert_allclose(
        middle[:4], [0.5 - 8 / 320, 0.5 - 20 / 352, 0.5 + 8 / 320, 0.5 + 20 / 352], atol=1e-5
    )
    assert tracks[:, :4].min() >= 0.0


def test_more_people_than_slots_fill_the_slots_with_the_best(follower):
    crowd = [(12 + 24 * (i % 25), 30 + 40 * (i // 25), 8, 20, 0.9 - 0.005 * i, 0) for i in range(90)]
    tracks = follower.step(crowd)
    assert len(tracks) == SLOTS
    assert len(set(tracks[:, 6])) == SLOTS
    assert tracks[:, 4].min() > 0.9 - 0.005 * SLOTS - 1e-3


def test_outputs_stay_finite_on_extreme_values(follower):
    follower.track = torch.zeros(SLOTS, STATE_COLUMNS)
    for scale in (1e3, -1e3):
        raw = torch.full((1, 23, 44, 80), scale)
        for dt in (0.0, 0.04, 2.0, 1e6):
            outputs = follower.post(
                raw,
                torch.from_numpy(follower.view),
                torch.tensor([dt]),
                torch.tensor([0.3]),
                follower.track,
                follower.clock,
            )
            assert all(torch.isfinite(output).all() for output in outputs)
            follower.track, follower.clock = outputs[3], outputs[4]


def test_matching_is_one_to_one_with_equal_affinities():
    pairs = match(torch.ones(5, 7), 8).numpy()
    assert pairs.sum() == 5
    assert pairs.sum(0).max() == 1
    assert pairs.sum(1).max() == 1


def test_matching_takes_the_greedy_pairs():
    rng = np.random.default_rng(3)
    for _ in range(20):
        affinity = rng.random((12, 15)).astype(np.float32)
        affinity[affinity < 0.5] = 0
        wanted, left = np.zeros_like(affinity), affinity.copy()
        while left.max() > 0:
            i, j = np.unravel_index(left.argmax(), left.shape)
            wanted[i, j] = 1
            left[i], left[:, j] = 0, 0
        np.testing.assert_array_equal(match(torch.from_numpy(affinity), 12).numpy(), wanted)
