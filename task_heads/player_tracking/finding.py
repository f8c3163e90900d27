"""From maps of people to a table of detections: places -> boxes -> suppression -> what is said of each.

maps -> the best places, each with its box -> the best box of each person -> mean of those that agree
features, deep -> patches around them -> read -> mended boxes, roles, kits -> [FOUND, DETECTIONS]

Two people may stand in places side by side: their boxes tell them apart, so no place is left out for lying
beside a better one (as peaks of a heat map would).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = [
    "CANDIDATES", "COLOURS", "DETECTIONS", "FOUND", "KIT", "PATCH", "Finder", "overlap", "square"
]  # fmt: skip

CANDIDATES = 192
"""Places whose boxes are compared; a person has several."""
DETECTIONS = 64
CELL = 4.0
KIT = 6
"""Shirt and shorts, each as lightness and two colour differences (see `recipes.kit_targets`)."""
PATCH = (5, 3)
"""Rows and columns of feature cells around a peak from which a person is described."""
FOUND = 3 + 2 + 3 + KIT + 2
"""Rows of a detection: x, y, score, width, height, three role weights, the kit (scaled so that distances are
plain), height squared, one."""
_LEAST_SCORE = 0.01
COLOURS = (1.0, 2.0, 2.0, 0.4, 0.8, 0.8)
"""What counts in the square of a distance between kits: colour more than lightness, shirts more than
shorts."""


Read = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def square(away: Tensor) -> Tensor:
    """Return the squared length [1, ...] of vectors [2, ...]; a sum of two is faster than a reduction."""
    x, y = torch.split(away * away, 1)
    return x + y


def overlap(away: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the area [1, n, m] that boxes share whose centres are `away` [2, n, m] from each other; sizes a
    [2, n, 1] and b [2, 1, m]."""
    shared = torch.minimum(torch.minimum(a, b), (a * 0.5 + b * 0.5) - away.abs())
    width, height = torch.split(torch.relu(shared), 1)
    return width * height


