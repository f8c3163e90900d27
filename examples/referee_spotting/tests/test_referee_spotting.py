"""The head is fit for viewers, and its boxes are where the maps have their peaks."""

from pathlib import Path

import pytest
import torch
from task_heads.conformance import check_head
from task_heads.golden import golden_problems

from referee_spotting.network import LABELS, Post

FOLDER = Path(__file__).parents[1] / "referee_spotting"
VECTORS = Path(__file__).parent / "vectors"


def test_a_peak_becomes_a_box():
    """One high place is one box around its centre."""
    maps = torch.full((1, 5 + len(LABELS), 88, 160), -9.0)
    maps[0, [0, 5], 20, 40] = 3.0  # something is there, of the first label
    maps[0, 1:5, 20, 40] = 0.5  # its centre half a place on, e^0.5 places wide and high
    view = torch.tensor([0.0, 0.0, 1.0, 1.0, 1280.0, 704.0])
    found, stats = Post(88, 160)(maps, view, torch.tensor([0.5]))
    assert found[0, 6] == 1
    assert stats.item() == 1
    x0, y0, x1, y1 = found[0, :4]
    assert x0 < 40.5 / 160 < x1
    assert y0 < 20.5 / 88 < y1


def test_the_exported_head_is_fit():
    """Viewers may run it, and it says what it said when it was exported; `heads check` says more."""
    if not (FOLDER / "head.onnx").is_file():
        pytest.skip("not exported yet: featurecast export head run/checkpoint.pt")
    assert check_head(FOLDER).problems == ()
    assert golden_problems(VECTORS, [FOLDER]) == []
