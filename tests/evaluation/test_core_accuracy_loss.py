"""What the way to the viewer costs: the reference starts as the probes do, both are scored alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="heads are trained: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.scenes.still import random_still  # noqa: E402
from core_network.spec import RATES  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork, ProbeHeads  # noqa: E402
from evaluation import core_accuracy_loss  # noqa: E402
from evaluation.core_accuracy_loss import REFERENCE, lost, measure_heads  # noqa: E402
from evaluation.core_accuracy_probes import people_in  # noqa: E402
from evaluation.datasets.types import Frame  # noqa: E402

SMALL = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=24)
FOOTBALL = "images/football_players_yolo"


def trained() -> tuple[CoreNetwork, ProbeHeads]:
    torch.manual_seed(0)
    network, probes = CoreNetwork(SMALL), ProbeHeads(24)
    for _ in range(3):  # statistics that are not those of a fresh network
        probes(network(torch.randn(2, 5, 64, 96)))
    return network.eval(), probes.eval()


def test_the_reference_begins_as_the_probes_on_unrounded_latents() -> None:
    network, probes = trained()
    x = torch.randn(1, 5, 64, 96) * 0.5
    with torch.no_grad():
        wide = core_accuracy_loss._on_wide(probes, network).eval()
        for got, wanted in zip(wide(network.shared(x)), probes(network(x)), strict=True):
            assert torch.allclose(got, wanted, atol=1e-4)


def test_maps_of_the_input_become_boxes_in_the_picture() -> None:
    maps = torch.full((5, 88, 160), -9.0)
    maps[:, 40, 80] = torch.tensor([3.0, 0.5, 0.5, np.log(4), np.log(8)])
    # 960x540 lies in 640x352 as 626x352, 7 px from the left.
    best = people_in(maps, Frame("a", 960, 540, ()), (352, 640))[0]
    wanted = ((322 - 8 - 7) / 626 * 960, (162 - 16) / 352 * 540)
    assert best.box[:2] == pytest.approx(wanted, abs=0.5)
    assert best.box[2] - best.box[0] == pytest.approx(16 / 626 * 960, abs=0.1)


def test_heads_are_trained_on_train_and_scored_on_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, probes = trained()
    checkpoint = tmp_path / "checkpoint.pt"
    average = {f"core.{name}": value for name, value in network.state_dict().items()}
    average |= {f"probes.{name}": value for name, value in probes.state_dict().items()}
    torch.save({"average": average, "architecture": SMALL, "record": {}}, checkpoint)
    rows = ["file,group,split"]
    for number, split in enumerate(("train", "validation", "report", "report")):
        picture = tmp_path / FOOTBALL / "images" / f"{number}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_still(number, 640, 352).image).save(picture)
        text = tmp_path / FOOTBALL / "labels" / f"{number}.txt"
        text.parent.mkdir(exist_ok=True)
        text.write_text("0 0.5 0.5 0.01 0.01\n2 0.25 0.5 0.1 0.2\n")
        rows.append(f"{FOOTBALL}/images/{number}.jpg,m{number},{split}")
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    for name, value in (("_STEPS", 2), ("_VIEWS", 1), ("_BATCH", 2)):
        monkeypatch.setattr(core_accuracy_loss, name, value)
    ticks: list[int] = []
    scores = measure_heads(tmp_path, default_core(), checkpoint, lambda: ticks.append(1))
    assert list(scores) == [REFERENCE, *RATES]
    assert len(ticks) == 4 + 2
    for score in scores.values():
        assert len(score.balls) == len(score.detections) == 2
        assert score.people.overall.truths == 2
    gone = lost(tmp_path, scores, "low")
    assert gone.people == pytest.approx(
        100 * (scores[REFERENCE].people.overall.ap50 - scores["low"].people.overall.ap50)
    )
    assert gone.people_spread.low <= gone.people <= gone.people_spread.high
