"""From maps to detections: whose box is whose, and that training and the exported graph agree on it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")
onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: pip install 'featurecast[train]'")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from task_heads.player_tracking.finding import CANDIDATES, DETECTIONS, Finder  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

SHAPE = (24, 44, 80)


@pytest.fixture
def find(player_maps, reader):
    """A function people -> x, y, score, width, height of the detections that count, [n, 5]."""

    def run(people):
        maps, features = map(torch.from_numpy, player_maps(people))
        half = torch.tensor([[320.0], [176.0]])
        found = Finder(0.6, 0.7, SHAPE)(maps, features, features, reader.read, half, half)
        return found[:5, found[2] > 0].T.numpy()

    return run


def test_two_people_side_by_side_are_two_though_one_is_no_peak(find):
    """Their places touch: 8 px between their middles are two cells of the heat, and each claims its
    neighbours."""
    found = find([(102, 150, 8, 24, 0.9, 0), (110, 150, 8, 24, 0.7, 0)])
    np.testing.assert_allclose(found, [(102, 150, 0.9, 8, 24), (110, 150, 0.7, 8, 24)], atol=0.5)


def test_one_person_is_one_wherever_he_is_claimed(find):
    for x, y in ((100.5, 150.5), (103.9, 151.9), (2.0, 3.0), (638.0, 350.0)):
        assert len(find([(x, y, 9, 22, 0.9, 0)])) == 1


def test_nobody_is_found_on_an_empty_pitch(find):
    assert len(find([])) == 0


@pytest.mark.parametrize("seed", range(6))
def test_suppression_is_that_of_the_exported_operator(seed):
    rng = np.random.default_rng(seed)
    count = CANDIDATES
    boxes = np.concatenate([rng.uniform(0, 60, (count, 2)), rng.uniform(3, 30, (count, 2))], 1)
    boxes = boxes.astype(np.float32)
    score = np.sort(rng.uniform(0, 1, count).astype(np.float32))[::-1].copy() ** (1 + 4 * (seed % 2))
    node = helper.make_node("NonMaxSuppression", ["b", "s", "n", "i", "t"], ["o"], center_point_box=1)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "g",
        [value("b", TensorProto.FLOAT, [1, count, 4]), value("s", TensorProto.FLOAT, [1, 1, count])],
        [value("o", TensorProto.INT64, [None, 3])],
        [
            helper.make_tensor("n", TensorProto.INT64, [1], [DETECTIONS]),
            helper.make_tensor("i", TensorProto.FLOAT, [1], [0.6]),
            helper.make_tensor("t", TensorProto.FLOAT, [1], [0.01]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (chosen,) = ort.InferenceSession(model.SerializeToString()).run(
        None, {"b": boxes[None], "s": score[None, None]}
    )
    kept = Finder(0.6, 0.7, SHAPE).kept(torch.from_numpy(boxes), torch.from_numpy(score[None]))
    np.testing.assert_array_equal(kept[: len(chosen)], chosen[:, 2])
    assert (kept[len(chosen) :] == CANDIDATES).all()
