"""Checkpoints of torch networks become one graph."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="converting checkpoints needs the extra train")

from core_network.training.network import Architecture, CoreNetwork, normalise  # noqa: E402
from evaluation.split.convert import compare  # noqa: E402
from evaluation.split.cutting import cut  # noqa: E402
from evaluation.split.networks import convertible  # noqa: E402
from evaluation.split.session import Session, example_feeds  # noqa: E402

ARCHITECTURE = Architecture(stem=8, widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), pyramid=16, fine=4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A core with random weights, and its checkpoint."""
    torch.manual_seed(3)
    core = CoreNetwork(ARCHITECTURE).eval()
    path = tmp_path_factory.mktemp("checkpoint") / "core.pt"
    average = {f"core.{name}": value for name, value in core.state_dict().items()}
    torch.save({"architecture": ARCHITECTURE, "average": average, "record": {}}, path)
    return core, path


def test_a_trained_core_converts_to_what_torch_computes(trained):
    core, path = trained
    session = Session(convertible("core", [path]).SerializeToString())
    feeds = example_feeds(session)
    with torch.no_grad():
        expected = core(normalise(torch.from_numpy(feeds["planes"]).permute(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(session.run(feeds)["latent"], expected, atol=1e-4)


def test_a_trained_core_can_be_cut_inside(trained):
    _, path = trained
    model = convertible("core", [path])
    inside = next(node.output[0] for node in model.graph.node if node.op_type == "Relu")
    parts = cut(model, [inside])
    sessions = [Session(part.SerializeToString()) for part in (parts.whole, parts.first, parts.second)]
    assert all(one.bit_exact for one in compare(*sessions, [example_feeds(sessions[0])]))
