"""`featurecast evaluate ball`: the ball head against its own detections without a filter."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from evaluation.ball_comparison import BallRow, gain_figures, labelled_balls, score_ball, sum_up
from evaluation.datasets.splits import SPLITS
from evaluation.metrics.points import RADIUS_PX, WIDTH_PX
from featurecast.commands.evaluation.figures import (
    add_core,
    add_figures,
    add_rate,
    add_root,
    chosen_core,
    number,
    root,
    table,
    write_figures,
)
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
from stream.source import SourceError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--split", choices=SPLITS, default="report", help="clips and stills of this split (default report)"
    )
    parser.add_argument(
        "--clips", metavar="NAME", nargs="+", help="only clips whose name contains one of these"
    )
    parser.add_argument(
        "--radius",
        metavar="PX",
        type=number(lambda px: 0 < px <= WIDTH_PX, f"px above 0 up to {WIDTH_PX:g}"),
        default=RADIUS_PX,
        help=f"a hit is this near, in px of a picture {WIDTH_PX:g} px wide (default {RADIUS_PX:g})",
    )
    add_rate(parser)
    add_core(parser)
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Score every clip; print a table."""
    every = labelled_balls(root(arguments), arguments.split)
    clips = [clip for clip in every if any(part in clip.name for part in arguments.clips or [""])]
    if not clips:
        known = ", ".join(clip.name for clip in every) or "none"
        raise Refusal(f"no such clip with a labelled ball in the split {arguments.split}; there are {known}")
    core = chosen_core(arguments)
    rows: list[BallRow] = []
    for clip in clips:
        length = clip.frames[-1].index + 1 if clip.continuous else len(clip.frames)
        with Progress(clip.name, length) as progress, refuse(SourceError, HeadError):
            rows.append(score_ball(clip, core, arguments.rate, progress.show, arguments.radius))
    videos = [row for row, clip in zip(rows, clips, strict=True) if clip.continuous]
    stills = [row for row, clip in zip(rows, clips, strict=True) if not clip.continuous]
    sums = [
        sum_up(name, part) for name, part in (("all clips", videos), ("all stills", stills)) if len(part) > 1
    ]
    header = ("clip", "frames", "balls", "", "precision", "recall", "F1", "95 % of F1")
    lines = [
        (
            row.name,
            row.frames,
            row.balls,
            kind,
            f"{score.counts.precision:.3f}",
            f"{score.counts.recall:.3f}",
            f"{score.counts.f1:.3f}",
            score.f1_interval,
        )
        for row in [*rows, *sums]
        for kind, score in row.scores.items()
    ]
    print(f"split {arguments.split}, rate {arguments.rate}, core {core.spec.name}\n\n{table(header, lines)}")
    print(
        f"A hit is within {arguments.radius:g} px of a picture {WIDTH_PX:g} px wide.\n"
        "unfiltered: the best detection of each frame at the head's own threshold, without its track."
    )
    figures = gain_figures(videos, arguments.split) if videos else []
    if figures:
        held = [(figure.title, figure.shown(), figure.wanted, figure.verdict()) for figure in figures]
        print(f"\n{table(('figure', 'is', 'wanted', ''), held)}")
    write_figures(
        arguments,
        {
            "split": arguments.split,
            "rate": arguments.rate,
            "core": core.spec.name,
            "fingerprint": core.spec.fingerprint,
            "radius_px": arguments.radius,
            "at_width_px": WIDTH_PX,
            "clips": [row.to_json() for row in rows],
            "together": [row.to_json() for row in sums],
            "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
        },
    )
    return 0
