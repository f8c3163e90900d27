"""`featurecast evaluate core`: everything that a core network is held against, as one table."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core_network.spec import RATES
from evaluation.bench.provenance import provenance
from featurecast.commands.evaluation.core_parts import (
    ASKED_FOR,
    FROM_CHECKPOINT,
    FROM_TABLES,
    PARTS,
    THROUGH_HEADS,
    Measured,
    Row,
    Task,
)
from featurecast.commands.evaluation.figures import (
    add_checkpoint,
    add_core,
    add_figures,
    add_root,
    chosen_checkpoint,
    chosen_core,
    root,
    table,
    write_figures,
)
from featurecast.progress import Progress
from featurecast.refusal import refuse
from stream.source import SourceError
from task_heads.manifest import HeadError
from task_heads.registry import Registry

__all__ = ["configure", "run"]

_HEADS = ("player_tracking", "ball_statistics")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_core(parser)
    parser.add_argument(
        "--only",
        choices=tuple(PARTS),
        nargs="+",
        default=[part for part in PARTS if part not in ASKED_FOR],
        help="accuracy through the shipped heads; clips: HOTA and balls of the labelled clips; rates: bytes "
        "on real clips; loss: what features lose on their way; int8: what it loses against float32; "
        "generality: what `evaluate generality` found; cost: time beside MobileNetV2-0.5 + FPN; larger: the "
        "same weights at 768x448 and 960x544; teacher: tiled PicoDet-S on the same stills; bits: against "
        "local inference at equal totals; propagation: latents moved along instead of computed (default: all "
        "but the last)",
    )
    parser.add_argument(
        "--rate",
        choices=RATES,
        nargs="+",
        default=["default"],
        help="of the accuracy: how finely it is coded",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--gallery",
        metavar="DIR",
        type=Path,
        help="also draw the stills with most mistakes (footage: keep them out of the repository)",
    )
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        default=Path("runs/core_figures"),
        help="parts that were measured: a run that was stopped goes on (runs/core_figures); delete it to "
        "measure again",
    )
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure part by part; print one table with every figure, its interval and whether it is met."""
    data, core = root(arguments), chosen_core(arguments)
    parts = [part for part in PARTS if part in arguments.only]
    checkpoint = None
    if needing := [part for part in parts if part in FROM_CHECKPOINT]:
        why = f"{', '.join(needing)} need the core's float weights (--only leaves them out)"
        checkpoint = chosen_checkpoint(arguments, core, why)
    rates = tuple(dict.fromkeys(arguments.rate))
    task = Task(data, core, checkpoint, rates, arguments.gallery)
    kept = _Kept(arguments.cache, task)
    rows: list[Row] = []
    details: dict[str, Any] = {}
    for part in parts:
        measured = kept.get(part)
        if measured is None:
            measured = _measured(part, task)
            kept.put(part, measured)
        rows += measured.rows
        details |= measured.details
    origin = provenance("featurecast evaluate core")
    print(f"{core.spec.name}, report split: matches, venues and clips never seen in training\n")
    print(table(["figure", "measured", "95 % interval", "wanted", ""], [row.cells() for row in rows]))
    print(origin.line())
    write_figures(arguments, {"core": core.spec.name, **details, "rows": [row.to_json() for row in rows]})
    return 0


def _measured(part: str, task: Task) -> Measured:
    with Progress(f"{part}: steps") as progress, refuse(ValueError, SourceError, HeadError):
        done = 0

        def tick(show: Callable[[int], None] = progress.show) -> None:
            nonlocal done
            done += 1
            show(done)

        return PARTS[part](task, tick)


class _Kept:
    """Measured parts on disk, by what each was measured with: core, float weights, tables, heads, rates.

    `generality` and `bits` keep theirs elsewhere, in smaller steps.
    """

    _ELSEWHERE = ("generality", "bits")

    def __init__(self, cache: Path, task: Task) -> None:
        self._task = task
        self._folder = cache / task.core.spec.fingerprint[:12]

    def get(self, part: str) -> Measured | None:
        """Return a part's rows, None when they are to be measured."""
        path = self._path(part)
        if path is None or not path.is_file():
            return None
        print(f"{part}: kept in {path}", file=sys.stderr)
        return Measured.from_json(json.loads(path.read_text()))

    def put(self, part: str, measured: Measured) -> None:
        """Keep a part's rows."""
        path = self._path(part)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(measured.to_json(), indent=1) + "\n")
        os.replace(unfinished, path)

    def _path(self, part: str) -> Path | None:
        # A gallery is drawn while the accuracy is measured.
        if part in self._ELSEWHERE or (part == "accuracy" and self._task.gallery):
            return None
        with_what = []
        if part in FROM_CHECKPOINT:
            with_what.append(_digest(self._task.weights.read_bytes()))
        if part in FROM_TABLES:
            tables = (self._task.core.tables_path(rate).read_bytes() for rate in RATES)
            with_what.append(_digest(b"".join(tables)))
        if part in THROUGH_HEADS:
            with_what.append(_digest(" ".join(_heads()).encode()))
        if part == "accuracy":
            with_what += self._task.rates
        return self._folder / f"{'-'.join((part, *with_what))}.json"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _heads() -> list[str]:
    registry = Registry()
    with refuse(HeadError):
        manifests = [registry.get(name).manifest for name in _HEADS]
    return [manifest.identity for manifest in manifests if manifest is not None]
