"""The held-out protocol: scores, reading of places, and one small run of every condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the protocol trains heads: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.motion import PLANES  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork  # noqa: E402
from evaluation.generality.kits import KITS, clustered  # noqa: E402
from evaluation.generality.lines import line_share  # noqa: E402
from evaluation.generality.protocol import (  # noqa: E402
    CEILING,
    FLOORS,
    FROZEN,
    Condition,
    Outcome,
    Protocol,
    _read,
)
from evaluation.generality.tasks import Example, Task, _explained, _ranked, held_out_tasks  # noqa: E402


def test_scores_of_known_predictions() -> None:
    wanted = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    assert _explained(wanted, wanted) == 1
    assert _explained(np.broadcast_to(wanted.mean(0), wanted.shape), wanted) == 0
    ranked = np.array([[0.9], [0.8], [0.7], [0.1]], np.float32)
    # True at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert _ranked(ranked, np.array([[1], [0], [1], [0]], np.float32)) == pytest.approx(5 / 6)


def test_places_are_read_between_cell_centres() -> None:
    grid = torch.arange(12.0).view(1, 3, 4)
    places = torch.tensor([[0.5, 0.5], [3.5, 2.5], [1.0, 0.5], [0.5, 1.0]])
    assert torch.allclose(_read(grid, places)[:, 0], torch.tensor([0.0, 11.0, 0.5, 2.0]), atol=1e-5)


def test_g_is_the_share_between_the_better_floor_and_the_ceiling() -> None:
    low, high = FLOORS
    outcome = Outcome(
        "t",
        "m",
        {low: [0.1, 0.1], high: [0.2, 0.21], FROZEN: [0.7, 0.7], "default": [0.5, 0.5], CEILING: [0.8, 0.81]},
    )
    assert outcome.floor == high
    assert outcome.share("default") == pytest.approx((0.5 - 0.205) / 0.6)
    assert outcome.telling
    near = Outcome("t", "m", {low: [0.2, 0.4], high: [0.1, 0.1], "default": [0.3, 0.3], CEILING: [0.5, 0.5]})
    assert not near.telling


def test_every_condition_is_scored_and_a_score_can_be_made_again() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)

    def example() -> Example:
        planes = rng.integers(0, 255, (352, 640, PLANES), np.uint8)
        places = rng.uniform(2, 40, (6, 2)).astype(np.float32)
        return Example(planes, places, rng.random((6, 3), np.float32))

    task = Task("made", "R2", 3, [example(), example()], [example()], False, _explained)
    small = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=24)

    def protocol() -> Protocol:
        torch.manual_seed(0)
        made = Protocol([task], default_core(), CoreNetwork(small).eval(), steps=2, ceiling_steps=2)
        assert list(made.encode()) == [1, 2, 3]
        return made

    whole = protocol()
    conditions = whole.conditions(["default", "low"], 2)
    assert len(conditions) == len(set(conditions)) == 2 * 6
    scores = {condition: whole.score(condition) for condition in conditions if condition.seed == 1}
    assert all(np.isfinite(score) for score in scores.values())
    # A run that goes on after a stop comes to the same ceiling, without the frozen head's score before it.
    again = Condition("made", CEILING, 1)
    assert protocol().score(again) == pytest.approx(scores[again])
    assert scores[again] != scores[Condition("made", FROZEN, 1)]


def test_shirts_of_one_kit_become_one_colour() -> None:
    kits = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0], [1.0, 1.0, 0]])
    own = np.array([0, 0, 1, 1, 1, 2, 3, 0])
    shirts = kits[own] + np.random.default_rng(0).normal(0, 0.03, (8, 3))
    found = clustered(shirts)
    assert len(np.unique(found, axis=0)) == KITS
    for kit in range(KITS):
        assert np.allclose(found[own == kit], shirts[own == kit].mean(0))
    assert clustered(shirts[:0]).shape == (0, 3) and np.allclose(clustered(shirts[:1]), shirts[:1])


def test_lines_are_thin_bright_and_on_grass() -> None:
    picture = np.full((720, 1280, 3), (60, 140, 60), np.uint8)
    picture[:360] = 90  # the stand, with something like a line in it
    picture[100:104] = 230
    picture[500:504] = 230  # a line
    picture[600:660, 600:700] = 230  # a board on the grass is too wide
    share = line_share(picture, 44, 80)
    rows = np.flatnonzero(share.max(1) > 0.04)
    assert set(rows) <= {30, 31}  # (500 + 8 - 16) / 16: the grid is 704 px high, centred
    assert share[rows].sum() * 16 * 16 == pytest.approx(4 * 1280, rel=0.02)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    with pytest.raises(ValueError, match="stills of splits.csv"):
        held_out_tasks(tmp_path, 352, 640)
