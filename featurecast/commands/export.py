"""`featurecast export`: turn a checkpoint into what is shipped."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from core_network.catalogue import DEFAULT_CORE, MODELS, Core, load_core
from core_network.dataroot import data_root
from core_network.encoder import Encoder
from core_network.spec import RATES
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
from stream.bitstream import fit_tables

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=("core", "tables", "head"))
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="what `train` wrote (tables: a core's folder)"
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Export; print the folder on stdout."""
    if not arguments.checkpoint.exists():
        raise Refusal(
            f"{arguments.checkpoint}: there is no such file; `featurecast train` prints its checkpoint"
        )
    if arguments.kind == "head":
        from task_heads.training.export import export_head

        with refuse(ValueError):
            print(export_head(arguments.checkpoint, arguments.output))
        return 0
    root = data_root(arguments.data)
    if root is None:
        raise Refusal(
            "calibration needs the folder that holds splits.csv: name it with --data or FEATURECAST_DATA"
        )
    with refuse(ValueError):
        if arguments.kind == "core":
            core = _export_core(arguments.checkpoint, arguments.output or MODELS / DEFAULT_CORE, root)
        else:
            core = load_core(arguments.checkpoint)
        _fit_tables(core, root)
    print(core.folder)
    return 0


def _export_core(checkpoint: Path, output: Path, root: Path) -> Core:
    from core_network.training.export import export_core, load_trained_core
    from core_network.training.stills import load_badminton, load_football, load_point_stills

    core, record = load_trained_core(checkpoint)
    calibration = [
        *load_football(root)[::3],
        *load_point_stills(root, "tennis_ball_yolo")[::8],
        *load_badminton(root, every=180),
    ]
    export_core(core, output.name, output, calibration)
    (output / "record.json").write_text(json.dumps(record) + "\n")
    return load_core(output)


def _fit_tables(core: Core, root: Path) -> None:
    from core_network.training.footage import train_shots

    encoder, spec = Encoder(core), core.spec
    shots = []
    with Progress("frames for the entropy tables") as progress:
        for shot in train_shots(root, spec.input_width, spec.input_height):
            shots.append([encoder.latent(image, fresh=not at) for at, image in enumerate(shot)])
            progress.show(sum(map(len, shots)))
    for rate in RATES:
        print(f"fitting entropy tables for {rate}", file=sys.stderr, flush=True)
        tables = fit_tables(
            (np.stack([spec.quantise(latent, rate) for latent in shot]) for shot in shots), spec
        )
        path = core.tables_path(rate)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(tables.to_bytes())
        os.replace(temporary, path)
