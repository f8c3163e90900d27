"""The network that `infer` and `split-infer` run: the shipped one, or an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import ModelProto

from evaluation.split.detector import KEY, Detector, DetectorError, read_detector
from evaluation.split.inference import LEAST_SCORE
from evaluation.split.networks import shipped_network
from featurecast.refusal import refuse
from task_heads.manifest import HeadError

__all__ = ["add_least_score", "add_model", "chosen_model", "detector_of", "load_graph"]

SHIPPED = "shipped"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare --model."""
    parser.add_argument(
        "--model",
        metavar="FILE.onnx",
        default=SHIPPED,
        help="a whole network as `evaluate convert` writes it (default: the shipped core and player head)",
    )


def add_least_score(parser: argparse.ArgumentParser) -> None:
    """Declare --least-score."""
    parser.add_argument(
        "--least-score", metavar="X", type=float, default=LEAST_SCORE,
        help=f"leave out detections below (default {LEAST_SCORE})",
    )  # fmt: skip


def chosen_model(arguments: argparse.Namespace) -> tuple[ModelProto, Detector]:
    """Return the graph and its meaning; raises Refusal."""
    with refuse(DetectorError, HeadError):
        shipped = arguments.model == SHIPPED
        model = shipped_network() if shipped else load_graph(Path(arguments.model))
        return model, detector_of(model, arguments.model)


def detector_of(model: ModelProto, name: str) -> Detector:
    """Return what a graph says of its detections; raises DetectorError where it says nothing."""
    stored = {entry.key: entry.value for entry in model.metadata_props}
    return read_detector(stored.get(KEY), name)


def load_graph(path: Path) -> ModelProto:
    """Return a checked ONNX graph; raises DetectorError for anything else."""
    if not path.is_file():
        raise DetectorError(f"{path}: expected an ONNX file, found none")
    try:
        model: ModelProto = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:
        # Protobuf's and onnx's errors have no common type.
        raise DetectorError(f"{path}: expected an ONNX graph: {str(error).splitlines()[0]}") from error
    return model
