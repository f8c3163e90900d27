"""Run a design search: python -m evaluation.design_search configs/search.yaml [--only coding|training].

Each point's figures lie in the plan's output folder as soon as they are known; a run that was stopped goes
on, and a network whose training fails is told in one line and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core_network.catalogue import Core, default_core
from core_network.dataroot import data_root
from evaluation.design_search.coded import Coding
from evaluation.design_search.page import draw, page_text
from evaluation.design_search.plan import CodingPoint, Plan, Point, load_plan
from evaluation.design_search.trained import Pictures, train_point
from stream.entropy_tables import load_tables

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not yet known, then write the page and its plot.

    Exit 1 when a network was lost, 2 for a wrong plan or no data.
    """
    parser = argparse.ArgumentParser(prog="python -m evaluation.design_search", description=__doc__)
    parser.add_argument("plan", metavar="FILE.yaml", type=Path)
    parser.add_argument(
        "--only", choices=("coding", "training", "page"), help="one part; page: measure nothing"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE.md", type=Path, default=Path("docs/results/design_search.md")
    )
    parser.add_argument("--data", metavar="DIR", type=Path, help="folder with splits.csv")
    chosen = parser.parse_args(arguments)
    lost = 0
    try:
        plan = load_plan(chosen.plan)
        if chosen.only != "page":
            lost = _measure(plan, chosen.only, data_root(chosen.data))
        _write(plan, chosen.output)
    except (ValueError, OSError) as error:
        print(f"design search: {error}", file=sys.stderr)
        return 2
    if lost:
        _say(f"{lost} of {len(plan.training)} networks were lost; the same command tries again")
    return int(lost > 0)


def _measure(plan: Plan, only: str | None, root: Path | None) -> int:
    """Measure what is not known; return how many networks were lost."""
    if root is None:
        raise ValueError("expected the folder that holds splits.csv: name it with --data or FEATURECAST_DATA")
    core = default_core()
    coding = [point for point in plan.coding if _known(plan, point, core) is None]
    if coding and only != "training":
        _say(f"{len(coding)} ways to code")
        measured = Coding(core, root, lambda done: _say(f"{done} frames") if done % 100 == 0 else None)
        for way in coding:
            origin = {"core": core.spec.name, "run": _coding_run(way, core)}
            _keep(plan, way, {**origin, **measured.measure(way)})
    lost = 0
    training = [point for point in plan.training if _known(plan, point, core) is None]
    if training and only != "coding":
        _say(f"{len(training)} networks to train; loading pictures")
        pictures = Pictures(training, root)
        for point in training:
            try:
                _keep(plan, point, {"run": point.digest, **train_point(point, pictures)})
            except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
                lost += 1
                why = (str(error).splitlines() or [type(error).__name__])[0]
                _say(f"{point.name}: lost: {why}; delete {point.config.output} to begin it anew")
    return lost


def _path(plan: Plan, point: Point) -> Path:
    return plan.output / f"{point.name}.json"


def _stored(plan: Plan, point: Point) -> dict[str, Any] | None:
    """Return a point's figures, of whatever core or run; None where there are none."""
    path = _path(plan, point)
    figures: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return figures


def _known(plan: Plan, point: Point, core: Core) -> dict[str, Any] | None:
    """Return the figures of a coding of this core in this way, or of a run with the point's settings."""
    figures = _stored(plan, point)
    run = _coding_run(point, core) if isinstance(point, CodingPoint) else point.digest
    return figures if figures is not None and figures.get("run") == run else None


def _coding_run(point: CodingPoint, core: Core) -> str:
    """Return what tells the coding of other features, with other tables or in another way apart."""
    tables = load_tables(core, point.rate)
    return f"{core.spec.fingerprint[:12]} {tables.id} {point.digest}"


def _keep(plan: Plan, point: Point, figures: dict[str, Any]) -> None:
    _say(f"{point.name}: {json.dumps(figures)}")
    path = _path(plan, point)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(figures, indent=1) + "\n")
    os.replace(unfinished, path)


def _write(plan: Plan, page: Path) -> None:
    # Codings of an earlier core still say what they say: the page names the core.
    core = default_core()
    found = {point.name: _known(plan, point, core) for point in plan.training}
    found |= {point.name: _stored(plan, point) for point in plan.coding}
    figures = {name: one for name, one in found.items() if one is not None}
    picture = page.with_suffix(".png")
    draw(plan, figures, picture)
    unfinished = page.with_name(f".{page.name}.unfinished")
    unfinished.write_text(f"# Design search\n\n{page_text(plan, figures, picture.name)}\n")
    os.replace(unfinished, page)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
