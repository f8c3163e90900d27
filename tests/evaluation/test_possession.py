"""Possession: an event counts when the right person is named in time, and only once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_network.scenes import Match
from core_network.scenes.truth import PlayEvent
from evaluation import possession
from evaluation.decoded import HeadOutcome
from evaluation.possession import Tally, possession_figures, tally
from task_heads.result import Box, Point, Result

FPS = 25.0


@pytest.fixture(scope="module")
def truths():
    """Four seconds in which 3 gets the ball from somebody at 1 s and 5 at 2 s."""
    scene = next(iter(Match(1, 64, 64).frames(1))).truth
    quiet = replace(scene, play=replace(scene.play, events=()))
    frames = [quiet] * 100
    for number, who, kind in ((25, 3, "pass"), (50, 5, "turnover"), (60, 7, "touch")):
        frames[number] = replace(quiet, play=replace(quiet.play, events=(PlayEvent(kind, who),)))
    for number in range(50, 60):
        frames[number] = replace(frames[number], play=replace(frames[number].play, holder=5))
    return frames


def test_the_right_person_in_time_counts_once(truths):
    claims = [(1.5, 3), (1.55, 3), (3.0, 5), (3.1, None)]
    assert tally(claims, truths, FPS) == Tally(right=1, named=4, true=2)


def test_who_still_has_the_ball_is_named_later(truths):
    """From 2 to 2.36 s, and 0.6 s more."""
    for time, expected in ((2.5, Tally(right=1, named=1, true=2)), (2.9, Tally(later=1, named=1, true=2))):
        assert tally([(time, 5)], truths, FPS) == expected


def test_nothing_said_is_nothing_right(truths):
    assert tally([], truths, FPS) == Tally(true=2)


def test_a_match_is_seen_through_the_heads(core, monkeypatch):
    """A new number of the same person is no event; a figure of the moment without a ball is an invention."""
    said = {10: 1, 20: 2, 30: 3}

    def heads(frames, *_):
        holder = None
        for frame in frames:
            holder = said.get(frame.number, holder)
            people = truth_of[-1].players
            who = {1: people[0], 2: people[0], 3: people[1]}
            boxes = [Box(person.box, 0.9, "player", number) for number, person in who.items()]
            stats = {} if holder is None else {"ball_holder": float(holder)}
            points = [Point((1, 1), 0.9, "ball")] if frame.number != 35 else []
            found = Result("ball_statistics", points=points, stats={**stats, "ball_speed": 1.0})
            shown = {"player_tracking": Result("player_tracking", boxes=boxes), "ball_statistics": found}
            yield frame, {name: HeadOutcome(result, result, 1.0) for name, result in shown.items()}

    truth_of = []
    original = possession._frames
    monkeypatch.setattr(possession, "_SECONDS", 2)
    monkeypatch.setattr(possession, "_SIZE", (320, 180))
    monkeypatch.setattr(possession, "heads_on", heads)

    def frames(seed, core, truths):
        nonlocal truth_of
        truth_of = truths
        return original(seed, core, truths)

    monkeypatch.setattr(possession, "_frames", frames)
    told = []
    figures = {f.name: f for f in possession_figures(core, told.append, seeds=(7,))}
    assert told == ["possession: match 7"]
    assert figures["invented"].value == 1
    assert 0 <= figures["possession_precision"].value <= 1
    assert np.isfinite(figures["possession_recall"].value)
