"""`featurecast evaluate heads`: every head on labelled real footage, each figure beside its bound."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields
from typing import Any

from core_network.catalogue import Core
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.head_figures import PARTS, graphs
from featurecast.commands.evaluation.figures import (
    add_core,
    add_figures,
    add_root,
    chosen_core,
    root,
    table,
    write_figures,
)
from featurecast.refusal import Refusal
from stream.source import SourceError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--only", choices=tuple(PARTS), nargs="+", default=tuple(PARTS), help="these parts")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="take parts from the file of --json that were measured with the same core and the same heads",
    )
    add_core(parser)
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure; print a table. 1 when a figure misses its bound or was not measured; the table says why."""
    data = root(arguments)
    core = chosen_core(arguments)
    measured: dict[str, list[Figure]] = _measured_before(arguments, core) if arguments.resume else {}
    left_out: dict[str, str] = {}
    for part in arguments.only:
        if part in measured:
            continue
        try:
            measured[part] = PARTS[part](data, core, _tell)
        except (NotMeasured, SourceError, HeadError) as reason:
            left_out[part] = str(reason)
        # After every part: an hour's work is not lost with the next one.
        write_figures(arguments, _document(core, measured, left_out))
    figures = [figure for part in PARTS for figure in measured.get(part, [])]
    lines = [(figure.title, figure.shown(), figure.wanted, figure.verdict()) for figure in figures]
    lines += [(part, "not measured", "", reason) for part, reason in left_out.items()]
    print(f"heads on core {core.spec.name}, rate default\n\n{table(('figure', 'is', 'wanted', ''), lines)}")
    write_figures(arguments, _document(core, measured, left_out))
    return 1 if left_out or any(figure.met is False for figure in figures) else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _document(core: Core, measured: dict[str, list[Figure]], left_out: dict[str, str]) -> dict[str, Any]:
    return {
        "core": core.spec.name,
        "fingerprint": core.spec.fingerprint,
        "heads": graphs(),
        "figures": [
            {"part": part, **asdict(figure), "met": figure.met}
            for part, figures in measured.items()
            for figure in figures
        ],
        "not_measured": left_out,
    }


def _measured_before(arguments: argparse.Namespace, core: Core) -> dict[str, list[Figure]]:
    """Return part -> figures of the file of --json; nothing of another core or of other heads."""
    if arguments.json is None:
        raise Refusal("--resume goes on with a file of figures: name it with --json")
    try:
        document = json.loads(arguments.json.read_text())
        same = document["fingerprint"] == core.spec.fingerprint and document["heads"] == graphs()
        rows = document["figures"] if same else []
        names = [field.name for field in fields(Figure)]
        measured: dict[str, list[Figure]] = {}
        for row in rows:
            measured.setdefault(row["part"], []).append(Figure(**{name: row[name] for name in names}))
        return measured
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(
            f"{arguments.json}: expected figures of `evaluate heads`; leave --resume out to measure again"
        ) from None
