"""Anchors of RetinaNet and default boxes of SSD: the same places everywhere, made once for an input size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "Shapes",
    "at_every_place",
    "mobilenet_shapes",
    "person_shapes",
    "retinanet_shapes",
    "single_shapes",
    "vgg_shapes",
]

Shapes = list[list[tuple[float, float]]]
"""Width and height in px of the boxes at each place of each map."""


def at_every_place(
    shapes: Shapes, maps: Sequence[tuple[int, int]], size: tuple[int, int], *, centred: bool = True
) -> Tensor:
    """Return float32 [A, 4] px in the order map, row, column, shape.

    `maps`: (rows, columns) of each; `size`: (height, width) of the input. `centred` boxes sit on the middle
    of their cell, others on its corner, as torchvision's RetinaNet has them.
    """
    if len(shapes) != len(maps):
        raise ValueError(f"expected boxes for {len(maps)} maps, got them for {len(shapes)}")
    found = []
    for here, (rows, columns) in zip(shapes, maps, strict=True):
        half = torch.tensor(here, dtype=torch.float32) / 2
        # torchvision's corner grid has whole strides; a centred one divides the input evenly.
        across, down = size[1] / columns, size[0] / rows
        if not centred:
            across, down = float(size[1] // columns), float(size[0] // rows)
        shift = 0.5 if centred else 0.0
        y, x = torch.meshgrid(
            (torch.arange(rows) + shift) * down, (torch.arange(columns) + shift) * across, indexing="ij"
        )
        middle = torch.stack([x, y], -1)[:, :, None]
        found.append(torch.cat([middle - half, middle + half], -1).reshape(-1, 4))
    return torch.cat(found)


def retinanet_shapes(scale: float = 1.0, levels: int = 5) -> Shapes:
    """Return nine a place (arXiv 1708.02002): three ratios at 1, 2^1/3 and 2^2/3 of 32, 64 .. px, scaled."""
    return [
        [
            # torchvision rounds the half sizes to whole px, and its weights know them so.
            (2 * round(extent / math.sqrt(ratio) / 2), 2 * round(extent * math.sqrt(ratio) / 2))
            for ratio in (0.5, 1.0, 2.0)
            for extent in (scale * int(32 * 2**level * 2 ** (third / 3)) for third in range(3))
        ]
        for level in range(levels)
    ]


def single_shapes(sizes: Sequence[float]) -> Shapes:
    """Return the boxes of one map: each size in px with height to width 1, 2 and 1:2."""
    return [[(s / math.sqrt(r), s * math.sqrt(r)) for s in sizes for r in (1.0, 2.0, 0.5)]]


def _square_and_ratios(
    scale: float, following: float, ratios: Sequence[float], side: int
) -> list[tuple[float, float]]:
    """Return the square, that at the geometric mean with the next scale, and both turns of each ratio."""
    mean = math.sqrt(scale * following)
    shapes = [(scale, scale), (mean, mean)]
    for ratio in ratios:
        shapes += [
            (scale * math.sqrt(ratio), scale / math.sqrt(ratio)),
            (scale / math.sqrt(ratio), scale * math.sqrt(ratio)),
        ]
    return [(side * width, side * height) for width, height in shapes]


def vgg_shapes(side: int = 300, shrink: float = 1.0) -> Shapes:
    """Return those of SSD300 on COCO: scales 0.07, 0.15 to 0.87; ratios 2, 3 (arXiv 1512.02325, 3.4)."""
    scales = [shrink * scale for scale in (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)]
    ratios = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
    return [_square_and_ratios(scales[k], scales[k + 1], ratios[k], side) for k in range(6)]


def mobilenet_shapes(side: int, least: float = 0.2, most: float = 0.95, maps: int = 6) -> Shapes:
    """Return those of SSD-MobileNet: scales evenly from `least` to `most` of `side` px, ratios 2 and 3.

    The first map has three only: a square of half the least scale, and both turns of 2.
    """
    scales = [least + (most - least) * k / (maps - 1) for k in range(maps)] + [1.0]
    shapes = [_square_and_ratios(scales[k], scales[k + 1], (2, 3), side) for k in range(maps)]
    wide, tall = shapes[0][2:4]
    shapes[0] = [(side * least / 2, side * least / 2), wide, tall]
    return shapes


def person_shapes(ratio: float = 1.7, smallest: float = 16.0) -> Shapes:
    """Return two a place, `smallest` px times 1, 2; 2, 4; 4, 8; 8, 16 wide and sqrt(ratio) as high."""
    return [
        [(smallest * 2**k * size, smallest * 2**k * size * math.sqrt(ratio)) for size in (1, 2)]
        for k in range(4)
    ]
