"""`featurecast record`: the features of a source as a dataset that heads are trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core_network.catalogue import default_core
from core_network.dataroot import data_root
from core_network.prepare import View
from core_network.spec import RATES
from core_network.training.stills import read_splits
from featurecast.progress import Progress
from featurecast.refusal import refuse
from stream.programme import FeatureEncoder
from stream.source import SourceError, open_source
from task_heads.dataset import DatasetError, DatasetWriter

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source", metavar="SRC", help="video file, folder of images, URL or synthetic:football"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="a new or empty folder"
    )
    parser.add_argument("--rate", choices=RATES, default="default", help="how finely features are coded")
    parser.add_argument("--frames", metavar="N", type=int, help="stop after N frames")


def run(arguments: argparse.Namespace) -> int:
    """Record every frame; the truth, where there is some, is for whoever reads the dataset to add."""
    core = default_core()
    encoder = FeatureEncoder(core, rate=arguments.rate)
    spec = core.spec
    split = _split_of(arguments.source)
    with (
        Progress("frames", arguments.frames) as progress,
        refuse(SourceError, DatasetError),
        open_source(arguments.source) as source,
        DatasetWriter(arguments.output, spec) as dataset,
    ):
        for frame in source:
            if arguments.frames is not None and dataset.records >= arguments.frames:
                break
            image, _ = encoder.prepare(frame)
            latent, _ = encoder.latent(image)
            view = View.letterbox(
                frame.source_width, frame.source_height, spec.input_width, spec.input_height
            )
            dataset.add(
                spec.quantise(latent, arguments.rate),
                arguments.rate,
                view,
                source=frame.name or arguments.source,
                frame=frame.number,
                split=split,
            )
            progress.show(dataset.records)
    for warning in source.warnings:
        print(f"featurecast: {warning}", file=sys.stderr)
    print(
        f"{arguments.output}: {dataset.records} frames of features {spec.fingerprint[:12]}", file=sys.stderr
    )
    return 0


def _split_of(source: str) -> str:
    """Return the split of a clip of the data folder, so that trainers can refuse `report`; "" elsewhere."""
    root, path = data_root(), Path(source)
    if root is None or not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return ""
    return read_splits(root).get(path.resolve().relative_to(root.resolve()).as_posix(), "")
