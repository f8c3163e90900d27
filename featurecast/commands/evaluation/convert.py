"""`featurecast evaluate convert`: a network to ONNX, whole or in two parts that are proved to agree."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto

from evaluation.models.counting import count
from evaluation.split.convert import Difference, compare, write_parts, write_whole
from evaluation.split.cutting import CutError, Parts, candidates
from evaluation.split.detector import DetectorError
from evaluation.split.networks import CONVERTIBLE, convertible
from evaluation.split.session import Session
from featurecast.commands.evaluation.figures import add_figures, table, write_figures
from featurecast.commands.evaluation.networks import load_graph
from featurecast.refusal import Refusal, refuse
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    known = "; ".join(
        f"{' '.join((name, *kind.checkpoints))}: {kind.summary}" for name, kind in CONVERTIBLE.items()
    )
    parser.add_argument("network", metavar="NETWORK", help=f"an ONNX file, or one of these. {known}")
    parser.add_argument(
        "checkpoints", metavar="CHECKPOINT", type=Path, nargs="*", help="what NETWORK is made from"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="where whole.onnx, part1.onnx, part2.onnx go"
    )
    parser.add_argument(
        "--cut", metavar="TENSOR", action="append", default=[], help="split after this tensor; may repeat"
    )
    parser.add_argument(
        "--cuts",
        action="store_true",
        help="list the tensors that separate the network alone, and write nothing",
    )
    parser.add_argument(
        "--tolerance",
        metavar="X",
        type=float,
        default=0.0,
        help="largest absolute difference between part 2 after part 1 and the whole (default 0: bit for bit)",
    )
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Convert; exit 1 when the parts differ from the whole by more than the tolerance."""
    if arguments.output is None and not arguments.cuts:
        raise Refusal("expected -o DIR for the graphs, or --cuts to list where the network can be cut")
    print(f"reading {arguments.network}", file=sys.stderr)
    with refuse(DetectorError, HeadError):
        model = _network(arguments.network, arguments.checkpoints)
    if arguments.cuts:
        return _list_cuts(arguments, model)
    with refuse(CutError, DetectorError, ValueError):
        counted = count(model)
        if not arguments.cut:
            path = write_whole(model, arguments.output)
            print(f"{path}: {counted.parameters} parameters, {counted.macs} MACs")
            write_figures(
                arguments, {"whole": str(path), "parameters": counted.parameters, "macs": counted.macs}
            )
            return 0
        return _split(arguments, model)


def _network(name: str, checkpoints: Sequence[Path]) -> ModelProto:
    if name in CONVERTIBLE or not Path(name).suffix:
        return convertible(name, checkpoints)
    if checkpoints:
        raise DetectorError(f"{name}: an ONNX file takes no checkpoint, got {checkpoints[0]}")
    return load_graph(Path(name))


def _list_cuts(arguments: argparse.Namespace, model: ModelProto) -> int:
    found = candidates(model)
    rows = [(one.name, "x".join(map(str, one.shape)), f"{one.elements * 4 / 1000:.1f}") for one in found]
    print(table(("tensor", "shape", "kB in float32"), rows), end="")
    write_figures(arguments, {"cuts": [{"name": one.name, "shape": list(one.shape)} for one in found]})
    return 0


def _split(arguments: argparse.Namespace, model: ModelProto) -> int:
    # The proof comes first: parts that differ are never left where somebody may use them.
    with tempfile.TemporaryDirectory() as scratch:
        parts, paths = write_parts(model, arguments.cut, Path(scratch))
        whole, first, second = map(Session, paths)
        differences = compare(whole, first, second)
    worst = max(one.value for one in differences)
    rows = [(one.output, f"{one.value:.3g}", "yes" if one.bit_exact else "no") for one in differences]
    print(table(("output", "max abs difference", "bit for bit"), rows), end="")
    print(f"max abs difference: {worst:.3g}")
    good = worst <= arguments.tolerance
    if good:
        write_parts(model, arguments.cut, arguments.output)
        print(f"{arguments.output}: whole.onnx, part1.onnx, part2.onnx, cut at {', '.join(parts.tensors)}")
    else:
        print(f"above the tolerance of {arguments.tolerance:g}: nothing written", file=sys.stderr)
    write_figures(arguments, _figures(parts, differences, good))
    return 0 if good else 1


def _figures(parts: Parts, differences: Sequence[Difference], good: bool) -> dict[str, object]:
    counted = {name: count(part) for name, part in (("part1", parts.first), ("part2", parts.second))}
    return {
        "cut": list(parts.tensors),
        "equal": good,
        "max_abs_difference": {one.output: one.value for one in differences},
        **{
            name: {"parameters": part.parameters, "macs": part.macs, "nodes": part.nodes}
            for name, part in counted.items()
        },
    }
