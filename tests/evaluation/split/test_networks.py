from __future__ import annotations

import numpy as np
import onnx
import pytest

from evaluation.split.convert import compare
from evaluation.split.cutting import cut
from evaluation.split.detector import KEY, DetectorError, read_detector
from evaluation.split.networks import CONVERTIBLE, convertible, joined, shipped_network
from evaluation.split.session import Session, example_feeds
from task_heads.registry import Registry
from task_heads.runner import HeadRunner


@pytest.fixture(scope="module")
def whole():
    return shipped_network()


def test_the_joined_graph_is_core_and_head_on_a_first_frame(whole, core):
    session = Session(whole.SerializeToString())
    feeds = example_feeds(session)
    table = session.run(feeds)["detections"]
    # The session's own input: `image`, or `planes` of a core that sees motion.
    core_graph = Session(core.model_path)
    latent = core_graph.run(feeds)["latent"][0]
    head = HeadRunner(Registry().get("player_tracking").folder, core.spec)
    # What a viewer gets at rate `lossless` is what the whole network computes, to the last bit.
    received = core.spec.dequantise(core.spec.quantise(latent, "lossless"), "lossless")
    np.testing.assert_array_equal(table, head.run(received, feeds["view"], 0.0)["detections"])
    detector = read_detector(session.metadata, "shipped")
    assert (table[:, detector.columns.index("score")] > 0.01).sum() > 3  # it does see people


def test_a_lossless_split_of_the_shipped_network_is_the_whole_bit_for_bit(whole):
    parts = cut(whole, ["latent"])
    sessions = [Session(part.SerializeToString()) for part in (parts.whole, parts.first, parts.second)]
    pictures = [example_feeds(sessions[0], seed) for seed in (1, 2)]
    assert all(one.bit_exact for one in compare(*sessions, pictures))


def test_it_says_what_its_columns_and_features_are(whole, core):
    stored = {entry.key: entry.value for entry in whole.metadata_props}
    detector = read_detector(stored[KEY], "shipped")
    assert detector.fingerprint == core.spec.fingerprint and detector.latent == "latent"
    assert "player" in detector.labels


def test_a_core_with_another_latent_is_refused(tiny):
    model = tiny()
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("latent", onnx.TensorProto.FLOAT, [1, 8, 2, 3])
    )
    with pytest.raises(DetectorError, match=r"expects a latent \[1, .*the core gives \[1, 8, 2, 3\]"):
        joined(model, Registry().get("player_tracking").folder)


def test_a_head_without_boxes_is_refused(core):
    with pytest.raises(DetectorError, match="ball_statistics: expected a head that draws boxes"):
        shipped_network(core, "ball_statistics")


@pytest.mark.parametrize(
    ("name", "checkpoints", "message"),
    [
        ("yolo", [], "one of the networks shipped, player, core, baseline, got yolo"),
        ("player", ["a.pt"], "network player expects CORE.pt HEAD.pt, got a.pt"),
        ("core", ["missing.pt"], "missing.pt: expected a checkpoint"),
    ],
)
def test_wrong_names_and_checkpoints_are_refused(name, checkpoints, message, tmp_path):
    with pytest.raises(DetectorError, match=message):
        convertible(name, [tmp_path / path if path == "missing.pt" else path for path in checkpoints])


def test_every_network_says_what_it_is():
    assert all(kind.summary for kind in CONVERTIBLE.values())
