"""Heads on decoded features: the same results as `featurecast view` gives, frame by frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core_network.catalogue import Core
from evaluation.decoded import decoded_frames, heads_on
from viewer.headless import view

HEADS = ["player_tracking", "ball_statistics"]
FRAMES = 6


def test_results_are_those_of_the_viewer(tmp_path: Path, core: Core, short_match: str) -> None:
    results = tmp_path / "results.jsonl"
    view(short_match, HEADS, core=core, results=results, keep_all=True, frames=FRAMES)
    expected = [json.loads(line) for line in results.read_text().splitlines()]
    seen = []
    for frame, outcomes in heads_on(decoded_frames(short_match, core, last=FRAMES - 1), core, HEADS):
        for name in HEADS:
            seen.append((frame.number, name, outcomes[name].every.to_json(frame.number, 0, None)))
            assert outcomes[name].ms > 0
    assert len(seen) == len(expected) == FRAMES * len(HEADS)
    for (number, name, ours), theirs in zip(seen, expected, strict=True):
        assert (number, name) == (theirs["frame"], theirs["head"])
        assert (ours["boxes"], ours["points"]) == (theirs["boxes"], theirs["points"])


def test_a_frame_knows_its_time_and_size(core: Core, short_match: str) -> None:
    frames = list(decoded_frames(short_match, core, "low", last=2))
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.fresh for frame in frames] == [True, False, False]
    assert np.allclose([frame.dt for frame in frames], [0, 0.04, 0.04])
    assert {(frame.width, frame.height) for frame in frames} == {(640, 360)}
    assert frames[0].features.shape == (1, *core.spec.shape)
    assert frames[0].payload_bytes > 0
