"""The page of a search: two tables and a picture, points without figures told as such."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.design_search.plan import CodingPoint, Plan, TrainingPoint

__all__ = ["draw", "page_text"]

Figures = Mapping[str, Mapping[str, Any]]

_NOT_RUN = "not run"


def page_text(plan: Plan, figures: Figures, picture: str) -> str:
    """Return the Markdown of a plan's points with their figures by name; `picture` is the plot's file."""
    steps = max((sum(stage.steps for stage in point.config.stages) for point in plan.training), default=0)
    return "\n".join(
        [
            "`python -m evaluation.design_search configs/search.yaml`. What was predicted stood in the YAML "
            "before anything ran. Nothing of the report split was looked at.",
            "",
            f"![trained points and ways to code]({picture})",
            "",
            "## Networks",
            "",
            f"Runs of {steps} steps from scratch: they rank designs roughly, and none is a finished network. "
            "Validation split, the trainer's probes, latents rounded to step 1; kB is the trainer's "
            "factorised estimate, ms the CPU time of the int8 graph on one thread.",
            "",
            *_training_rows(plan, figures),
            "",
            "## Coding",
            "",
            "Payload bytes a frame of the default core's features, mean over shot B of football_zak_soccer "
            "and two badminton clips of the validation split. Points that name tables were fitted to every "
            "sixth shot of the train split, so they compare with each other; others use the shipped ones.",
            "",
            *_coding_rows(plan, figures),
        ]
    )


def draw(plan: Plan, figures: Figures, path: Path) -> None:
    """Write the plot of what has figures as PNG."""
    # Only the one who draws needs it; the figure is made without a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    networks, coding = figure.subplots(1, 2)
    for point in plan.training:
        if found := figures.get(point.name):
            networks.plot(found["ms"], found["ap50"], "o")
            networks.annotate(point.name, (found["ms"], found["ap50"]), fontsize="small", rotation=20)
    networks.set_xlabel("ms, int8, one thread")
    networks.set_ylabel("people AP50, validation, short run")
    measured = [point for point in plan.coding if point.name in figures]
    coding.barh([point.name for point in measured], [figures[point.name]["bytes"] for point in measured])
    coding.invert_yaxis()
    coding.set_xlabel("payload bytes a frame")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    figure.savefig(unfinished, format="png", dpi=110)
    unfinished.replace(path)


def _training_rows(plan: Plan, figures: Figures) -> list[str]:
    rows = [
        (
            "point",
            "changed",
            "predicted",
            "AP50",
            "AP75",
            "ball F1",
            "shuttle F1",
            "kB",
            "M param",
            "GMAC",
            "ms",
        ),
        ("---", "---", "---", *["---:"] * 8),
    ]
    for point in plan.training:
        rows.append((point.name, point.changed, point.predicted, *_training_cells(point, figures)))
    return [_line(row) for row in rows]


def _training_cells(point: TrainingPoint, figures: Figures) -> list[str]:
    found = figures.get(point.name)
    if found is None:
        return [_NOT_RUN, *["-"] * 7]
    scores = [f"{found[name]:.3f}" for name in ("ap50", "ap75", "ball_f1", "shuttle_f1")]
    cost = [f"{found['parameters'] / 1e6:.2f}", f"{found['macs'] / 1e9:.2f}", f"{found['ms']:.1f}"]
    return [*scores, f"{found['kB']:.1f}", *cost]


def _coding_rows(plan: Plan, figures: Figures) -> list[str]:
    rows = [
        ("point", "predicted", "rate", "key interval", "tables", "bytes", "keys", "deltas"),
        ("---", "---", *["---:"] * 6),
    ]
    for point in plan.coding:
        rows.append((point.name, point.predicted, *_coding_cells(point, figures)))
    return [_line(row) for row in rows]


def _coding_cells(point: CodingPoint, figures: Figures) -> list[str]:
    settings, found = [point.rate, str(point.key_interval)], figures.get(point.name)
    if found is None:
        return [*settings, "-", _NOT_RUN, "-", "-"]
    tables = f"{found['tables']}{', fitted here' if point.clusters else ''}"
    deltas = "-" if found["delta_bytes"] is None else str(found["delta_bytes"])
    return [*settings, tables, str(found["bytes"]), str(found["key_bytes"]), deltas]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
