"""Run a design search: python -m evaluation.design_search configs/search.yaml [--only coding|training].

Each point's figures lie in the plan's output folder as soon as they are known; a run that was stopped goes
on.
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

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not yet known, then write the page and its plot. Exit 2 for a wrong plan or no data."""
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
    try:
        plan = load_plan(chosen.plan)
        if chosen.only != "page":
            _measure(plan, chosen.only, data_root(chosen.data))
        _write(plan, chosen.output)
    except (ValueError, OSError) as error:
        print(f"design search: {error}", file=sys.stderr)
        return 2
    return 0


def _measure(plan: Plan, only: str | None, root: Path | None) -> None:
    if root is None:
        raise ValueError("expected the folder that holds splits.csv: name it with --data or FEATURECAST_DATA")
    core = default_core()
    coding = [point for point in plan.coding if _known(plan, point, core) is None]
    if coding and only != "training":
        _say(f"{len(coding)} ways to code")
        measured = Coding(core, root, lambda done: _say(f"{done} frames") if done % 100 == 0 else None)
        for way in coding:
            _keep(plan, way, {"fingerprint": core.spec.fingerprint, **measured.measure(way)})
    training = [point for point in plan.training if _known(plan, point, core) is None]
    if training and only != "coding":
        _say(f"{len(training)} networks to train; loading pictures")
        pictures = Pictures(training, root)
        for point in training:
            _keep(plan, point, train_point(point, pictures))


def _path(plan: Plan, point: Point) -> Path:
    return plan.output / f"{point.name}.json"


def _known(plan: Plan, point: Point, core: Core) -> dict[str, Any] | None:
    """Return a point's figures; those of codings hold for the core that they were measured on."""
    path = _path(plan, point)
    if not path.is_file():
        return None
    figures: dict[str, Any] = json.loads(path.read_text())
    stale = isinstance(point, CodingPoint) and figures["fingerprint"] != core.spec.fingerprint
    return None if stale else figures


def _keep(plan: Plan, point: Point, figures: dict[str, Any]) -> None:
    _say(f"{point.name}: {json.dumps(figures)}")
    path = _path(plan, point)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(figures, indent=1) + "\n")
    os.replace(unfinished, path)


def _write(plan: Plan, page: Path) -> None:
    core = default_core()
    found = {point.name: _known(plan, point, core) for point in plan.points}
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
