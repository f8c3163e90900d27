"""The curves of a study as PNG and SVG: accuracy over all bits, and over the bits beside the video."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from evaluation.rate_accuracy.study import BOXES, CLEAN, LOCAL, Point, Study

__all__ = ["draw"]

Measure = Callable[[Point], float | None]
_MEASURES: dict[str, Measure] = {
    "people AP50": lambda point: point.accuracy.ap50,
    "people AP": lambda point: point.accuracy.ap,
    "ball F1": lambda point: point.accuracy.f1,
}


def draw(study: Study, folder: Path) -> list[Path]:
    """Write rate_accuracy-<clip>.png and .svg to `folder` and return their paths; needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    # Stable SVG files: no date, no random ids.
    matplotlib.rcParams["svg.hashsalt"] = "featurecast"
    measures = {
        name: measure
        for name, measure in _MEASURES.items()
        if any(measure(p) is not None for p in study.points)
    }
    figure, axes = pyplot.subplots(len(measures), 2, figsize=(12, 4.2 * len(measures)), squeeze=False)
    least = min((p.video_kbps for p in study.of(LOCAL) if p.video_kbps is not None), default=0.0)
    for row, (name, measure) in zip(axes, measures.items(), strict=True):
        _total(row[0], study, measure, least)
        _beside(row[1], study, measure)
        for axis in row:
            axis.set_ylabel(name)
            axis.grid(True, alpha=0.3)
    axes[0][0].legend(fontsize=7)
    axes[0][1].legend(fontsize=7)
    figure.suptitle(f"{study.clip}, {study.frames} frames; truth: {study.truth}")
    figure.tight_layout()
    paths = []
    for kind in ("png", "svg"):
        path = folder / f"rate_accuracy-{study.clip}.{kind}"
        partly = path.with_name(f".{path.name}.unfinished")
        figure.savefig(partly, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
        os.replace(partly, path)
        paths.append(path)
    pyplot.close(figure)
    return paths


def _total(axis: Any, study: Study, measure: Measure, least: float) -> None:
    heights = sorted({point.setting.partition("p,")[0] for point in study.of(LOCAL)}, key=int, reverse=True)
    for height, marker in zip(heights, cycle("sDv")):
        chosen = [point for point in study.of(LOCAL) if point.setting.startswith(f"{height}p,")]
        _line(
            axis,
            [(p.video_kbps or 0.0, measure(p)) for p in chosen],
            f"local inference, {height}p video",
            marker,
            "--",
        )
    for method in study.methods():
        points = [(least + p.feature_kbps, measure(p)) for p in study.of(method)]
        _line(axis, points, f"{method} + smallest video", "*" if method == BOXES else "o", "-")
    _clean(axis, study, measure)
    axis.set_xlabel(f"video + features, kbit/s (smallest video: {least:.0f})")
    axis.set_xscale("log")


def _beside(axis: Any, study: Study, measure: Measure) -> None:
    for method in study.methods():
        points = [(p.feature_kbps, measure(p)) for p in study.of(method)]
        _line(axis, points, method, "*" if method == BOXES else "o", "-")
    _clean(axis, study, measure)
    axis.set_xlabel("beside the video alone, kbit/s")
    axis.set_xscale("log")


def _clean(axis: Any, study: Study, measure: Measure) -> None:
    for point in study.of(CLEAN):
        value = measure(point)
        if value is not None:
            axis.axhline(value, color="grey", linewidth=0.8, linestyle=":", label="clean source, finest step")


def _line(axis: Any, points: list[tuple[float, float | None]], label: str, marker: str, style: str) -> None:
    drawn = sorted((rate, value) for rate, value in points if value is not None)
    if drawn:
        axis.plot(*zip(*drawn, strict=True), linestyle=style, marker=marker, markersize=5, label=label)
