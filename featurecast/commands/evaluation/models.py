"""`featurecast evaluate models`: parameters, operations, time and memory, of ours and of others."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from core_network.catalogue import default_core, load_core
from evaluation.bench.provenance import provenance
from evaluation.models.contenders import Contender, Cost, cost_of, shipped
from evaluation.split.detector import DetectorError
from featurecast.commands.evaluation.figures import add_figures, positive, table, write_figures
from featurecast.progress import Progress
from featurecast.refusal import refuse

__all__ = ["also", "configure", "cost_table", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")
    parser.add_argument(
        "--also", metavar="NAME=FILE.onnx", type=also, action="append", default=[],
        help="another network's row; may repeat",
    )  # fmt: skip
    parser.add_argument("--runs", metavar="N", type=positive, default=20, help="timed runs (default 20)")
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure one network after the other; print the table."""
    with refuse(ValueError):
        core = load_core(arguments.core) if arguments.core else default_core()
    contenders = [*shipped(core), *arguments.also]
    costs = []
    with refuse(DetectorError), Progress("models", len(contenders)) as progress:
        for done, contender in enumerate(contenders, 1):
            costs.append(cost_of(contender, arguments.runs))
            progress.show(done)
    origin = provenance("featurecast evaluate models")
    print(cost_table(costs))
    print(
        "One thread of onnxruntime, median, by the clock and in CPU time. Memory: peak of a process that "
        f"runs nothing else, and what of it the graph took.\n{origin.line()}"
    )
    write_figures(arguments, {"provenance": asdict(origin), "models": [cost.to_json() for cost in costs]})
    return 0


def cost_table(costs: list[Cost]) -> str:
    """Return the rows as Markdown."""
    head = (
        "network",
        "role",
        "input",
        "parameters",
        "MMAC",
        "file kB",
        "ms",
        "CPU ms",
        "peak MB",
        "of it the graph",
    )
    return table(
        head,
        [
            (
                cost.name,
                cost.role,
                cost.input,
                f"{cost.parameters:,}",
                f"{cost.macs / 1e6:.1f}",
                f"{cost.file_kb:.0f}",
                f"{cost.ms:.2f}",
                f"{cost.cpu_ms:.2f}",
                f"{cost.peak_mb:.0f}",
                f"{cost.growth_mb:.0f}",
            )
            for cost in costs
        ],
    )


def also(text: str) -> Contender:
    """Return the network that NAME=FILE.onnx names, for argparse."""
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=FILE.onnx, got {text!r}")
    return Contender(name, "other", Path(path))
