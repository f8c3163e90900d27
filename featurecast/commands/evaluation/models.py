"""`featurecast evaluate models`: parameters, operations, time and memory, of ours and of others."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.bench.provenance import provenance
from evaluation.models.contenders import Contender, Cost, cost_of, shipped
from evaluation.models.counting import Count, count
from evaluation.split.detector import DetectorError
from featurecast.commands.evaluation.figures import (
    add_core,
    add_figures,
    chosen_core,
    positive,
    table,
    write_figures,
)
from featurecast.commands.evaluation.networks import detector_of, load_graph
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

if TYPE_CHECKING:
    from evaluation.baselines.rivals import Rival

__all__ = [
    "RIVALS",
    "add_also",
    "check_also",
    "configure",
    "cost_table",
    "fresh_costs",
    "published_table",
    "run",
    "untrained_table",
]

RIVALS = Path(__file__).resolve().parents[3] / "configs" / "baselines"
"""Part of a checkout, not of an installed package."""
_FEW_RUNS = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_core(parser)
    add_also(parser, "another network's row")
    parser.add_argument(
        "--models", choices=("ours", "all"), default="all",
        help="ours: without the rivals of configs/baselines (default all)",
    )  # fmt: skip
    parser.add_argument("--runs", metavar="N", type=positive, default=20, help="timed runs (default 20)")
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure one network after the other; print the tables."""
    core = chosen_core(arguments)
    check_also(arguments)
    known: list[Rival] = []
    if arguments.models == "all":
        # PyTorch is an extra: only here is it needed.
        from evaluation.baselines.rivals import rivals

        with refuse(DetectorError, ValueError):
            known = rivals(RIVALS)
    trained = [Contender(one.name, "rival", one.model) for one in known if one.model is not None]
    contenders = [*shipped(core), *trained, *arguments.also]
    costs = []
    fresh = [one for one in known if one.model is None]
    with refuse(DetectorError), Progress("models", len(contenders) + len(fresh)) as progress:
        for done, contender in enumerate(contenders, 1):
            costs.append(cost_of(contender, arguments.runs))
            progress.show(done)
        others = fresh_costs(fresh, lambda done: progress.show(len(contenders) + done))
    origin = provenance("featurecast evaluate models")
    print(cost_table(costs))
    print(
        "One thread of onnxruntime, median, by the clock and in CPU time. Memory: peak of a process that "
        f"runs nothing else, and what of it the graph took.\n{origin.line()}"
    )
    if known:
        print(f"\n{published_table(known)}{untrained_table(fresh, others)}", end="")
    write_figures(
        arguments,
        {
            "provenance": asdict(origin),
            "models": [cost.to_json() for cost in (*costs, *others)],
            "rivals": [one.to_json() for one in known],
        },
    )
    return 0


def published_table(rivals: Sequence[Rival]) -> str:
    """Return what each original says of itself beside the same structure counted here."""
    rows = []
    for one in rivals:
        cited, here = one.published, one.as_published
        if cited is None or here is None:
            continue
        parameters = here.folded_parameters if cited.folded else here.parameters
        rows.append(
            (
                one.name,
                "x".join(map(str, cited.input)),
                f"{parameters:,}",
                "-" if cited.parameters is None else f"{cited.parameters:,}",
                f"{here.macs / 1e6:.1f}",
                "-" if cited.macs is None else f"{cited.macs / 1e6:.1f}",
                cited.accuracy,
                cited.source,
            )
        )
    head = ("original", "input", "parameters", "cited", "MMAC", "cited", "cited result", "source")
    return f"Each original's structure at its own input and labels:\n\n{table(head, rows)}"


def fresh_costs(rivals: Sequence[Rival], shown: Callable[[int], None]) -> list[Cost]:
    """Measure graphs of rivals that have no checkpoint, with fresh weights; `shown` is called after each."""
    costs = []
    with tempfile.TemporaryDirectory() as scratch:
        for done, one in enumerate(rivals, 1):
            graph = one.fresh_graph(Path(scratch))
            counted = Count(one.counted.parameters, one.counted.macs, 0)
            costs.append(cost_of(Contender(one.name, "rival, untrained", graph), _FEW_RUNS, counted))
            graph.unlink()
            shown(done)
    return costs


def untrained_table(rivals: Sequence[Rival], costs: Sequence[Cost]) -> str:
    """Return the rows of rivals that have no checkpoint here, at our input; nothing where all have one."""
    if not rivals:
        return ""
    rows = [
        (
            one.name,
            f"{cost.parameters:,}",
            f"{cost.macs / 1e6:.1f}",
            f"{cost.ms:.1f}",
            f"{cost.cpu_ms:.1f}",
            f"{cost.peak_mb:.0f}",
            one.remark,
        )
        for one, cost in zip(rivals, costs, strict=True)
    ]
    head = ("system", "parameters", "MMAC", "ms", "CPU ms", "peak MB", "remark")
    return (
        f"\n## Not trained here\n\nMeasured with fresh weights, which cost the same.\n\n{table(head, rows)}"
    )


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


def add_also(parser: argparse.ArgumentParser, rows: str) -> None:
    """Declare --also; `rows` says what each adds."""
    parser.add_argument(
        "--also",
        metavar="NAME=FILE.onnx",
        type=_also,
        action="append",
        default=[],
        help=f"{rows}; may repeat",
    )


def check_also(arguments: argparse.Namespace, *, detects: bool = False) -> None:
    """Refuse what --also names and cannot be counted (or does not detect), before minutes go into others."""
    for one in arguments.also:
        try:
            graph = load_graph(one.model)
            count(graph)
            if detects:
                detector_of(graph, str(one.model))
        except ValueError as error:
            raise Refusal(f"{one.name}: {error}") from None


def _also(text: str) -> Contender:
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=FILE.onnx, got {text!r}")
    return Contender(name, "other", Path(path))
