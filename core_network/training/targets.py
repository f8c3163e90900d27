"""Training targets at stride 4: centre heat maps and boxes, as in CenterNet (arXiv 1904.07850, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["STRIDE", "Targets", "make_targets"]

STRIDE = 4
"""Pixels of the network input per cell of the task maps."""
_UNDECIDED = np.float32(0.99)
"""Heat that is neither a centre nor ground: its loss is nothing, whatever is said there."""


@dataclass(frozen=True)
class Targets:
    """Maps of one image; heat 1 marks a centre, weights say where boxes are trained."""

    heat: NDArray[np.float32]  # [h, w]
    boxes: NDArray[np.float32]  # [4, h, w] x0 y0 x1 y1 in cells
    box_weight: NDArray[np.float32]  # [h, w]
    ball_heat: NDArray[np.float32]  # [h, w]
    ball_centre: NDArray[np.float32]  # [2, h, w] x y in cells
    ball_weight: NDArray[np.float32]  # [h, w]
    people_known: float  # 1 where people are labelled in this image, else 0
    ball_known: float


def _splat(heat: NDArray[np.float32], cx: float, cy: float, sx: float, sy: float) -> None:
    height, width = heat.shape
    reach_x, reach_y = int(np.ceil(3 * sx)) + 1, int(np.ceil(3 * sy)) + 1
    ix, iy = int(cx), int(cy)
    x0, x1, y0, y1 = (
        max(0, ix - reach_x),
        min(width, ix + reach_x + 1),
        max(0, iy - reach_y),
        min(height, iy + reach_y + 1),
    )
    if x0 >= x1 or y0 >= y1:
        return
    ys, xs = np.mgrid[y0:y1, x0:x1]
    bump = np.exp(-(((xs - ix) / sx) ** 2 + ((ys - iy) / sy) ** 2) / 2).astype(np.float32)
    np.maximum(heat[y0:y1, x0:x1], bump, out=heat[y0:y1, x0:x1])


def make_targets(
    people: NDArray[np.float32] | None,
    balls: NDArray[np.float32] | None,
    height: int,
    width: int,
    doubtful: NDArray[np.float32] | None = None,
) -> Targets:
    """Return the maps for boxes [n, 4] and ball centres [m, 2] in px of an input of height x width.

    None means "not labelled in this picture": that task's loss is then left out. Inside `doubtful` boxes
    [k, 4] nothing says whether there is a person.
    """
    rows, columns = height // STRIDE, width // STRIDE
    heat, weight = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    boxes = np.zeros((4, rows, columns), np.float32)
    ball_heat, ball_weight = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    ball_centre = np.zeros((2, rows, columns), np.float32)
    # Far people first, so that the nearer one (lower on the picture) owns a shared cell.
    for box in sorted(people.tolist(), key=lambda b: float(b[3])) if people is not None else []:
        x0, y0, x1, y1 = (v / STRIDE for v in box)
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        if not (0 <= cx < columns and 0 <= cy < rows):
            continue
        ix, iy = int(cx), int(cy)
        _splat(heat, cx, cy, max(0.5, (x1 - x0) * 0.15), max(0.6, (y1 - y0) * 0.15))
        reach = 1 if y1 - y0 > 4 else 0
        for yy in range(max(0, iy - reach), min(rows, iy + reach + 1)):
            for xx in range(max(0, ix - reach), min(columns, ix + reach + 1)):
                own = 1.0 if (xx, yy) == (ix, iy) else 0.3
                if own >= weight[yy, xx]:
                    weight[yy, xx] = own
                    boxes[:, yy, xx] = x0, y0, x1, y1
        heat[iy, ix] = 1
    for box in doubtful.tolist() if doubtful is not None else []:
        x0, y0, x1, y1 = (max(0, round(v / STRIDE)) for v in box)
        # The focal loss takes (1 - heat)^4 of a place that is no centre.
        np.maximum(heat[y0:y1, x0:x1], _UNDECIDED, out=heat[y0:y1, x0:x1])
    for x, y in balls.tolist() if balls is not None else []:
        cx, cy = x / STRIDE, y / STRIDE
        if not (0 <= cx < columns and 0 <= cy < rows):
            continue
        ix, iy = int(cx), int(cy)
        _splat(ball_heat, cx, cy, 0.7, 0.7)
        ball_heat[iy, ix] = 1
        ball_weight[iy, ix] = 1
        ball_centre[:, iy, ix] = cx, cy
    return Targets(
        heat,
        boxes,
        weight,
        ball_heat,
        ball_centre,
        ball_weight,
        float(people is not None),
        float(balls is not None),
    )
