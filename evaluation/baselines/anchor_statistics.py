"""How large a dataset's boxes are in a detector's input, and how well its anchors fit them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core_network.prepare import View
from evaluation.baselines.boxes import overlaps
from evaluation.datasets.types import Dataset, DatasetError

__all__ = ["AnchorStatistics", "Fit", "anchor_statistics", "boxes_in_input", "draw_statistics"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_AT_ONCE = 256


@dataclass(frozen=True)
class AnchorStatistics:
    """Boxes of one label as a detector's input shows them; sizes in px at QUANTILES.

    `ratio`: height to width. `scale`: sqrt(area) over the input's shorter side. `best_overlap`: mean IoU of
    each box with the anchor that fits it best; `matched`: the share at 0.5 and more.
    """

    label: str
    boxes: int
    width: tuple[float, ...]
    height: tuple[float, ...]
    ratio: tuple[float, ...]
    scale: tuple[float, ...]
    best_overlap: float
    matched: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            name: [round(v, 3) for v in value] if isinstance(value, tuple) else
            round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Fit:
    """Boxes [n, 4] px of the input, their labels, and the overlap [n] with the best anchor."""

    boxes: NDArray[np.float32]
    labels: tuple[str, ...]
    overlap: NDArray[np.float32]


def boxes_in_input(dataset: Dataset, size: tuple[int, int]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return every box [n, 4] in px of an input of (height, width), letterboxed, and its label.

    Raises DatasetError without boxes, or where the size of a picture is not known.
    """
    boxes: list[NDArray[np.float64]] = []
    labels: list[str] = []
    for clip in dataset.clips:
        for frame in clip.frames:
            counted = [thing for thing in frame.things if not thing.ignore]
            if not counted:
                continue
            if not (frame.width and frame.height):
                raise DatasetError(
                    f"{clip.name}/{frame.name}: the size of the picture is not known; use --pictures"
                )
            view = View.letterbox(frame.width, frame.height, size[1], size[0])
            scale = np.array([view.width * size[1] / frame.width, view.height * size[0] / frame.height] * 2)
            shift = np.array([view.x0 * size[1], view.y0 * size[0]] * 2)
            boxes += [np.array(thing.box) * scale + shift for thing in counted]
            labels += [thing.label for thing in counted]
    if not boxes:
        raise DatasetError(f"{dataset.name}: expected boxes, got {dataset.frames} frames without any")
    return np.array(boxes, np.float32), tuple(labels)


def anchor_statistics(
    dataset: Dataset, anchors: torch.Tensor, size: tuple[int, int]
) -> tuple[list[AnchorStatistics], Fit]:
    """Return a row for each label that has boxes, and what they were made from; raises DatasetError."""
    boxes, labels = boxes_in_input(dataset, size)
    parts = [
        overlaps(torch.from_numpy(boxes[first : first + _AT_ONCE]), anchors).amax(1)
        for first in range(0, len(boxes), _AT_ONCE)
    ]
    fit = Fit(boxes, labels, torch.cat(parts).numpy())
    names = [label for label in dataset.labels if label in labels]
    return [_row(fit, label, size) for label in names], fit


def _row(fit: Fit, label: str, size: tuple[int, int]) -> AnchorStatistics:
    mine = np.array([one == label for one in fit.labels])
    extent = fit.boxes[mine, 2:] - fit.boxes[mine, :2]
    width, height = extent[:, 0], extent[:, 1]

    def quantiles(values: NDArray[np.floating[Any]]) -> tuple[float, ...]:
        return tuple(float(v) for v in np.quantile(values, QUANTILES))

    return AnchorStatistics(
        label,
        int(mine.sum()),
        quantiles(width),
        quantiles(height),
        quantiles(height / width),
        quantiles(np.sqrt(width * height) / min(size)),
        float(fit.overlap[mine].mean()),
        float((fit.overlap[mine] >= 0.5).mean()),
    )


def draw_statistics(fit: Fit, shapes: Sequence[Sequence[tuple[float, float]]], path: Path) -> None:
    """Write a PNG: sizes of boxes and anchors, ratios, and best overlaps; it appears when it is whole."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    sizes, ratios, matches = figure.subplots(1, 3)
    extent = fit.boxes[:, 2:] - fit.boxes[:, :2]
    names = list(dict.fromkeys(fit.labels))
    for name in names:
        mine = np.array([one == name for one in fit.labels])
        sizes.scatter(*extent[mine].T, s=4, alpha=0.4, label=name)
        ratios.hist((extent[mine, 1] / extent[mine, 0]).clip(0, 6), 40, histtype="step", label=name)
        matches.hist(fit.overlap[mine], 40, range=(0, 1), histtype="step", label=name)
    for number, level in enumerate(shapes):
        sizes.scatter(
            *zip(*level, strict=True), marker="+", color="black", label=None if number else "anchors"
        )
    sizes.set(xscale="log", yscale="log", xlabel="width in the input, px", ylabel="height, px")
    ratios.set(xlabel="height / width", ylabel="boxes")
    matches.axvline(0.5, color="0.6", linewidth=1)
    matches.set(xlabel="IoU with the best anchor", ylabel="boxes")
    for axes in (sizes, ratios, matches):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    partly = path.with_name(f".{path.name}.unfinished")
    figure.savefig(partly, dpi=100, format="png")
    os.replace(partly, path)
