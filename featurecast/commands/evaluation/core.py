"""`featurecast evaluate core`: score the shipped core and heads on the report split."""

from __future__ import annotations

import argparse
from pathlib import Path

from core_network.catalogue import default_core, load_core
from core_network.spec import RATES
from evaluation.core_accuracy import CoreAccuracy, score_core
from evaluation.gallery import write_gallery
from evaluation.metrics.bootstrap import Interval
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.progress import Progress
from featurecast.refusal import refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")
    parser.add_argument(
        "--rate", choices=RATES, nargs="+", default=["default"], help="how finely features are coded"
    )
    parser.add_argument(
        "--gallery",
        metavar="DIR",
        type=Path,
        help="also draw the stills with most mistakes (footage: keep them out of the repository)",
    )
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Score; print a table for each rate."""
    data = root(arguments)
    with refuse(ValueError):
        core = load_core(arguments.core) if arguments.core else default_core()
    figures = {}
    for rate in dict.fromkeys(arguments.rate):
        with Progress(f"pictures at {rate}") as progress:
            score = score_core(data, core, rate, progress.show)
        print(f"{core.spec.name} at rate {rate}, {score.stills} football stills of matches never seen\n")
        print(table(["figure", "measured", "95 % interval", "wanted"], _rows(score)))
        figures[rate] = score.to_json()
        if arguments.gallery:
            with refuse():
                write_gallery(score.mistakes, arguments.gallery / rate)
    write_figures(arguments, figures)
    return 0


def _rows(score: CoreAccuracy) -> list[list[str]]:
    people = score.people.overall
    worst, least = min(
        ((name, clip.counts.f1) for name, clip in score.shuttle_clips.items()), key=lambda row: row[1]
    )
    rows: list[tuple[str, float, Interval | None, float | None]] = [
        ("people AP50", people.ap50, score.people.ap50_interval, 0.92),
        ("people AP75", people.ap75, None, 0.60),
        ("people AP .50:.95", people.ap, score.people.ap_interval, None),
        ("recall of people under 55 px", score.small_recall, score.small_interval, 0.90),
        ("ball recall", score.ball.counts.recall, score.ball.recall_interval, 0.70),
        ("ball precision", score.ball.counts.precision, score.ball.precision_interval, 0.80),
        ("tennis ball recall", score.tennis.counts.recall, score.tennis.recall_interval, 0.80),
        ("tennis ball precision", score.tennis.counts.precision, score.tennis.precision_interval, None),
        ("shuttle F1, all clips", score.shuttle.counts.f1, score.shuttle.f1_interval, 0.88),
        (f"shuttle F1, worst clip ({worst})", least, score.shuttle_clips[worst].f1_interval, 0.60),
    ]
    return [
        [
            name,
            f"{value:.3f}",
            str(spread or "-"),
            "-" if wanted is None else f"{wanted:.2f} {_verdict(value, wanted)}",
        ]
        for name, value, spread, wanted in rows
    ]


def _verdict(value: float, wanted: float) -> str:
    return "met" if value >= wanted else "missed"
