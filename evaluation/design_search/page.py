"""The page of a search: two tables and a picture, what came beside what was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.design_search.plan import CodingPoint, Plan, Point, TrainingPoint
from stream.bitstream import ANCHOR_INTERVAL, KEY_INTERVAL

__all__ = ["draw", "page_text"]

Values = Mapping[str, Any]
Figures = Mapping[str, Values]

_NOT_RUN = "not run"
_LITTLE, _LITTLE_PERCENT = 0.01, 2.0
"""Differences below are noise of so short runs, or say nothing."""
_TIMES = 1.5


def page_text(plan: Plan, figures: Figures, picture: str) -> str:
    """Return the Markdown of a plan's points with their figures by name; `picture` is the plot's file."""
    steps = max((sum(stage.steps for stage in point.config.stages) for point in plan.training), default=0)
    return "\n".join(
        [
            "`python -m evaluation.design_search configs/search.yaml`. What was predicted stood in the YAML "
            "before anything ran, but for the intervals of keys and anchors, where it is what a script had "
            "found. Nothing of the report split was looked at.",
            "",
            f"![trained points and ways to code]({picture})",
            "",
            "## Networks",
            "",
            f"Runs of {steps} steps from scratch: they rank designs roughly, and none is a finished network. "
            "Validation split, the trainer's probes, latents rounded to step 1; kB is the trainer's "
            "factorised estimate, ms the CPU time of the int8 graph on one thread. What came is told against "
            "the first row; less than a hundredth, or two percent, is no difference.",
            "",
            *_training_rows(plan, figures),
            "",
            *_missing(plan.training, figures),
            "",
            "## Coding",
            "",
            f"Payload bytes a frame of {_cores(plan, figures)}'s features, mean over shot B of "
            "football_zak_soccer and two badminton clips of the validation split. Points that name tables "
            "were fitted to every sixth shot of the train split, so they compare with "
            f"each other; others use the shipped ones. What came is told against `{_usual(plan).name}`.",
            "",
            *_coding_rows(plan, figures),
            "",
            *_missing(plan.coding, figures),
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
            "came",
            "AP50",
            "AP75",
            "ball F1",
            "shuttle F1",
            "kB",
            "M param",
            "GMAC",
            "ms",
        ),
        ("---", "---", "---", "---", *["---:"] * 8),
    ]
    base = figures.get(plan.training[0].name) if plan.training else None
    for point in plan.training:
        came = _network_in_words(figures.get(point.name), base)
        rows.append((point.name, point.changed, point.predicted, came, *_training_cells(point, figures)))
    return [_line(row) for row in rows]


def _training_cells(point: TrainingPoint, figures: Figures) -> list[str]:
    found = figures.get(point.name)
    if found is None:
        return ["-"] * 8
    scores = [f"{found[name]:.3f}" for name in ("ap50", "ap75", "ball_f1", "shuttle_f1")]
    cost = [f"{found['parameters'] / 1e6:.2f}", f"{found['macs'] / 1e9:.2f}", f"{found['ms']:.1f}"]
    return [*scores, f"{found['kB']:.1f}", *cost]


def _coding_rows(plan: Plan, figures: Figures) -> list[str]:
    rows = [
        (
            "point",
            "predicted",
            "came",
            "rate",
            "key every",
            "anchor every",
            "tables",
            "bytes",
            "keys",
            "deltas",
        ),
        ("---", "---", "---", *["---:"] * 7),
    ]
    usual = figures.get(_usual(plan).name)
    for point in plan.coding:
        came = _bytes_in_words(figures.get(point.name), usual)
        rows.append((point.name, point.predicted, came, *_coding_cells(point, figures)))
    return [_line(row) for row in rows]


def _coding_cells(point: CodingPoint, figures: Figures) -> list[str]:
    settings = [point.rate, str(point.key_interval), str(point.anchor_interval)]
    found = figures.get(point.name)
    if found is None:
        return [*settings, *["-"] * 4]
    tables = f"{found['tables']}{', fitted here' if point.clusters else ''}"
    deltas = "-" if found["delta_bytes"] is None else str(found["delta_bytes"])
    return [*settings, tables, str(found["bytes"]), str(found["key_bytes"]), deltas]


def _network_in_words(found: Values | None, base: Values | None) -> str:
    """Say how a network differs from the base; scores by their difference, costs by their share."""
    if found is None:
        return _NOT_RUN
    if base is None or found is base:
        return "the base of the others"
    words = []
    for name, title in (("ap50", "AP50"), ("ball_f1", "ball F1"), ("shuttle_f1", "shuttle F1")):
        gained = found[name] - base[name]
        words.append(f"{title} {_same(gained, _LITTLE) or f'{abs(gained):.2f} {_way(gained)}'}")
    for name, title in (("kB", "kB"), ("macs", "multiply-adds"), ("ms", "time")):
        words.append(f"{title} {_share_in_words(found[name] / base[name])}")
    return ", ".join(words)


def _bytes_in_words(found: Values | None, usual: Values | None) -> str:
    if found is None:
        return _NOT_RUN
    if usual is None or found is usual:
        return "the default"
    return f"bytes {_share_in_words(found['bytes'] / usual['bytes'])}"


def _share_in_words(share: float) -> str:
    if share >= _TIMES:
        return f"{share:.1f} times"
    percent = 100 * (share - 1)
    return _same(percent, _LITTLE_PERCENT) or f"{abs(percent):.0f} % {_way(percent)}"


def _same(difference: float, little: float) -> str:
    return "the same" if abs(difference) < little else ""


def _way(difference: float) -> str:
    return "more" if difference > 0 else "less"


def _usual(plan: Plan) -> CodingPoint:
    """Return the point that codes as a broadcast does: the first at rate `default` with the shipped tables
    and the default intervals."""
    usual = ("default", KEY_INTERVAL, ANCHOR_INTERVAL, None)
    return next(
        (
            one
            for one in plan.coding
            if (one.rate, one.key_interval, one.anchor_interval, one.clusters) == usual
        ),
        plan.coding[0],
    )


def _cores(plan: Plan, figures: Figures) -> str:
    named = [figures[point.name]["core"] for point in plan.coding if point.name in figures]
    return " and ".join(dict.fromkeys(named)) or "the default core"


def _missing(points: Sequence[Point], figures: Figures) -> list[str]:
    """Say in one line what is not run."""
    names = [point.name for point in points if point.name not in figures]
    return [f"**Not run: {', '.join(names)}.** The command above goes on there."] if names else []


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
