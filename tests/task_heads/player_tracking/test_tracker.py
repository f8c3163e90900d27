"""The tracker's behaviour on simulated detections, through the same tensor code that is exported."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from task_heads.manifest import load_manifest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

from task_heads.player_tracking.network import SLOTS, STATE, PlayerPost, Tuning, match  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

SHAPE = (24, 44, 80)
RED = (-0.3, 1.2, 0.4, -0.3, 1.2, 0.4)
WHITE = (0.9, 0.0, 0.0, 0.8, 0.0, 0.0)
GREEN = (-0.2, -1.0, 0.6, -0.4, -1.0, 0.6)


class Follower:
    def __init__(self, player_maps, reader, view, threshold=0.3):
        self.post = PlayerPost(Tuning(), SHAPE).eval()
        self.player_maps, self.reader, self.view = player_maps, reader, view
        self.threshold, self.team, self.follow = threshold, -1.0, 0.0
        self.reset()

    def reset(self):
        self.state, self.first = [torch.zeros(size) for size in STATE.values()], True

    def step(self, people, dt=0.04):
        maps, features = map(torch.from_numpy, self.player_maps(people))
        picture = self.post.picture(torch.from_numpy(self.view))
        found = self.post.detections(maps, features, features, self.reader, picture)
        settings = [torch.tensor([value]) for value in (self.threshold, self.team, self.follow)]
        dt = torch.tensor([0.0 if self.first else dt])
        self.first = False
        outputs = self.post(found, picture, dt, *settings, *self.state)
        tracks, shown, detections, trail, stats, *self.state = outputs
        self.shown, self.detections = (rows[rows[:, 7] > 0.5] for rows in (shown.numpy(), detections.numpy()))
        self.trail = trail.numpy()[trail.numpy()[:, 2] > 0.5]
        self.stats = dict(zip(COLUMNS, stats.numpy()[0], strict=True))
        return tracks.numpy()[tracks.numpy()[:, 7] > 0.5]


COLUMNS = load_manifest(files("task_heads.player_tracking")).output("stats").columns


@pytest.fixture
def follower(player_maps, reader, view):
    return Follower(player_maps, reader, view)


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
    assert follower.stats["ids"] == 6


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
        tracks = follower.step([(100 + t, 150, 8, 20, 0.2, 0), *others, (300, 60, 8, 20, 0.2, 0)])
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
    assert (follower.stats["scene"], follower.stats["new_scene"]) == (2, 1)
    for _ in range(60):
        follower.step([(80 + 60 * i, 250, 16, 40, 0.8, 0) for i in range(8)])
    assert follower.stats["new_scene"] == 0


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
    counts = [follower.stats[name] for name in ("people", "players", "goalkeepers", "referees")]
    np.testing.assert_array_equal(counts, [3, 1, 1, 1])


def test_an_unsure_role_is_not_told(follower, player_maps):
    """A role weight of two thirds makes nobody a referee."""
    people = [(100, 150, 8, 20, 0.8, 2)]
    maps, features = player_maps(people)
    features[0, :3][features[0, :3] == 8.0] = 1.3  # softmax: 0.65 against 0.18 and 0.18
    follower.player_maps = lambda _: (maps, features)
    assert follower.step(people)[0, 5] == 0
    assert follower.detections[0, 5] == 0
    assert (follower.stats["players"], follower.stats["referees"]) == (1, 0)


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
    picture = follower.post.picture(torch.from_numpy(follower.view))
    for scale in (1e3, -1e3):
        maps, features = torch.full((1, 20, 44, 80), scale), torch.full((1, 24, 44, 80), scale)
        for dt in (0.0, 0.04, 2.0, 1e6):
            found = follower.post.detections(maps, features, features, follower.reader, picture)
            settings = [torch.tensor([value]) for value in (0.3, 1.0, 1.0)]
            outputs = follower.post(found, picture, torch.tensor([dt]), *settings, *follower.state)
            assert all(torch.isfinite(output).all() for output in outputs)
            follower.state = list(outputs[5:])


def two_teams(t=0, left=6, right=6):
    """Players in red and in white among each other, a goalkeeper in green and a referee in red."""
    people = [(60 + 45 * i + t, 120 + 20 * (i % 3), 8, 20, 0.8, 0, RED) for i in range(left)]
    people += [(80 + 45 * i - t, 220 + 20 * (i % 3), 8, 20, 0.8, 0, WHITE) for i in range(right)]
    return [*people, (560, 180, 8, 20, 0.8, 1, GREEN), (420, 180, 8, 20, 0.8, 2, RED)]


def teams_by_row(tracks):
    """Return the teams of those above the middle of the pitch, below it, and of keeper and referee."""
    players = tracks[tracks[:, 5] == 0]
    above = centres(players)[:, 1] < 190
    return set(players[above, 10]), set(players[~above, 10]), set(tracks[tracks[:, 5] > 0, 10])


def test_teams_come_from_kits_and_the_lighter_is_the_first(follower):
    for t in range(4):
        tracks = follower.step(two_teams(t))
    assert teams_by_row(tracks) == ({1}, {0}, {-1})
    assert (follower.stats["lighter"], follower.stats["darker"], follower.stats["teams_known"]) == (6, 6, 1)


def test_teams_stay_while_only_one_is_in_view_and_over_a_cut(follower):
    for t in range(40):
        follower.step(two_teams(t % 5))
    for _ in range(100):
        tracks = follower.step(two_teams(left=0))
    assert teams_by_row(tracks)[1] == {0}
    for t in range(4):
        tracks = follower.step([(x * 0.9 + 30, y + 55, 12, 30, *rest) for x, y, _, _, *rest in two_teams(t)])
    assert follower.stats["scene"] >= 2
    reds = np.sort(centres(tracks)[tracks[:, 10] == 1][:, 1])
    assert len(reds) == 6
    assert reds.max() < 55 + 165


def test_no_teams_where_all_wear_the_same_or_few_are_in_view(follower):
    for _ in range(10):
        tracks = follower.step(two_teams(right=0))
    assert set(tracks[:, 10]) == {-1}
    assert follower.stats["teams_known"] == 0
    follower.reset()
    for _ in range(10):
        tracks = follower.step(two_teams(left=2, right=2))
    assert set(tracks[:, 10]) == {-1}


def test_one_team_is_shown_while_tracks_keep_everyone(follower):
    for _ in range(4):
        follower.step(two_teams())
    follower.team = 0.0
    tracks = follower.step(two_teams())
    assert len(tracks) == 14
    assert len(follower.shown) == 6
    assert set(follower.shown[:, 8]) == {0}


def test_likeness_in_kit_decides_when_two_meet(follower):
    """They stop at one place, one behind the other, and part again: only the kit tells who is who."""

    def people(t):
        gap = abs(t - 20) * 2.0
        return [
            (200 - gap, 150, 10, 24, 0.8, 0, RED if t < 20 else WHITE),
            (206 + gap, 151, 10, 24, 0.75, 0, WHITE if t < 20 else RED),
            *[(100 + 40 * i, 250, 8, 20, 0.8, 0) for i in range(5)],
        ]

    tracks = follower.step(people(0))
    red = id_at(tracks, 160, 150)
    for t in range(1, 41):
        tracks = follower.step(people(t))
    assert id_at(tracks, 246, 151) == red


def test_the_followed_person_has_a_trail_and_figures(follower):
    def people(t):
        return [(100 + 2 * t, 150, 8, 20, 0.8, 0), *[(100 + 40 * i, 250, 8, 20, 0.8, 0) for i in range(9)]]

    tracks = follower.step(people(0))
    assert len(follower.trail) == 0
    assert follower.stats["followed"] == 0
    follower.follow = float(id_at(tracks, 100, 150))
    for t in range(1, 51):
        follower.step(people(t))
    steps = np.diff(follower.trail[:, 0]) * 640
    assert len(follower.trail) > 12
    np.testing.assert_allclose(steps, 6, atol=1.5)  # a point after 0.12 s, which is three frames
    assert follower.stats["seconds"] == pytest.approx(2.0, abs=0.01)
    # 50 px/s, 45 of them relative to the mean of ten, 20 px are 1.8 m.
    assert follower.stats["speed"] == pytest.approx(45 / 20 * 1.8 * 3.6, rel=0.1)
    assert follower.stats["distance"] == pytest.approx(45 / 20 * 1.8 * 2, rel=0.15)
    follower.follow = 0.0
    follower.step(people(51))
    assert len(follower.trail) == 0
    assert (follower.stats["followed"], follower.stats["scaled"]) == (0, 0)


def test_no_metres_with_few_people(follower):
    people = [(100 + 40 * i, 250, 8, 20, 0.8, 0) for i in range(4)]
    tracks = follower.step(people)
    follower.follow = float(tracks[0, 6])
    follower.step(people)
    assert (follower.stats["followed"], follower.stats["scaled"]) == (1, 0)


def test_matching_is_one_to_one_with_nearly_equal_affinities():
    earlier = torch.arange(35).reshape(1, 5, 7) * 1e-4
    pairs = match(1 - earlier, 8).numpy()[0]
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
        np.testing.assert_array_equal(match(torch.from_numpy(affinity[None]), 12).numpy()[0], wanted)
