"""The picture of a run: losses, rate and validation over the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw_curves"]

_LOSSES = ("people", "box", "ball", "offset", "imitation", "rgb")
_SCORES = {
    ("football", "ap50"): "people AP50",
    ("football", "ap75"): "people AP75",
    ("football", "ball_f1"): "ball F1, football stills",
    ("badminton", "ball_f1"): "shuttle F1, badminton",
}


def draw_curves(record: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Write a PNG of a run's record (`stages`, `curve`, `validation`); a name appears when it is whole."""
    # Only a run that draws needs it; the figure is made without a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    losses, rate, scores = figure.subplots(3, 1, sharex=True)
    for name in _LOSSES:
        _line(losses, name, [(row["step"], row.get(name)) for row in record["curve"]])
    losses.set_ylabel("training loss (smoothed)")
    _line(rate, "factorised estimate", [(row["step"], row.get("kB")) for row in record["curve"]])
    rate.set_ylabel("kB per frame, training")
    for (source, measure), label in _SCORES.items():
        points = [(row["step"], row.get(source, {}).get(measure)) for row in record["validation"]]
        _line(scores, label, points, marker="o")
    scores.set_ylabel("validation split")
    scores.set_xlabel("step")
    end = 0
    for stage in record["stages"]:
        for axes in (losses, rate, scores):
            axes.axvline(end, color="0.8", linewidth=1, zorder=0)
        losses.annotate(
            stage["name"], (end, 1), xycoords=("data", "axes fraction"), fontsize="small", va="top"
        )
        end += stage["steps"]
    for axes in (losses, rate, scores):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small", loc="center right")
    temporary = path.with_suffix(".tmp")
    figure.savefig(temporary, dpi=90, format="png")
    os.replace(temporary, path)


def _line(axes: Any, label: str, points: Sequence[tuple[int, float | None]], marker: str = "") -> None:
    known = [(step, value) for step, value in points if value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), label=label, marker=marker, markersize=3, linewidth=1.2)
