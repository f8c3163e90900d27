"""What every network here puts out: maps of each level."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["HeadMaps"]


class HeadMaps(NamedTuple):
    """Of each level logits [B, boxes * outputs, h, w] and deltas [B, boxes * 4, h, w].

    A network with masks adds coefficients [B, boxes * k, h, w] of each level and `prototypes`
    [B, k, H/4, W/4].
    """

    logits: list[Tensor]
    deltas: list[Tensor]
    coefficients: list[Tensor] | None = None
    prototypes: Tensor | None = None
