from __future__ import annotations

import numpy as np
import pytest

from core_network.prepare import View
from evaluation.split.detector import Detections, DetectorError
from evaluation.split.masks import instance_map


def _found(*rows):
    count = len(rows)
    return Detections(
        np.zeros((count, 4)), np.linspace(0.9, 0.1, count), ["x"] * count, np.array(rows, np.intp)
    )


def test_the_better_detection_is_on_top_and_the_letterbox_is_cut_off():
    # A 4x2 picture in the middle of a 4x4 input: rows 1 and 2 of the masks are the picture.
    view = View(0.0, 0.25, 1.0, 0.5, 4, 2)
    masks = np.zeros((2, 4, 4), np.float32)
    masks[0, :, :3] = 1.0
    masks[1, 1, 2:] = 0.5
    masks[1, 0] = 1.0  # outside the picture
    drawn = instance_map(_found(1, 0), masks, view)
    assert drawn.tolist() == [[2, 2, 1, 1], [2, 2, 2, 0]]


def test_no_detection_is_all_background():
    drawn = instance_map(_found(), np.zeros((0, 4, 4), np.float32), View(0, 0, 1, 1, 3, 2))
    assert drawn.shape == (2, 3) and not drawn.any()


def test_a_detection_without_a_mask_is_refused():
    with pytest.raises(
        DetectorError, match=r"expected one \[h, w\] per row of the detections, got \[1, 4, 4\]"
    ):
        instance_map(_found(3), np.zeros((1, 4, 4), np.float32), View(0, 0, 1, 1, 3, 2))
