"""The parts of `evaluate core` beside accuracy: graphs, the teacher's tiles, sizes, the table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the parts need the float core: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.motion import CHANNELS, PLANES  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork, ServedCore, normalise  # noqa: E402
from evaluation import core_accuracy_rates, float_core, tiled_teacher  # noqa: E402
from evaluation.baselines.small_backbone import write_small_backbone  # noqa: E402
from evaluation.core_accuracy_rates import CLIPS, measure_rate  # noqa: E402
from evaluation.datasets.types import DatasetError  # noqa: E402
from evaluation.tiled_teacher import TiledTeacher  # noqa: E402

SMALL = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=24)


def test_the_float_core_takes_the_bytes_that_the_shipped_one_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = CoreNetwork(SMALL).eval()
    monkeypatch.setattr(float_core, "load_trained_core", lambda _: (network, {}))
    core = float_core.write_float_core(default_core(), tmp_path / "none.pt", tmp_path / "float")
    assert core.spec.fingerprint == default_core().spec.fingerprint
    planes = np.random.default_rng(1).integers(0, 256, (1, 352, 640, PLANES), np.uint8)
    session = ort.InferenceSession(str(core.model_path), providers=["CPUExecutionProvider"])
    (latent,) = session.run(["latent"], {"planes": planes})
    with torch.no_grad():
        wanted = ServedCore(network)(normalise(torch.from_numpy(planes).permute(0, 3, 1, 2)))
    assert np.allclose(latent, wanted.numpy(), atol=1e-4)


def test_the_small_backbone_is_int8_and_takes_bytes(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    write_small_backbone(path, (96, 160))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.type, given.shape) == ("tensor(uint8)", [1, CHANNELS, 96, 160])
    planes = np.random.default_rng(0).integers(0, 256, (1, CHANNELS, 96, 160), np.uint8)
    (latent,) = session.run(None, {given.name: planes})
    assert latent.shape == (1, 24, 12, 20) and np.isfinite(latent).all() and latent.std() > 0


class _OnePerson:
    """A graph that finds one person of 80 x 160 px around the centre of its input, whatever it is shown."""

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image")]

    def run(self, _: None, feeds: dict[str, Any]) -> list[Any]:
        assert feeds["image"].shape == (1, 3, 416, 416)
        scores, distances = [], []
        for stride in (8, 16, 32, 64):
            side = -(-416 // stride)
            score = np.zeros((1, side * side, 80), np.float32)
            reach = np.full((1, side * side, 32), -20.0, np.float32).reshape(1, -1, 4, 8)
            if stride == 32:
                cell = 6 * side + 6  # its centre is 208, 208
                score[0, cell, 0] = 0.8
                # 1.25 and 2.5 strides to the sides and up and down: between two bins each.
                for edge, share in ((0, 1.25), (1, 2.5), (2, 1.25), (3, 2.5)):
                    low = int(share)
                    reach[0, cell, edge, low : low + 2] = np.log([1 - share + low, share - low])
            scores.append(score)
            distances.append(reach.reshape(1, -1, 32))
        return [*scores, *distances]


def test_the_teacher_puts_boxes_of_tiles_into_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tiled_teacher,
        "ort",
        SimpleNamespace(InferenceSession=lambda *_, **__: _OnePerson(), SessionOptions=SimpleNamespace),
    )
    teacher = TiledTeacher(Path("unused"))
    found = teacher.people(Image.new("RGB", (1040, 624)))
    # The whole and the middle tiles of twelve: none hides another, as their sizes differ.
    assert found.shape[1] == 5 and 12 <= len(found) <= 13
    whole = found[np.argmax(found[:, 2] - found[:, 0])]
    assert np.allclose(whole[:4], [420, 192, 620, 432], atol=1)  # 80 x 160 px at 2.5 and 1.5 times the size
    assert teacher.ms > 0


def test_rates_are_of_the_first_frames_of_every_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in CLIPS.values():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(b"")
    monkeypatch.setattr(core_accuracy_rates, "_FRAMES", 20)

    class Encoded:
        def __init__(self, source: str, core: object, rate: str) -> None:
            self.size = 1000 if "soccer" in source else 400

        def __iter__(self) -> Any:
            for number in range(30):
                yield SimpleNamespace(payload=bytes([1]) * (self.size if number < 20 else 9999))

        def close(self) -> None:
            pass

    monkeypatch.setattr(core_accuracy_rates, "EncodedInput", Encoded)
    ticks: list[int] = []
    size = measure_rate(tmp_path, default_core(), "default", lambda: ticks.append(1))
    assert len(ticks) == 60
    assert 1000 < size.clips["football_zak_soccer"] < 1100 and 400 < size.clips["badminton_alenzenx"] < 500
    assert size.mean == pytest.approx(sum(size.clips.values()) / 3)
    assert size.spread.low < size.mean < size.spread.high
    (tmp_path / CLIPS["tennis_gridtracknet"]).unlink()
    with pytest.raises(DatasetError, match="hardcourt"):
        measure_rate(tmp_path, default_core(), "default", lambda: None)
