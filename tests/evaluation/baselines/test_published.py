"""The structures are the originals': parameters within 1 %, multiply-accumulates within 5 %."""

from __future__ import annotations

import pytest
import torch

from evaluation.baselines.published import PUBLISHED, counted
from evaluation.baselines.systems import SYSTEMS, Settings, build


@pytest.mark.parametrize("name", [name for name, figures in PUBLISHED.items() if figures.parameters])
def test_parameters_and_operations_agree_with_the_published_figures(name: str) -> None:
    figures = PUBLISHED[name]
    here = counted(name, figures.labels, Settings(input=figures.input))
    parameters = here.folded_parameters if figures.folded else here.parameters
    assert parameters == pytest.approx(figures.parameters, rel=0.01)
    assert here.macs == pytest.approx(figures.macs, rel=0.05)


@pytest.mark.parametrize(
    ("name", "boxes"), [("ssd_vgg16", 8732), ("ssd_mobilenetv1", 1917), ("person_detector", 2 * 1930)]
)
def test_number_of_default_boxes(name: str, boxes: int) -> None:
    with torch.device("meta"):
        assert len(build(name, ("person",)).anchors) == boxes


def test_the_small_person_detector_is_the_seeds_to_the_last_parameter() -> None:
    assert counted("person_detector", 2).folded_parameters == 2_750_864


def test_a_backbone_can_be_frozen() -> None:
    detector = build(
        "retinanet_resnet18", ("person",), Settings(input=(64, 64), freeze_backbone=True)
    ).train()
    assert not any(p.requires_grad for p in detector.body.parameters())
    assert not any(module.training for module in detector.body.modules())
    assert all(p.requires_grad for p in detector.network.get_submodule("head").parameters())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="a system among retinanet_resnet18, .*got 'yolo'"):
        build("yolo", ("person",))
    with pytest.raises(ValueError, match="multiples of 8, got \\[90, 100\\]"):
        build("retinanet_resnet18_masks", ("person",), Settings(input=(90, 100)))
    with pytest.raises(ValueError, match="unknown setting depth"):
        Settings.parse({"depth": 3})
    with pytest.raises(ValueError, match="focal or hard_negatives, got 'l2'"):
        Settings.parse({"loss": "l2"})
    assert set(PUBLISHED) <= set(SYSTEMS)
