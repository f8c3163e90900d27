"""A network with its boxes, its loss and its suppression: what is trained, measured and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluation.baselines.boxes import BoxCoder
from evaluation.baselines.losses import focal_loss, hard_negative_loss, smooth_l1
from evaluation.baselines.maps import HeadMaps
from evaluation.baselines.masks import mask_loss, mixed_masks
from evaluation.baselines.matching import IGNORED, Matching
from evaluation.baselines.suppression import best_candidates, suppress

__all__ = ["COLUMNS", "AnchorDetector", "Criterion", "Inference", "Truth"]

COLUMNS = ("x0", "y0", "x1", "y1", "score", "label", "valid")
"""What the rows of `Inference` say."""
CANDIDATES, ROWS = 300, 100
OVERLAP = 0.5


@dataclass(frozen=True)
class Truth:
    """What is in one input: boxes [n, 4] px, labels [n] from 0, `ignored` boxes [m, 4].

    `instances` [H/4, W/4]: 0, or 1 + the number of the box that a cell belongs to; None without masks.
    """

    boxes: Tensor
    labels: Tensor
    ignored: Tensor
    instances: Tensor | None = None


@dataclass(frozen=True)
class Criterion:
    """`focal` (sigmoids), else softmax with hard negatives; `beta` is of smooth L1."""

    focal: bool = True
    alpha: float = 0.25
    gamma: float = 2.0
    beta: float = 1.0

    def outputs(self, labels: int) -> int:
        """Return how many logits a box has: softmax needs one for background."""
        return labels if self.focal else labels + 1


class AnchorDetector(nn.Module):
    """pictures [B, 3, H, W], 0..1 RGB -> maps; `anchors` [A, 4] px of the input (height, width) `size`."""

    anchors: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        anchors: Tensor,
        labels: Sequence[str],
        size: tuple[int, int],
        *,
        criterion: Criterion,
        coder: BoxCoder,
        matching: Matching,
        mean: Sequence[float],
        deviation: Sequence[float],
        freeze_backbone: bool = False,
    ) -> None:
        """Join the parts; a frozen backbone keeps its weights and its batch statistics."""
        super().__init__()
        self.network, self.labels, self.size = network, tuple(labels), size
        self.criterion, self._coder, self._matching = criterion, coder, matching
        self.register_buffer("anchors", anchors, persistent=False)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1), persistent=False)
        self._frozen = self.body if freeze_backbone else None
        if self._frozen is not None:
            self._frozen.requires_grad_(False)

    @property
    def body(self) -> nn.Module:
        """The feature extractor, as published weights know it."""
        backbone = self.network.get_submodule("backbone")
        return dict(backbone.named_children()).get("body", backbone)

    def train(self, mode: bool = True) -> AnchorDetector:
        """Switch to training; what is frozen stays as it is."""
        super().train(mode)
        if self._frozen is not None:
            self._frozen.eval()
        return self

    def forward(self, pictures: Tensor) -> HeadMaps:
        """Return the network's maps of pictures [B, 3, H, W] or frames [B, T, 3, H, W]."""
        maps: HeadMaps = self.network((pictures - self.mean) / self.deviation)
        return maps

    def loss(self, pictures: Tensor, truths: Sequence[Truth]) -> tuple[Tensor, dict[str, float]]:
        """Return the loss per matched anchor, and its parts; there is a truth for each row of the maps."""
        maps = self(pictures)
        logits, deltas = _flat(maps.logits, self._outputs), _flat(maps.deltas, 4)
        matched = torch.stack([self._matching(t.boxes, t.ignored, self.anchors) for t in truths])
        positive = matched >= 0
        count = positive.sum().clamp(min=1).to(logits.dtype)
        label_of = torch.stack([_taken(t.labels, m) for t, m in zip(truths, matched, strict=True)])
        naming = self._naming_loss(logits, label_of, positive, matched != IGNORED) / count
        boxes = torch.cat([t.boxes[m[m >= 0]] for t, m in zip(truths, matched, strict=True)])
        anchors = self.anchors.expand(len(truths), -1, -1)[positive]
        wanted = self._coder.encode(boxes, anchors)
        placing = smooth_l1(deltas[positive], wanted, self.criterion.beta) / count
        parts = {"labels": naming, "boxes": placing}
        if maps.coefficients is not None and maps.prototypes is not None:
            parts["masks"] = self._masking_loss(maps, truths, matched) / count
        return sum(parts.values(), logits.new_zeros(())), {
            name: float(p.detach()) for name, p in parts.items()
        }

    def candidates(self, maps: HeadMaps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return boxes [k, 4] px, scores, labels and masks [k, h, w] of one picture's maps, best first.

        What is suppressed has score 0; without masks there is an empty tensor.
        """
        logits, deltas = _flat(maps.logits, self._outputs)[0], _flat(maps.deltas, 4)[0]
        scores = torch.sigmoid(logits) if self.criterion.focal else torch.softmax(logits, -1)[:, 1:]
        boxes = self._coder.decode(deltas, self.anchors)
        limit = torch.tensor([self.size[1], self.size[0]] * 2, dtype=boxes.dtype, device=boxes.device)
        boxes = torch.minimum(boxes.clamp(min=0), limit)
        boxes, scores, labels, anchor = best_candidates(boxes, scores, CANDIDATES)
        scores = scores * suppress(boxes, labels, OVERLAP)
        scores, rows = scores.topk(min(ROWS, scores.shape[0]))
        boxes, labels, anchor = boxes[rows], labels[rows], anchor[rows]
        masks = boxes.new_zeros(0)
        if maps.coefficients is not None and maps.prototypes is not None:
            shares = _flat(maps.coefficients, maps.prototypes.shape[1])[0][anchor]
            masks = mixed_masks(shares, maps.prototypes[0], boxes)
        return boxes, scores, labels, masks

    @property
    def _outputs(self) -> int:
        return self.criterion.outputs(len(self.labels))

    def _naming_loss(self, logits: Tensor, labels: Tensor, positive: Tensor, counted: Tensor) -> Tensor:
        if not self.criterion.focal:
            return hard_negative_loss(logits, torch.where(positive, labels + 1, 0), counted)
        truth = nn.functional.one_hot(labels, len(self.labels)).to(logits.dtype) * positive[..., None]
        return focal_loss(logits[counted], truth[counted], self.criterion.alpha, self.criterion.gamma)

    def _masking_loss(self, maps: HeadMaps, truths: Sequence[Truth], matched: Tensor) -> Tensor:
        assert maps.coefficients is not None and maps.prototypes is not None
        shares = _flat(maps.coefficients, maps.prototypes.shape[1])
        total = shares.new_zeros(())
        for number, truth in enumerate(truths):
            box = matched[number][matched[number] >= 0]
            if truth.instances is not None and len(box):
                of_box = shares[number][matched[number] >= 0]
                total = total + mask_loss(
                    of_box, maps.prototypes[number], truth.boxes[box], box + 1, truth.instances
                )
        return total


class Inference(nn.Module):
    """image uint8 [1, H, W, 3], view [6] -> table [100, 7] of COLUMNS, 0..1 of the picture (and masks).

    `view` is `core_network.prepare.View.as_array`: where the picture lies in the input.
    """

    def __init__(self, detector: AnchorDetector) -> None:
        """Wrap a detector."""
        super().__init__()
        self.detector = detector

    def forward(self, image: Tensor, view: Tensor) -> tuple[Tensor, ...]:
        """Return the table, and the masks where the network has them."""
        picture = image.permute(0, 3, 1, 2).to(torch.float32) / 255
        return self.table(self.detector(picture), view)

    def table(self, maps: HeadMaps, view: Tensor) -> tuple[Tensor, ...]:
        """Return the same from maps."""
        boxes, scores, labels, masks = self.detector.candidates(maps)
        height, width = self.detector.size
        size = torch.tensor([width, height] * 2, dtype=boxes.dtype)
        boxes = ((boxes / size - view[:2].repeat(2)) / view[2:4].repeat(2)).clamp(0, 1)
        rest = [scores, labels.to(boxes.dtype), (scores > 0).to(boxes.dtype)]
        table = torch.cat([boxes, torch.stack(rest, 1)], 1)
        return (table, masks) if masks.ndim == 3 else (table,)


def _flat(maps: Sequence[Tensor], numbers: int) -> Tensor:
    """Return [B, A, numbers] in the order of the anchors: map, row, column, shape."""
    parts = []
    for here in maps:
        batch, channels, height, width = here.shape
        parts.append(
            here.view(batch, channels // numbers, numbers, height, width)
            .permute(0, 3, 4, 1, 2)
            .reshape(batch, height * width * (channels // numbers), numbers)
        )
    return torch.cat(parts, 1)


def _taken(labels: Tensor, matched: Tensor) -> Tensor:
    """Return the label of each anchor's box, 0 where it has none."""
    if not len(labels):
        return torch.zeros_like(matched)
    return labels[matched.clamp(min=0)] * (matched >= 0)
