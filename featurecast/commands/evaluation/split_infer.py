"""`featurecast evaluate split-infer`: part 1 over a dataset, what it leaves on disk, then part 2."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from core_network.catalogue import default_core
from evaluation.models.running import Running, measure_running
from evaluation.split.convert import write_parts
from evaluation.split.cutting import CutError
from evaluation.split.detector import DetectorError
from evaluation.split.inference import SplitOutcome, run_first, run_second
from evaluation.split.networks import LATENT
from evaluation.split.session import Session
from evaluation.split.storage import STORES, store_named
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
        "--cut",
        metavar="TENSOR",
        action="append",
        default=[],
        help=f"split here; may repeat (default: {LATENT})",
    )
    parser.add_argument(
        "--store", choices=STORES, default="npz",
        help="what lies between the parts: tensors as they are, or our bitstream at a rate (default npz)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True,
        help="where DIR/features/<clip>/ and DIR/predictions/<clip>/<frame>.txt go",
    )  # fmt: skip
    add_least_score(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run both parts; print bytes per image, ms and memory."""
    dataset = open_dataset(arguments)
    model, detector = chosen_model(arguments)
    tensors = arguments.cut or [detector.latent or LATENT]
    outcomes: list[SplitOutcome] = []
    with (
        refuse(CutError, DetectorError),
        tempfile.TemporaryDirectory() as scratch,
        Progress("split-infer, parts 1 and 2", 2 * dataset.frames) as progress,
    ):
        parts, (_, first_path, second_path) = write_parts(model, tensors, Path(scratch))
        first, second = Session(first_path), Session(second_path)
        done = 0

        def seen() -> None:
            nonlocal done
            done += 1
            progress.show(done)

        for clip in dataset.clips:
            store = store_named(arguments.store, detector, tensors, default_core())
            outcome = run_first(first, parts.tensors, store, clip, arguments.output, seen)
            run_second(
                second,
                detector,
                store,
                clip,
                arguments.output,
                outcome,
                least_score=arguments.least_score,
                seen=seen,
            )
            outcomes.append(outcome)
        memory = [measure_running(path, 3) for path in (first_path, second_path)]
    _print(outcomes, memory)
    print(f"predictions in {arguments.output / 'predictions'}", file=sys.stderr)
    figures = {
        "dataset": dataset.name,
        "cut": list(tensors),
        "store": arguments.store,
        "clips": [one.to_json() for one in outcomes],
        "memory_mb": {f"part{n}": part.peak_mb for n, part in enumerate(memory, 1)},
        "memory_growth_mb": {f"part{n}": part.growth_mb for n, part in enumerate(memory, 1)},
    }
    write_figures(arguments, figures)
    return 0


def _print(outcomes: list[SplitOutcome], memory: list[Running]) -> None:
    head = (
        "clip",
        "images",
        "bytes per image",
        "part 1 ms",
        "store ms",
        "load ms",
        "part 2 ms",
        "predictions",
    )
    rows = [
        (
            one.clip,
            len(one.bytes_per_image),
            f"{one.mean_bytes:.0f}",
            *(f"{ms:.2f}" for ms in (one.first_ms, one.pack_ms, one.unpack_ms, one.second_ms)),
            one.predictions,
        )
        for one in outcomes
    ]
    print(table(head, rows))
    print(
        "\n".join(
            f"part {number}: {part.peak_mb:.0f} MB at its peak in a process of its own, "
            f"{part.growth_mb:.0f} MB of them for the graph"
            for number, part in enumerate(memory, 1)
        )
    )
