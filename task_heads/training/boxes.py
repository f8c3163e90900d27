"""Recall and precision of found boxes against a dataset's labels, for heads that find things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.training.detection import box_iou
from task_heads.dataset import Record

__all__ = ["box_figures"]

Tables = Mapping[str, NDArray[np.float32]]
_THRESHOLDS = np.arange(0.1, 0.9, 0.02)


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
