"""Coding, matching and suppression against cases worked out by hand and against plain loops."""

from __future__ import annotations

import pytest
import torch

from evaluation.baselines.anchors import at_every_place, mobilenet_shapes, person_shapes, retinanet_shapes
from evaluation.baselines.boxes import BoxCoder, overlaps
from evaluation.baselines.matching import BACKGROUND, IGNORED, Matching
from evaluation.baselines.suppression import best_candidates, suppress


def test_overlap_is_what_two_boxes_share() -> None:
    a = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    b = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [40, 40, 40, 40]])
    assert torch.allclose(overlaps(a, b), torch.tensor([[1, 1 / 3, 0], [0, 0, 0]]))


def test_a_coded_box_says_shift_and_growth_in_anchors() -> None:
    anchor = torch.tensor([[10.0, 10, 30, 50]])
    box = torch.tensor([[20.0, 10, 60, 50]])  # 20 right of it, twice as wide
    deltas = BoxCoder(10, 5).encode(box, anchor)
    assert torch.allclose(deltas, torch.tensor([[10.0, 0, 5 * 0.693147, 0]]), atol=1e-5)
    assert torch.allclose(BoxCoder(10, 5).decode(deltas, anchor), box, atol=1e-4)
    assert BoxCoder().decode(torch.full((1, 4), 1e4), anchor).isfinite().all()


def test_anchors_answer_for_boxes_by_overlap_and_each_box_has_its_best() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 22], [100, 100, 110, 110], [50, 50, 60, 60]])
    boxes = torch.tensor([[0.0, 0, 10, 10], [104, 100, 140, 140]])
    matched = Matching(0.5, 0.4)(boxes, torch.zeros(0, 4), anchors)
    # The second anchor overlaps by 0.45; the third by almost nothing, and nothing fits its box better.
    assert matched.tolist() == [0, IGNORED, 1, BACKGROUND]
    assert Matching()(boxes, torch.tensor([[45.0, 45, 65, 65]]), anchors)[3] == IGNORED
    assert (Matching()(torch.zeros(0, 4), torch.zeros(0, 4), anchors) == BACKGROUND).all()


def _greedy(boxes: torch.Tensor, labels: torch.Tensor, limit: float) -> list[bool]:
    overlap, kept = overlaps(boxes, boxes), list[bool]()
    for n in range(len(boxes)):
        kept.append(not any(kept[k] and labels[k] == labels[n] and overlap[k, n] > limit for k in range(n)))
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_suppression_is_the_greedy_loop(seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    corner = torch.rand(120, 2, generator=chance) * 60
    boxes = torch.cat([corner, corner + 10 + 20 * torch.rand(120, 2, generator=chance)], 1)
    labels = torch.randint(0, 2, (120,), generator=chance)
    assert suppress(boxes, labels, 0.5).tolist() == _greedy(boxes, labels, 0.5)


def test_candidates_are_pairs_of_anchor_and_label_best_first() -> None:
    boxes = torch.arange(12.0).reshape(3, 4)
    scores = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]])
    found, best, labels, anchor = best_candidates(boxes, scores, 3)
    assert best.tolist() == pytest.approx([0.9, 0.8, 0.4])
    assert labels.tolist() == [1, 0, 1] and anchor.tolist() == [0, 1, 2]
    assert torch.equal(found, boxes)


def test_default_boxes_have_the_geometric_mean_and_the_published_shapes() -> None:
    second = mobilenet_shapes(300)[1]
    assert second[0] == pytest.approx((105, 105))  # scale 0.35
    assert second[1] == pytest.approx((300 * (0.35 * 0.5) ** 0.5,) * 2)
    assert len(mobilenet_shapes(300)[0]) == 3 and len(second) == 6
    for width, height in person_shapes()[0]:
        assert height / width == pytest.approx(1.7**0.5)
    assert retinanet_shapes()[0][:3] == [(46, 22), (56, 28), (70, 36)]  # torchvision's, rounded


def test_places_are_in_the_order_map_row_column_shape() -> None:
    anchors = at_every_place([[(10, 20), (4, 4)], [(8, 8)]], [(2, 3), (1, 1)], (20, 30))
    assert anchors.shape == (13, 4)
    assert anchors[0].tolist() == [0, -5, 10, 15] and anchors[1].tolist() == [3, 3, 7, 7]
    assert anchors[2].tolist() == [10, -5, 20, 15]  # the next column
    assert anchors[6].tolist() == [0, 5, 10, 25]  # the next row
    assert anchors[12].tolist() == [11, 6, 19, 14]
    with pytest.raises(ValueError, match="boxes for 2 maps, got them for 1"):
        at_every_place([[(1, 1)]], [(1, 1), (1, 1)], (2, 2))
