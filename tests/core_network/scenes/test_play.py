from __future__ import annotations

import numpy as np
import pytest

from core_network.scenes.play import KEEPERS, Play


@pytest.fixture(scope="module", params=[1])
def history(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    play = Play(np.random.default_rng(request.param))
    rows: dict[str, list[np.ndarray]] = {"ball": [], "people": [], "owner": []}
    for _ in range(25 * 80):
        play.step(0.04)
        rows["ball"].append(play.ball.place.copy())
        rows["people"].append(play.place.copy())
        rows["owner"].append(np.array(play.ball.owner))
    return {name: np.array(row) for name, row in rows.items()}


def test_everybody_stays_around_the_pitch(history: dict[str, np.ndarray]) -> None:
    for places in (history["people"], history["ball"][:, :2]):
        assert (places > [-6, -6]).all()
        assert (places < [111, 74]).all()


def test_nobody_runs_faster_than_people_do(history: dict[str, np.ndarray]) -> None:
    speed = np.linalg.norm(np.diff(history["people"], axis=0), axis=2) / 0.04
    assert speed.max() < 12
    assert np.median(speed) < 5


def test_both_teams_play_the_ball_and_it_moves(history: dict[str, np.ndarray]) -> None:
    owner = history["owner"]
    held = owner[owner >= 0]
    assert {0, 1} == set((held > 10).astype(int))
    assert len(np.unique(held)) > 6
    assert np.isin(held, KEEPERS).mean() < 0.5
    assert np.ptp(history["ball"][:, 0]) > 25
    assert 0.15 < (owner < 0).mean() < 0.85


def test_the_ball_never_sinks_or_flies_away(history: dict[str, np.ndarray]) -> None:
    height = history["ball"][:, 2]
    assert height.min() > 0.05
    assert height.max() < 15


def test_the_truth_tells_what_happens_to_the_ball() -> None:
    play = Play(np.random.default_rng(3))
    owner_before, out_before = play.ball.owner, False
    last = play.ball.owner
    kinds = set()
    for _ in range(25 * 60):
        play.step(0.04)
        truth = play.truth()
        owner = play.ball.owner
        assert truth.holder == (owner if owner >= 0 else None)
        assert truth.team == (None if owner < 0 else int(owner > 10))
        happened = {event.kind: event for event in truth.events}
        kinds |= set(happened)
        if owner >= 0 and owner != owner_before:
            assert happened["touch"].player == owner
        if owner_before >= 0 and owner < 0:
            assert happened["kick"].player == owner_before
        for kind in {"pass", "turnover"} & set(happened):
            event = happened[kind]
            assert (event.player, event.origin) == (owner, last)
            assert (kind == "pass") == ((owner > 10) == (last > 10))
        assert ("out" in happened) == (not truth.in_play and not out_before)
        last = owner if owner >= 0 else last
        owner_before, out_before = owner, not truth.in_play
    assert {"touch", "kick", "pass", "turnover", "bounce"} <= kinds
