"""The network that `infer` and `split-infer` run: the shipped one, or an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import ModelProto

from evaluation.split.detector import KEY, Detector, DetectorError, read_detector
from evaluation.split.networks import shipped_network
from featurecast.refusal import refuse
from task_heads.manifest import HeadError

__all__ = ["add_model", "chosen_model"]

SHIPPED = "shipped"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare --model."""
    parser.add_argument(
        "--model",
        metavar="FILE.onnx",
        default=SHIPPED,
        help="a whole network as `evaluate convert` writes it (default: the shipped core and player head)",
    )


def chosen_model(arguments: argparse.Namespace) -> tuple[ModelProto, Detector]:
    """Return the graph and its meaning; raises Refusal."""
    with refuse(DetectorError, HeadError):
        if arguments.model == SHIPPED:
            model = shipped_network()
        else:
            path = Path(arguments.model)
            if not path.is_file():
                raise DetectorError(f"{path}: expected an ONNX file, found none")
            model = _load(path)
        stored = {entry.key: entry.value for entry in model.metadata_props}
        return model, read_detector(stored.get(KEY), arguments.model)


def _load(path: Path) -> ModelProto:
    try:
        model: ModelProto = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:
        # Protobuf's and onnx's errors have no common type.
        raise DetectorError(f"{path}: expected an ONNX graph: {str(error).splitlines()[0]}") from error
    return model
