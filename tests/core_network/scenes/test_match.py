from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core_network.scenes import Match, Scene


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(Match(4, 320, 180).frames(40))


def test_a_seed_decides_the_match(scenes: list[Scene]) -> None:
    again = list(Match(4, 320, 180).frames(3))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(scenes, again, strict=False))
    assert [s.truth for s in scenes[:3]] == [s.truth for s in again]
    assert not np.array_equal(next(Match(5, 320, 180).frames(1)).image, scenes[0].image)


def test_frames_go_on_where_they_stopped(scenes: list[Scene]) -> None:
    match = Match(4, 320, 180)
    list(match.frames(1))
    assert next(match.frames()).truth == scenes[1].truth


@pytest.mark.parametrize(("width", "height"), [(333, 187), (640, 352)])
def test_any_size(width: int, height: int) -> None:
    scene = next(Match(1, width, height).frames(1))
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8
    assert scene.image.flags.c_contiguous


def test_roles_and_teams(scenes: list[Scene]) -> None:
    known = {player.id: (player.role, player.team) for scene in scenes for player in scene.truth.players}
    for scene in scenes:
        for player in scene.truth.players:
            assert (player.role, player.team) == known[player.id]
    count = Counter(known.values())
    assert len(known) <= 25
    assert 5 <= count["player", 0] <= 10
    assert 5 <= count["player", 1] <= 10
    assert count["goalkeeper", 0] <= 1
    assert count["referee", None] in (1, 2, 3)
    shirts = {(p.team, p.colour) for p in scenes[0].truth.players if p.role == "player"}
    assert len(shirts) == 2


def test_an_id_stays_with_one_person(scenes: list[Scene]) -> None:
    for before, after in zip(scenes, scenes[1:], strict=False):
        old = {p.id: p.box for p in before.truth.players}
        for player in after.truth.players:
            if player.id in old and player.box[0] > 0 and player.box[2] < 320:
                assert abs(player.box[0] + player.box[2] - old[player.id][0] - old[player.id][2]) < 30


def test_the_camera_keeps_the_ball_in_the_picture(scenes: list[Scene]) -> None:
    assert sum(scene.truth.ball is not None for scene in scenes) >= 38


def test_boxes_are_of_plausible_size(scenes: list[Scene]) -> None:
    heights = [p.box[3] - p.box[1] for s in scenes for p in s.truth.players if p.visible > 0.99]
    assert 6 < np.median(heights) < 16


def test_cuts_come_only_when_asked() -> None:
    assert not any(scene.truth.cut for scene in Match(2, 128, 72, fps=2.0).frames(40))
    cut = [i for i, scene in enumerate(Match(2, 128, 72, fps=2.0, cuts=True).frames(80)) if scene.truth.cut]
    assert len(cut) >= 2
    assert 20 <= cut[0] <= 40


def test_impossible_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 64 x 64"):
        Match(0, 32, 720)
    with pytest.raises(ValueError, match="fps"):
        Match(0, fps=0)


def test_every_frame_tells_the_state_of_play(scenes: list[Scene]) -> None:
    for scene in scenes:
        play, ball = scene.truth.play, scene.truth.ball
        assert play is not None
        assert ball is not None
        assert 0 <= ball.speed_m_s < 40
        holder = next((p for p in scene.truth.players if p.id == play.holder), None)
        if holder is not None:
            assert holder.team == play.team
            x0, _, x1, y1 = holder.box
            height = y1 - holder.box[1]
            assert abs(ball.x - (x0 + x1) / 2) < height, "the ball is at its holder's feet"
