"""`featurecast record`: the features of a source as a dataset that heads are trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core_network.catalogue import default_core
from core_network.dataroot import data_root
from core_network.prepare import View
from core_network.spec import RATES, FeatureSpec
from core_network.training.stills import read_splits
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
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
        "--labels", metavar="DIR", type=Path, help="SRC is a folder of stills: their YOLO text files"
    )
    parser.add_argument(
        "--classes", metavar="A,B,...", default="", help="with --labels: class names in the order of numbers"
    )
    parser.add_argument("--split", metavar="NAME", help="with --labels: this split of splits.csv only")
    parser.add_argument(
        "--views", metavar="N", type=int, default=1,
        help="with --labels: the whole picture and N-1 mirrored, zoomed and recoloured parts, rates mixed",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="a new or empty folder"
    )
    parser.add_argument("--rate", choices=RATES, default="default", help="how finely features are coded")
    parser.add_argument("--frames", metavar="N", type=int, help="stop after N frames")


def run(arguments: argparse.Namespace) -> int:
    """Record every frame of a video, or every view of labelled stills."""
    if arguments.labels is None:
        for option, given in (("--classes", arguments.classes), ("--split", arguments.split)):
            if given:
                raise Refusal(f"{option} says something about labelled stills: name their --labels too")
        return _record_frames(arguments)
    return _record_stills(arguments)


def _record_stills(arguments: argparse.Namespace) -> int:
    from task_heads.training.pictures import write_views
    from task_heads.training.yolo import BALL, labelled_folder

    classes = tuple(name.strip() for name in arguments.classes.split(",") if name.strip())
    images = Path(arguments.source)
    if not classes or not images.is_dir() or not arguments.labels.is_dir():
        raise Refusal("labelled stills need a folder of pictures, --labels DIR and --classes A,B,...")
    if arguments.views < 1:
        raise Refusal(f"expected --views from 1, got {arguments.views}")
    if arguments.views > 1 and arguments.split not in (None, "train"):
        raise Refusal(f"--views {arguments.views}: only training pictures are varied, not {arguments.split}")
    core = default_core()
    with refuse(DatasetError):
        stills = labelled_folder(images, arguments.labels, classes, arguments.split)
        labels = [name for name in classes if name != BALL]
        with DatasetWriter(arguments.output, core.spec, labels) as dataset:
            sources = [(still, arguments.views) for still in stills[: arguments.frames]]
            whole_at = arguments.rate if arguments.views == 1 else None
            write_views(dataset, core, sources, seed=1, whole_at=whole_at)
    _tell(arguments.output, dataset.records, core.spec)
    return 0


def _record_frames(arguments: argparse.Namespace) -> int:
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
            view = View.letterbox(
                frame.source_width, frame.source_height, spec.input_width, spec.input_height
            )
            dataset.add(
                spec.quantise(encoder.analyse(frame).latent, arguments.rate),
                arguments.rate,
                view,
                source=frame.name or arguments.source,
                frame=frame.number,
                split=split,
            )
            progress.show(dataset.records)
    for warning in source.warnings:
        print(f"featurecast: {warning}", file=sys.stderr)
    _tell(arguments.output, dataset.records, spec)
    return 0


def _tell(folder: Path, records: int, spec: FeatureSpec) -> None:
    print(f"{folder}: {records} frames of features {spec.fingerprint[:12]}", file=sys.stderr)


def _split_of(source: str) -> str:
    """Return the split of a clip of the data folder, so that trainers can refuse `report`; "" elsewhere."""
    root, path = data_root(), Path(source)
    if root is None or not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return ""
    return read_splits(root).get(path.resolve().relative_to(root.resolve()).as_posix(), "")
