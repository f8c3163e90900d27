"""From maps of people to a table of detections: peaks -> what is said of each -> non-maximum suppression.

heat, deep, features -> the best peaks -> read -> boxes, roles, kits -> suppression -> [FOUND, DETECTIONS]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["COLOURS", "DETECTIONS", "FOUND", "KIT", "PATCH", "Finder", "overlap", "square"]

DETECTIONS = 64
CELL = 4.0
KIT = 6
"""Shirt and shorts, each as lightness and two colour differences (see `recipes.kit_targets`)."""
PATCH = (5, 3)
"""Rows and columns of feature cells around a peak from which a person is described."""
FOUND = 3 + 2 + 3 + KIT + 2
"""Rows of a detection: x, y, score, width, height, three role weights, the kit (scaled so that distances are
plain), height squared, one."""
_NEVER = -30.0
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
    """Chooses the places, has them described, drops all but the best box on a person."""

    before: Tensor
    shares: Tensor
    cells: Tensor
    down_by: Tensor
    right_by: Tensor
    colours: Tensor

    def __init__(self, nms_iou: float, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.channels, self.rows, self.columns = shape
        # Of boxes of areas A and B that share S, IoU > t is the same as S > t / (1 + t) * (A + B).
        self.share = nms_iou / (1 + nms_iou)

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        # before[i, j] = 1 where detection i has a higher rank than j.
        keep("before", torch.triu(torch.ones(DETECTIONS, DETECTIONS), 1))
        # A place's number n is 2 columns * row + column of sub-cells; all that is needed of it is linear in
        # the whole parts of n, n / 2, n / (2 columns) and n / (4 columns).
        wide = 2 * self.columns
        keep("shares", 1 / torch.tensor([1.0, 2.0, wide, 2.0 * wide]))
        wanted = torch.zeros(4, 6)  # column and row of the sub-cell, the same within its cell, of the cell
        wanted[:, 0] = torch.tensor([1.0, 0.0, -wide, 0.0])
        wanted[2, 1] = 1.0
        wanted[:, 2] = torch.tensor([1.0, -2.0, 0.0, 0.0])
        wanted[:, 3] = torch.tensor([0.0, 0.0, 1.0, -2.0])
        wanted[:, 4] = torch.tensor([0.0, 1.0, -self.columns, 0.0])
        wanted[3, 5] = 1.0
        keep("cells", wanted)
        down, right = torch.meshgrid(
            torch.arange(PATCH[0]) - PATCH[0] // 2, torch.arange(PATCH[1]) - PATCH[1] // 2, indexing="ij"
        )
        keep("down_by", down.reshape(1, -1).float())
        keep("right_by", right.reshape(1, -1).float())
        keep("colours", torch.tensor(COLOURS).sqrt()[:, None])

    def forward(
        self, heat: Tensor, deep: Tensor, features: Tensor, read: Read, centre: Tensor, half: Tensor
    ) -> Tensor:
        """Return [FOUND, DETECTIONS], best first; the score of a place that does not count is 0.

        heat [1, 4, h, w] logits of the sub-cells, deep [1, n, h, w], features [1, C, h, w]; `read` as
        `PlayerNet.read`; centre and half the size [2, 1] of the picture in px of the core's input.
        """
        sure, place, described = self._peaks(heat, deep, features, read)
        offset, size, role, kit, place, sure = torch.split(
            torch.cat([described, place, sure], 1).T, [2, 2, 3, KIT, 2, 1]
        )
        at = (place + offset.clamp(-3.0, 4.0)) * CELL
        size = size.clamp(-2.0, 5.0).exp() * CELL
        outside = ((at - centre).abs() - half).amax(0, keepdim=True)
        score = torch.where(outside <= 0, sure, 0.0)
        score = score * self._kept(at, size, (score >= 0.01).float())
        tall = size[1:2]
        return torch.cat(
            [at, score, size, role.softmax(0), kit.clamp(-2.0, 2.0) * self.colours, tall * tall]
            + [torch.ones_like(tall)]
        )

    def _peaks(
        self, heat: Tensor, deep: Tensor, features: Tensor, read: Read
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return score [n, 1], place [n, 2] (column, row at stride 4) and what `read` says of the n best
        peaks."""
        heat = F.pixel_shuffle(heat, 2)
        peaks = torch.where(heat >= F.max_pool2d(heat, 3, 1, 1), heat, _NEVER)
        logits, number = peaks.reshape(-1, 1).topk(DETECTIONS, 0)
        # A quarter more, so that no rounding decides on the whole part.
        whole = torch.floor((number.float() + 0.25) * self.shares)
        place, part, column, row = torch.split(whole @ self.cells, [2, 2, 1, 1], 1)
        rows = (row + self.down_by).clamp(0.0, self.rows - 1.0)
        columns = (column + self.right_by).clamp(0.0, self.columns - 1.0)
        address = (rows * self.columns + columns).long()
        cells = features.reshape(self.channels, -1).T
        patches = cells.index_select(0, address.reshape(-1)).reshape(DETECTIONS, -1)
        middle = deep.reshape(deep.shape[1], -1).index_select(1, address[:, PATCH[0] * PATCH[1] // 2]).T
        sure = torch.sigmoid(logits)
        return sure, place, read(patches, middle, part, (sure / sure.sum(0, keepdim=True)).T)

    def _kept(self, at: Tensor, size: Tensor, start: Tensor) -> Tensor:
        """Return 1.0 [1, n] for boxes that no better one covers; start: 1.0 for those that count at all."""
        a, b = size[:, :, None], size[:, None, :]
        area = size.prod(0, keepdim=True) * self.share
        common = overlap(at[:, :, None] - at[:, None, :], a, b).squeeze(0)
        over = torch.where(common > area.T + area, self.before, 0.0)
        kept = start
        for _ in range(3):  # converges to sequential suppression (Cluster-NMS, arXiv 2005.03572)
            kept = torch.relu(torch.addmm(start, kept, over, alpha=-1))
        return kept
