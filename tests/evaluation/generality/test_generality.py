"""The held-out protocol: scores, reading of places, and one small run of every condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the protocol trains heads: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork  # noqa: E402
from evaluation.generality.protocol import Outcome, _read, run_protocol  # noqa: E402
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
    places = np.array([[0.5, 0.5], [3.5, 2.5], [1.0, 0.5], [0.5, 1.0]], np.float32)
    assert torch.allclose(_read(grid, places)[:, 0], torch.tensor([0.0, 11.0, 0.5, 2.0]), atol=1e-5)


def test_g_is_the_share_between_floor_and_ceiling() -> None:
    outcome = Outcome(
        "t", "m", {"floor": [0.2, 0.21], "frozen": [0.7, 0.7], "default": [0.5, 0.5], "ceiling": [0.8, 0.81]}
    )
    assert outcome.share("default") == pytest.approx((0.5 - 0.205) / 0.6)
    assert outcome.telling
    near = Outcome("t", "m", {"floor": [0.2, 0.4], "default": [0.3, 0.3], "ceiling": [0.5, 0.5]})
    assert not near.telling


def test_every_condition_is_trained_for_every_seed() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)

    def example() -> Example:
        planes = rng.integers(0, 255, (352, 640, 5), np.uint8)
        places = rng.uniform(2, 40, (6, 2)).astype(np.float32)
        return Example(planes, places, rng.random((6, 3), np.float32))

    task = Task("made", "R2", 3, [example(), example()], [example()], False, _explained)
    small = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=24)
    seen: list[str] = []
    outcome = run_protocol(
        task,
        default_core(),
        CoreNetwork(small),
        rates=["default", "low"],
        seeds=2,
        steps=2,
        progress=seen.append,
    )
    assert {name: len(scores) for name, scores in outcome.scores.items()} == dict.fromkeys(
        ("floor", "frozen", "default", "low", "ceiling"), 2
    )
    assert len(seen) == 10 and all(np.isfinite(outcome.scores["ceiling"]))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    with pytest.raises(ValueError, match="stills of splits.csv"):
        held_out_tasks(tmp_path, 352, 640)
