"""`featurecast view`: run heads on a file or a live stream, without a window."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core_network.catalogue import default_core
from core_network.spec import RATES
from featurecast.progress import Progress
from featurecast.refusal import refuse
from stream.source import SourceError
from task_heads.manifest import HeadError
from viewer.headless import ViewError, view

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source", metavar="SRC|WHEP_URL", help="encoded MP4, any source of pictures, or http://HOST:PORT/whep"
    )
    parser.add_argument(
        "--head", metavar="NAME|DIR", action="append", required=True, help="a head to run; may be repeated"
    )
    parser.add_argument(
        "--results", metavar="F.jsonl", type=Path, help="write one JSON line per frame and head"
    )
    parser.add_argument("--mot", metavar="F.txt", type=Path, help="write MOT lines (one head with ids)")
    parser.add_argument("--video", metavar="F.mp4", type=Path, help="write the video with the overlay drawn")
    parser.add_argument(
        "--stats", metavar="F.csv|F.json", type=Path, help="write every head's statistics, one row per value"
    )
    parser.add_argument(
        "--tracking", metavar="F.xml", type=Path,
        help="write tracking data (FIFA EPTS: F.xml and F.txt; one head with ids and teams)",
    )  # fmt: skip
    parser.add_argument("--frames", metavar="N", type=_positive, help="stop after N frames")
    parser.add_argument("--all", action="store_true", help="keep results below the display threshold")
    parser.add_argument(
        "--rate", choices=RATES, default="default", help="rate for pictures that carry no features yet"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of frames from 1, got {text}")
    return number


def run(arguments: argparse.Namespace) -> int:
    """View; write what was asked for and sum it up on stderr."""
    with Progress("frames", arguments.frames) as progress, refuse(ViewError, SourceError, HeadError):
        summary = view(
            arguments.source,
            arguments.head,
            core=default_core(),
            rate=arguments.rate,
            results=arguments.results,
            mot=arguments.mot,
            video=arguments.video,
            stats=arguments.stats,
            tracking=arguments.tracking,
            frames=arguments.frames,
            keep_all=arguments.all,
            on_progress=progress.show,
        )
    for warning in summary.warnings:
        print(f"featurecast: {warning}", file=sys.stderr)
    heads = ", ".join(f"{name} {mean:.1f} ms" for name, mean in summary.head_ms.items())
    print(
        f"{summary.frames} frames, {summary.frames_with_features} with features, "
        f"{summary.results} results; {heads}",
        file=sys.stderr,
    )
    return 0
