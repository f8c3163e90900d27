"""`featurecast export`: turn a checkpoint into what is shipped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import DEFAULT_CORE, Core, default_core, load_core
from core_network.dataroot import data_root
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
from featurecast.table_clips import symbols_of_clips, training_clips
from stream.bitstream import fit_tables

__all__ = ["configure", "run"]

_CALIBRATION_STILLS = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=("core", "tables"))
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="what `train` wrote (tables: a core's folder)"
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Export; print the fingerprint on stdout."""
    root = data_root(arguments.data)
    if root is None:
        raise Refusal(
            "calibration needs the folder that holds splits.csv: name it with --data or FEATURECAST_DATA"
        )
    if arguments.kind == "core":
        output = arguments.output or default_core().folder.parent / DEFAULT_CORE
        core = _export_core(arguments.checkpoint, output, root)
    else:
        with refuse(ValueError):
            core = load_core(arguments.checkpoint)
    _fit_tables(core, root)
    print(core.spec.fingerprint)
    return 0


def _export_core(checkpoint: Path, output: Path, root: Path) -> Core:
    from core_network.training.export import export_core, load_trained_core
    from core_network.training.stills import load_football

    if not checkpoint.is_file():
        raise Refusal(f"{checkpoint}: expected a checkpoint that `featurecast train core` wrote")
    stills = load_football(root)
    spread = stills[:: max(1, len(stills) // _CALIBRATION_STILLS)]
    export_core(load_trained_core(checkpoint), output.name, output, spread)
    return load_core(output)


def _fit_tables(core: Core, root: Path) -> None:
    clips = training_clips(root)
    with Progress("clips x rates") as progress:

        def counted() -> Iterator[tuple[str, NDArray[np.int8]]]:
            for number, sequence in enumerate(symbols_of_clips(core, clips), 1):
                progress.show(number)
                yield sequence

        tables = fit_tables(counted(), core.spec)
    core.tables_path.write_bytes(tables.to_bytes())
    print(f"{core.tables_path}: fitted to {len(clips)} clips", file=sys.stderr)
