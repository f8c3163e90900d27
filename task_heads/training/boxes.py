"""For heads that find things: what they are taught, the loss, recall and precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_network.spec import FeatureSpec
from core_network.training.detection import box_iou
from core_network.training.losses import task_loss
from core_network.training.targets import make_targets
from task_heads.dataset import Record

__all__ = ["box_figures", "box_loss", "box_target"]

Tables = Mapping[str, NDArray[np.float32]]
_THRESHOLDS = np.arange(0.1, 0.9, 0.02)


def box_target(record: Record, spec: FeatureSpec, labels: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return what `box_loss` compares with, at stride 4, twice as fine as the features.

    `heat` [h, w] is 1 at the centre of every labelled box, whichever label it has; around a centre
    `box_weight` [h, w] is above 0 and `boxes` [4, h, w] are its corners in cells of stride 4. `kind`
    [len(labels), h, w] is the heat of each label alone. `known` and `labelled` [len(labels)] are 0 for a
    picture without labels.
    """
    x0, y0, width, height, source_width, source_height = record.view
    across, down = spec.input_width, spec.input_height
    scale = np.array([width * across / source_width, height * down / source_height], np.float32)
    corners = record.truth.boxes if record.truth.boxes is not None else np.zeros((0, 4), np.float32)
    things = corners * np.tile(scale, 2) + np.tile(np.array([x0 * across, y0 * down], np.float32), 2)
    maps = make_targets(things, None, down, across)
    names = np.array(record.truth.labels or [None] * len(things), object)
    known = np.float32(record.truth.boxes is not None)
    return {
        "heat": maps.heat, "boxes": maps.boxes, "box_weight": maps.box_weight, "known": np.array(known),
        "kind": np.stack([make_targets(things[names == name], None, down, across).heat for name in labels]),
        "labelled": np.full(len(labels), known),
    }  # fmt: skip


def box_loss(maps: Tensor, target: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of heat and boxes and its parts: focal loss, generalised IoU and L1.

    maps [B, 5, h, w] at stride 4: heat logit, centre from the cell's corner (x, y), log of width and height,
    in cells; `target` is that of `box_target`, batched.
    """
    no_ball = maps.new_zeros(len(maps), 3, *maps.shape[2:])
    nothing = {
        "people_known": target["known"], "ball_known": torch.zeros_like(target["known"]),
        "ball_heat": no_ball[:, 0], "ball_weight": no_ball[:, 0], "ball_centre": no_ball[:, 1:],
    }  # fmt: skip
    loss, parts = task_loss(maps, no_ball, {**target, **nothing})
    return loss, {"heat": parts["people"], "box": parts["box"]}


def box_figures(
    run: Callable[[Record], Tables],
    records: Iterable[Record],
    labels: Sequence[str],
    threshold: float | None,
    output: str = "found",
) -> dict[str, float]:
    """Return recall, precision and F1 at `threshold`, or at the best one, which is then `threshold`.

    `output` has rows x0 y0 x1 y1 (0..1 of the picture), score, label. Best scores first, a row is right
    when it covers a labelled box of its kind that no other row has, IoU >= 0.5 (PASCAL VOC).
    """
    scores: list[float] = []
    right: list[bool] = []
    there = 0
    for record in records:
        if record.truth.boxes is None:
            continue
        known = np.array([labels.index(label) if label in labels else -1 for label in record.truth.labels])
        boxes, kinds = record.truth.boxes[known >= 0], known[known >= 0]
        there += len(boxes)
        rows = run(record)[output]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        scores.extend(rows[:, 4].tolist())
        right.extend(_hits(rows, boxes, kinds, record.view[4:6]))
    figures = [
        _figures(np.array(scores), np.array(right, bool), there, float(least))
        for least in ([threshold] if threshold is not None else _THRESHOLDS)
    ]
    return max(figures, key=lambda each: each["f1"])


def _hits(rows: NDArray[Any], boxes: NDArray[Any], kinds: NDArray[Any], size: NDArray[Any]) -> list[bool]:
    if not len(boxes):
        return [False] * len(rows)
    overlap = box_iou(rows[:, :4] * np.tile(size, 2), boxes) * (np.rint(rows[:, 5:6]) == kinds)
    hits = []
    for row in overlap:
        best = int(row.argmax())
        hits.append(bool(row[best] >= 0.5))
        if hits[-1]:
            overlap[:, best] = 0
    return hits


def _figures(scores: NDArray[Any], right: NDArray[np.bool_], there: int, least: float) -> dict[str, float]:
    shown = scores >= least
    hits = int((right & shown).sum())
    recall, precision = hits / max(there, 1), hits / max(int(shown.sum()), 1)
    f1 = 2 * recall * precision / max(recall + precision, 1e-9)
    return {"f1": f1, "recall": recall, "precision": precision, "threshold": least}
