"""What is wrong before the bottleneck in a linear way is put right in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")
onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: pip install 'featurecast[train]'")

import onnxruntime as ort  # noqa: E402
from onnx import numpy_helper  # noqa: E402

from core_network.motion import CHANNELS  # noqa: E402
from core_network.training.export import export_float  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork  # noqa: E402
from core_network.training.refit import refit_bottleneck  # noqa: E402

SMALL = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=6)


def test_a_bottleneck_that_was_bent_says_again_what_the_core_says(tmp_path: Path) -> None:
    torch.manual_seed(3)
    core = CoreNetwork(SMALL).eval()
    export_float(core, tmp_path / "core.onnx", (64, 96))
    model = onnx.load(tmp_path / "core.onnx")
    for stored in model.graph.initializer:
        if stored.name in ("coarse", "fine", "bias"):
            bent = numpy_helper.to_array(stored) * 0.8 + np.float32(0.1)
            stored.CopyFrom(numpy_helper.from_array(bent, stored.name))
    rng = np.random.default_rng(1)
    pictures = [rng.uniform(-2, 2, (1, CHANNELS, 64, 96)).astype(np.float32) for _ in range(6)]

    def error() -> float:
        x = pictures[-1]
        (latent,) = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
        with torch.no_grad():
            return float(np.abs(latent - core(torch.from_numpy(x)).numpy()).max())

    before = error()
    refit_bottleneck(model, core, pictures[:-1])
    assert error() < 0.02 * before
