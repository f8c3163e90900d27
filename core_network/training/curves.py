"""The picture of a training run: losses, rate and validation over the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Panel", "draw_core_curves", "draw_panels", "lines_of"]

Points = Sequence[tuple[int, float | None]]

_LOSSES = ("people", "box", "ball", "offset", "imitation", "rgb")
_SCORES = {
    ("football", "ap50"): "people AP50",
    ("football", "ap75"): "people AP75",
    ("football", "ball_f1"): "ball F1, football stills",
    ("badminton", "ball_f1"): "shuttle F1, badminton",
}


@dataclass(frozen=True)
class Panel:
    """One set of axes: lines by name, each points (step, value); unknown values are left out."""

    title: str
    lines: Mapping[str, Points]
    marker: str = ""


def lines_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Points]:
    """Return a line for each name of rows that have a `step`."""
    return {name: [(row["step"], row.get(name)) for row in rows] for name in names}


def draw_core_curves(record: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Write a PNG of the core's run: its record's `stages`, `curve` and `validation`."""
    scores = {
        label: [(row["step"], row.get(source, {}).get(measure)) for row in record["validation"]]
        for (source, measure), label in _SCORES.items()
    }
    rates = {"factorised estimate": lines_of(record["curve"], ["kB"])["kB"]}
    panels = [
        Panel("training loss (smoothed)", lines_of(record["curve"], _LOSSES)),
        Panel("kB per frame, training", rates),
        Panel("validation split", scores, marker="o"),
    ]
    draw_panels(panels, [(stage["name"], stage["steps"]) for stage in record["stages"]], path)


def draw_panels(panels: Sequence[Panel], stages: Sequence[tuple[str, int]], path: Path) -> None:
    """Write the panels one above the other as PNG, stages (name, steps) marked; a name appears when whole."""
    # Only a run that draws needs it; the figure is made without a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        for label, points in panel.lines.items():
            known = [(step, value) for step, value in points if value is not None]
            if known:
                axes.plot(
                    *zip(*known, strict=True), label=label, marker=panel.marker, markersize=3, linewidth=1.2
                )
        axes.set_ylabel(panel.title)
    all_axes[-1].set_xlabel("step")
    end = 0
    for number, (name, steps) in enumerate(stages):
        for axes in all_axes:
            axes.axvline(end, color="0.8", linewidth=1, zorder=0)
        # In turns a line lower, so that short stages can be read.
        at = (end, 1 - 0.07 * (number % 2))
        all_axes[0].annotate(name, at, xycoords=("data", "axes fraction"), fontsize="small", va="top")
        end += steps
    for axes in all_axes:
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    temporary = path.with_suffix(".tmp")
    figure.savefig(temporary, dpi=90, format="png")
    os.replace(temporary, path)
