"""`featurecast bench`: measure the promised figures and keep them in docs/results.md."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from core_network.dataroot import data_root
from evaluation.bench.provenance import provenance
from evaluation.bench.runner import BENCHES, markdown, run_benches, update_results
from featurecast.refusal import refuse

__all__ = ["configure", "run"]

RESULTS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
"""Part of a checkout, not of an installed package."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--only",
        metavar="NAME",
        choices=tuple(BENCHES),
        action="append",
        help=f"one of {', '.join(BENCHES)}; may repeat",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures as JSON")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print each table when it is done; exit 1 when a bound was missed."""
    names = arguments.only or list(BENCHES)
    command = shlex.join(
        ["featurecast", "bench", *(part for name in arguments.only or () for part in ("--only", name))]
    )
    origin = provenance(command)
    runs = []
    for done in run_benches(names, data_root(arguments.data)):
        runs.append(done)
        print(f"## {done.name}\n\n{markdown(done)}", flush=True)
        if RESULTS_PAGE.is_file() and done.reason is None:
            with refuse(ValueError):
                update_results(RESULTS_PAGE, done, origin)
    print(origin.line(), file=sys.stderr)
    if arguments.json:
        with refuse():
            document = {"provenance": asdict(origin), "benches": [done.to_json() for done in runs]}
            arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return int(any(figure.met is False for done in runs for figure in done.figures))
