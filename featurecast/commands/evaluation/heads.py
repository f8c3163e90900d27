"""`featurecast evaluate heads`: every head on labelled real footage, each figure beside its bound."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from core_network.catalogue import default_core, load_core
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.head_figures import PARTS
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.refusal import refuse
from stream.source import SourceError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--only", choices=tuple(PARTS), nargs="+", default=tuple(PARTS), help="these parts")
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure; print a table. 1 when a figure misses its bound; what cannot be measured here says why."""
    data = root(arguments)
    with refuse(ValueError):
        core = load_core(arguments.core) if arguments.core else default_core()
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for part in arguments.only:
        try:
            with refuse(SourceError, HeadError):
                figures += PARTS[part](data, core, lambda text: print(text, file=sys.stderr, flush=True))
        except NotMeasured as reason:
            left_out[part] = str(reason)
    lines = [(figure.title, figure.shown(), figure.wanted, figure.verdict()) for figure in figures]
    lines += [(part, "not measured", "", reason) for part, reason in left_out.items()]
    print(f"heads on core {core.spec.name}, rate default\n\n{table(('figure', 'is', 'wanted', ''), lines)}")
    write_figures(
        arguments,
        {
            "core": core.spec.name,
            "fingerprint": core.spec.fingerprint,
            "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
            "not_measured": left_out,
        },
    )
    return 1 if any(figure.met is False for figure in figures) else 0
