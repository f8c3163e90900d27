"""Tables of sums over named values: what would be many small operations is one product with a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Line", "Lines", "every", "up_to"]

Line = Mapping[str, float]
"""How much each value counts; `one` is always 1."""


class Lines(nn.Module):
    """One sum of the values per line: values [n, 1] -> sums [lines, 1], both in the order of their names."""

    weights: Tensor
    fixed: Tensor

    def __init__(self, values: Sequence[str], lines: Mapping[str, Line]) -> None:
        super().__init__()
        weights, fixed = torch.zeros(len(lines), len(values)), torch.zeros(len(lines), 1)
        for row, line in enumerate(lines.values()):
            for name, factor in line.items():
                if name == "one":
                    fixed[row] = factor
                else:
                    weights[row, values.index(name)] = factor
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("fixed", fixed, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return the sums [lines, 1] of values [n, 1]."""
        return torch.addmm(self.fixed, self.weights, values)

    def hold(self, values: Tensor) -> Tensor:
        """Return 1.0 for each line whose sum is above 0, otherwise 0.0 [lines, 1]."""
        sums = torch.addmm(self.fixed, self.weights, values)
        return (sums > 0).float()


def every(*names: str, no: Sequence[str] = ()) -> Line:
    """Return a line that is above 0 where all of these are 1 and none of the others is; all are 0 or 1."""
    return dict.fromkeys(names, 1.0) | dict.fromkeys(no, -1.0) | {"one": 0.5 - len(names)}


def up_to(name: str, limit: float) -> Line:
    """Return a line that is above 0 where this is at most the limit."""
    return {name: -1.0, "one": float(np.nextafter(np.float32(limit), np.float32(np.inf)))}
