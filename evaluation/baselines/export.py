"""From a checkpoint to an inference graph: a picture in, boxes, scores and labels after suppression out."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from onnx import ModelProto

from evaluation.baselines.checkpoints import CheckpointError, load_trained
from evaluation.baselines.detector import COLUMNS, AnchorDetector, Inference
from evaluation.split.detector import Detector, DetectorError, write_detector

__all__ = ["export_detector", "from_checkpoint"]

OPSET = 18


def export_detector(detector: AnchorDetector) -> ModelProto:
    """Return the graph image uint8 [1, H, W, 3], view [6] -> detections [100, 7], masks [100, H/4, W/4]."""
    inference = Inference(detector).eval()
    height, width = detector.size
    image = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    view = torch.tensor([0.0, 0.0, 1.0, 1.0, width, height])
    with torch.no_grad():
        outputs = ["detections", "masks"][: len(inference(image, view))]
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        path = Path(scratch) / "detector.onnx"
        # The tracer warns of every size that becomes fixed; they are meant to.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            inference,
            (image, view),
            str(path),
            input_names=["image", "view"],
            output_names=outputs,
            opset_version=OPSET,
            dynamo=False,
        )
        model: ModelProto = onnx.load(path)
    write_detector(model, Detector(COLUMNS, detector.labels))
    return model


def from_checkpoint(checkpoint: Path) -> ModelProto:
    """Return the graph of what `featurecast train baseline` wrote; raises DetectorError."""
    try:
        return export_detector(load_trained(checkpoint))
    except CheckpointError as error:
        raise DetectorError(str(error)) from error
