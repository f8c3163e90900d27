"""`featurecast evaluate infer`: a whole network over a dataset."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from evaluation.split.detector import DetectorError
from evaluation.split.inference import infer
from evaluation.split.session import Session
from featurecast.commands.evaluation.figures import (
    add_dataset,
    add_figures,
    open_dataset,
    table,
    write_figures,
)
from featurecast.commands.evaluation.networks import add_least_score, add_model, chosen_model
from featurecast.progress import Progress
from featurecast.refusal import refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_model(parser)
    add_dataset(parser)
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True,
        help="where DIR/<clip>/<frame>.txt go, a line `label x1 y1 x2 y2 score` per detection",
    )  # fmt: skip
    parser.add_argument(
        "--mask", metavar="DIR", type=Path,
        help="also write DIR/<clip>/<frame>.png: 0 is background, n the n-th detection (if it has masks)",
    )  # fmt: skip
    add_least_score(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run; print frames, predictions and ms of each clip."""
    dataset = open_dataset(arguments)
    model, detector = chosen_model(arguments)
    outcomes = []
    with refuse(DetectorError), Progress("infer", dataset.frames) as progress:
        session = Session(model.SerializeToString())
        done = 0

        def seen() -> None:
            nonlocal done
            done += 1
            progress.show(done)

        for clip in dataset.clips:
            outcomes.append(
                infer(
                    session,
                    detector,
                    clip,
                    arguments.output,
                    masks=arguments.mask,
                    least_score=arguments.least_score,
                    seen=seen,
                )
            )
    rows = [(one.clip, one.frames, one.predictions, f"{one.ms:.2f}") for one in outcomes]
    print(table(("clip", "frames", "predictions", "ms"), rows), end="")
    print(f"predictions in {arguments.output}", file=sys.stderr)
    write_figures(arguments, {"dataset": dataset.name, "clips": [asdict(one) for one in outcomes]})
    return 0
