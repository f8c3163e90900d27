"""`featurecast evaluate anchors`: sizes of a dataset's boxes, and how well a detector's anchors fit them."""

from __future__ import annotations

import argparse
from pathlib import Path

from featurecast.commands.evaluation.figures import (
    add_dataset,
    add_figures,
    open_dataset,
    table,
    write_figures,
)
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; `--data` is short for `--dataset` here."""
    add_dataset(parser)
    parser.add_argument(
        "--system", metavar="NAME", default="ssd_mobilenetv2", help="whose anchors; see docs/baselines.md"
    )
    parser.add_argument("--input", metavar="HxW", help="the input's size instead of the system's own")
    parser.add_argument(
        "--scale", metavar="X", type=float, default=1.0, help="times the sizes of the anchors"
    )
    parser.add_argument("--plot", metavar="FILE.png", type=Path, help="also draw them")
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a table with a row for each label."""
    dataset = open_dataset(arguments)
    # PyTorch is an extra: only here is it needed.
    from evaluation.baselines.anchor_statistics import anchor_statistics, draw_statistics
    from evaluation.baselines.systems import SYSTEMS, Settings, build

    with refuse(ValueError):
        settings = Settings.parse({"input": _size(arguments.input), "box_scale": arguments.scale})
        detector = build(arguments.system, ("object",), settings)
    rows, fit = anchor_statistics(dataset, detector.anchors, detector.size)
    print(
        table(
            (
                "label",
                "boxes",
                "width p5/p50/p95 px",
                "height p5/p50/p95 px",
                "ratio h/w",
                "best IoU",
                "matched",
            ),
            [
                (
                    row.label,
                    row.boxes,
                    "/".join(f"{row.width[k]:.0f}" for k in (0, 2, 4)),
                    "/".join(f"{row.height[k]:.0f}" for k in (0, 2, 4)),
                    f"{row.ratio[2]:.2f}",
                    f"{row.best_overlap:.3f}",
                    f"{row.matched:.3f}",
                )
                for row in rows
            ],
        )
    )
    figures = {
        "system": arguments.system,
        "input": list(detector.size),
        "anchors": len(detector.anchors),
        "labels": [row.to_json() for row in rows],
    }
    if arguments.plot is not None:
        with refuse():
            draw_statistics(fit, SYSTEMS[arguments.system].shapes(settings, detector.size), arguments.plot)
    write_figures(arguments, figures)
    return 0


def _size(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        height, width = map(int, text.lower().split("x"))
    except ValueError:
        raise Refusal(f"--input: expected HEIGHTxWIDTH, got {text!r}") from None
    return [height, width]
