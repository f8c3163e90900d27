"""The head is fit for viewers, and shows who is wanted."""

from pathlib import Path

import pytest
import torch
from task_heads.conformance import check_head, needed_heads
from task_heads.golden import golden_problems
from task_heads.manifest import load_manifest

from referee_spotting.network import LABELS, post

FOLDER = Path(__file__).parents[1] / "referee_spotting"
VECTORS = Path(__file__).parent / "vectors"


def test_who_is_wanted_comes_first():
    """Of three boxes the second is of the first label, the third is an empty row."""
    kind = torch.zeros(64, len(LABELS) + 2)
    kind[:, -1] = 3.0  # nobody
    kind[[1, 2], 0] = 9.0
    boxes = torch.rand(64, 4)
    score = torch.zeros(64)
    score[:2] = 0.5
    found, stats = post(kind, boxes, score, torch.tensor([0.5]))
    assert found[0].tolist() == pytest.approx([*boxes[1].tolist(), found[0, 4].item(), 0, 1])
    assert found[0, 4] > 0.9
    assert stats.item() == 1


def test_the_exported_head_is_fit():
    """Viewers may run it, and it says what it said when it was exported; `heads check` says more."""
    if not (FOLDER / "head.onnx").is_file():
        pytest.skip("not exported yet: featurecast export head run/checkpoint.pt")
    assert check_head(FOLDER).problems == ()
    needed = [place for _, place in needed_heads(load_manifest(FOLDER), FOLDER)]
    assert golden_problems(VECTORS, [*needed, FOLDER]) == []
