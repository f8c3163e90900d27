"""A detection network small enough for tests, and a dataset of two pictures."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from evaluation.datasets.types import Clip, Dataset, Frame, Thing
from evaluation.split.detector import Detector, write_detector

HEIGHT, WIDTH, ROWS = 16, 24, 6
COLUMNS = ("x0", "y0", "x1", "y1", "score", "label", "valid")
LABELS = ("cat", "polar bear")


def _detector_model(masks: bool = False, side_path: bool = False) -> onnx.ModelProto:
    """image -> conv -> latent [1, 8, 2, 3] -> conv -> detections [6, 7]; `side_path`: past the latent."""
    rng = np.random.default_rng(5)
    weights = {
        "w1": rng.normal(0, 0.4, (8, 3, 3, 3)),
        "b1": rng.normal(0, 0.1, 8),
        "w2": rng.normal(0, 0.4, (8, 8, 3, 3)),
        "w3": rng.normal(0, 0.4, (7, 8, 1, 1)),
        "scale": np.array([0.4, 0.4, 0.4, 0.4, 1.0, 1.0, 0.4]),
        "offset": np.array([0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.6]),
        "depth": np.array(255.0),
    }
    shapes = {"flat": np.array([7, ROWS])}
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["real", "depth"], ["small"]),
        helper.make_node("Transpose", ["small"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w1", "b1"], ["first"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["first"], ["active"]),
        helper.make_node("Conv", ["active", "w2"], ["wide"], strides=[4, 4], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["wide"], ["latent"]),
        helper.make_node("Conv", ["latent", "w3"], ["raw"]),
    ]
    last = "raw"
    if side_path:
        nodes += [
            helper.make_node("ReduceMean", ["small"], ["level"], keepdims=0),
            helper.make_node("Add", ["raw", "level"], ["lifted"]),
        ]
        last = "lifted"
    nodes += [
        helper.make_node("Reshape", [last, "flat"], ["table"]),
        helper.make_node("Transpose", ["table"], ["rows"], perm=[1, 0]),
        helper.make_node("Sigmoid", ["rows"], ["shares"]),
        helper.make_node("Mul", ["shares", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["detections"]),
    ]
    outputs = [helper.make_tensor_value_info("detections", TensorProto.FLOAT, [ROWS, 7])]
    if masks:
        nodes += [
            helper.make_node("Sigmoid", ["active"], ["every_mask"]),
            helper.make_node("Reshape", ["every_mask", "planes_of_masks"], ["stack"]),
            helper.make_node("Slice", ["stack", "from", "to"], ["masks"]),
        ]
        shapes |= {
            "planes_of_masks": np.array([8, HEIGHT // 2, WIDTH // 2]),
            "from": np.array([0]),
            "to": np.array([ROWS]),
        }
        outputs.append(
            helper.make_tensor_value_info("masks", TensorProto.FLOAT, [ROWS, HEIGHT // 2, WIDTH // 2])
        )
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])],
        outputs,
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
        + [numpy_helper.from_array(value.astype(np.int64), name) for name, value in shapes.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    write_detector(model, Detector(COLUMNS, LABELS, "latent"))
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture
def tiny():
    """The tiny network; its keyword arguments add masks or a path past the latent."""
    return _detector_model


@pytest.fixture
def tiny_dataset(tmp_path):
    """Two unrelated stills of 48 x 40 px with one thing each."""
    folder = tmp_path / "stills"
    folder.mkdir()
    rng = np.random.default_rng(1)
    frames = []
    for name in ("a", "b"):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(folder / f"{name}.png")
        frames.append(Frame(name, 48, 40, (Thing("cat", (1, 2, 30, 35)),), file=f"{name}.png"))
    return Dataset("two", (Clip("clip", tuple(frames), folder),), LABELS)