class Finder(nn.Module):
    """Chooses the places, drops all but the best box on a person, has the rest described."""

    shares: Tensor
    cells: Tensor
    down_by: Tensor
    right_by: Tensor
    colours: Tensor
    nowhere: Tensor
    first: Tensor
    empty: Tensor

    def __init__(self, nms_iou: float, vote_iou: float, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.channels, self.rows, self.columns = shape
        self.nms_iou = nms_iou
        # Of boxes of areas A and B that share S, IoU > t is the same as S > t / (1 + t) * (A + B).
        self.share = vote_iou / (1 + vote_iou)

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        # A place's number n counts columns, rows and sub-cells (across, then down), as the heat lies in
        # memory; what is needed of it is linear in the whole parts of n, n / columns, n / cells and n / 2
        # cells.
        cells = self.rows * self.columns
        keep("shares", 1 / torch.tensor([[1.0], [self.columns], [cells], [2.0 * cells]]))
        column = torch.tensor([1.0, -self.columns, 0.0, 0.0])
        row = torch.tensor([0.0, 1.0, -self.rows, 0.0])
        right, low = torch.tensor([0.0, 0.0, 1.0, -2.0]), torch.tensor([0.0, 0.0, 0.0, 1.0])
        places = [2 * column + right, 2 * row + low, right, low, column, row]
        keep("cells", torch.stack(places))
        down, right = torch.meshgrid(
            torch.arange(PATCH[0]) - PATCH[0] // 2, torch.arange(PATCH[1]) - PATCH[1] // 2, indexing="ij"
        )
        keep("down_by", down.reshape(1, -1).float())
        keep("right_by", right.reshape(1, -1).float())
        keep("colours", torch.tensor(COLOURS).sqrt()[:, None])
        # Detections beyond those that are kept are the candidate after the last, which is empty.
        keep("nowhere", torch.full((DETECTIONS,), CANDIDATES))
        keep("first", torch.arange(DETECTIONS))
        keep("empty", torch.zeros(9, 1))

    def forward(
        self, maps: Tensor, deep: Tensor, features: Tensor, read: Read, centre: Tensor, half: Tensor
    ) -> Tensor:
        """Return [FOUND, DETECTIONS], best first; the score of a place that does not count is 0.

        maps [1, 20, h, w]: heat logit, dx, dy, log w, log h, each of the four sub-cells; deep [1, n, h, w];
        features [1, C, h, w]; `read` as `PlayerNet.read`; centre and half the size [2, 1] of the picture in
        px of the core's input.
        """
        heat, outline = torch.split(maps.reshape(5, -1), [1, 4])
        logits, number = heat.topk(CANDIDATES, 1)
        # A quarter more, so that no rounding decides on the whole part.
        whole = torch.floor((number.float() + 0.25) * self.shares)
        place, cell = torch.split(self.cells @ whole, [2, 4])
        offset, size = torch.split(outline.index_select(1, number.reshape(-1)), 2)
        at, size = (place + offset.clamp(-3.0, 4.0)) * CELL, size.clamp(-2.0, 5.0).exp() * CELL
        boxes, sure = torch.cat([at, size]), torch.sigmoid(logits)
        kept = self.kept(boxes.T, sure)

        table = torch.cat([torch.cat([boxes, sure, cell]), self.empty], 1).index_select(1, kept)
        at, size, score, cell = torch.split(table, [2, 2, 1, 4])
        at, size = torch.split(self._mean(at, size, boxes, sure.T), 2)
        part, column, row = torch.split(cell.T, [2, 1, 1], 1)
        described = read(
            *self._around(features, deep, column, row), part, score / score.sum().clamp(min=1e-9)
        )
        mend, grow, role, kit = torch.split(described.T, [2, 2, 3, KIT])
        at = at + mend.clamp(-3.0, 3.0) * CELL
        size = size * grow.clamp(-1.0, 1.0).exp()
        outside = ((at - centre).abs() - half).amax(0, keepdim=True)
        tall = size[1:2]
        return torch.cat(
            [at, torch.where(outside <= 0, score, 0.0), size, role.softmax(0)]
            + [kit.clamp(-2.0, 2.0) * self.colours, tall * tall, torch.ones_like(tall)]
        )

    def kept(self, boxes: Tensor, score: Tensor) -> Tensor:
        """Return the numbers [DETECTIONS] of boxes [n, 4] (x, y, w, h) that no better one covers, best first,
        n where there are no more; score [1, n], falling."""
        limits = (torch.tensor([DETECTIONS]), torch.tensor([self.nms_iou]), torch.tensor([_LEAST_SCORE]))
        if torch.onnx.is_in_onnx_export():
            chosen = torch.onnx.ops.symbolic(
                "NonMaxSuppression",
                (boxes[None], score[None], *limits),
                {"center_point_box": 1},
                dtype=torch.int64,
                shape=(DETECTIONS, 3),  # at most
            )[:, 2]
        else:
            chosen = _suppressed(boxes, score[0], self.nms_iou)
        # A gathering says how many there are whatever is chosen; a slice of unknown length would not.
        return torch.cat([chosen, self.nowhere]).index_select(0, self.first)

    def _mean(self, at: Tensor, size: Tensor, boxes: Tensor, sure: Tensor) -> Tensor:
        """Return for each box (at and size [2, m]) the mean [4, m] of the boxes [4, n] that agree with it,
        those that are sure [n, 1] before others (box voting, arXiv 1505.01749, section 4.3)."""
        places, sizes = torch.split(boxes, 2)
        a, b = sizes[:, :, None], size[:, None, :]
        common = overlap(places[:, :, None] - at[:, None, :], a, b).squeeze(0)
        area = sizes.prod(0)[:, None] + size.prod(0, keepdim=True)
        votes = torch.where(common > area * self.share, sure * sure, 0.0)
        return (boxes @ votes) / votes.sum(0, keepdim=True).clamp(min=1e-9)

    def _around(self, features: Tensor, deep: Tensor, column: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """Return the patches and the trunk's features at cells [n, 1]."""
        rows = (row + self.down_by).clamp(0.0, self.rows - 1.0)
        columns = (column + self.right_by).clamp(0.0, self.columns - 1.0)
        address = (rows * self.columns + columns).long()
        cells = features.reshape(self.channels, -1).T
        patches = cells.index_select(0, address.reshape(-1)).reshape(DETECTIONS, -1)
        middle = address[:, PATCH[0] * PATCH[1] // 2]
        return patches, deep.reshape(deep.shape[1], -1).index_select(1, middle).T


def _suppressed(boxes: Tensor, score: Tensor, iou: float) -> Tensor:
    """Return what ONNX's NonMaxSuppression does: the numbers of boxes [n, 4] (x, y, w, h) that are kept."""
    at, size = torch.split(boxes.T, 2)
    area = size.prod(0)
    common = overlap(at[:, :, None] - at[:, None, :], size[:, :, None], size[:, None, :])[0]
    covers = common > iou * (area[:, None] + area - common)
    kept: list[int] = []
    for number in range(len(boxes)):
        if score[number] > _LEAST_SCORE and not covers[number, kept].any():
            kept.append(number)
    return torch.tensor(kept[:DETECTIONS], dtype=torch.int64)
