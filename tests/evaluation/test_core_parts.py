"""The parts of `evaluate core` beside accuracy: graphs, the teacher's tiles, sizes, the table."""

from __future__ import annotations

from pathlib import Path
from shutil import copy
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the parts need the float core: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.motion import PLANES  # noqa: E402
from core_network.scenes.still import random_still  # noqa: E402
from core_network.spec import RATES  # noqa: E402
from core_network.training import teachers  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork, ServedCore, normalise  # noqa: E402
from core_network.training.teachers import PicoDet, TiledTeacher  # noqa: E402
from evaluation import core_accuracy_cost, core_accuracy_rates, float_core  # noqa: E402
from evaluation.baselines.small_backbone import BYTES, write_small_backbone  # noqa: E402
from evaluation.core_accuracy_rates import CLIPS, measure_rates  # noqa: E402
from evaluation.datasets.types import DatasetError  # noqa: E402

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
    assert (given.type, given.shape) == ("tensor(uint8)", [1, 96, 160, BYTES])
    planes = np.random.default_rng(0).integers(0, 256, (1, 96, 160, BYTES), np.uint8)
    (latent,) = session.run(None, {given.name: planes})
    assert latent.shape == (1, 24, 12, 20) and np.isfinite(latent).all() and latent.std() > 0
    # It looks at the three colours, not at the spare byte.
    for plane, looks in ((0, True), (2, True), (3, False)):
        other = planes.copy()
        other[..., plane] = 255 - other[..., plane]
        (changed,) = session.run(None, {given.name: other})
        assert np.array_equal(changed, latent) is not looks


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
        teachers,
        "ort",
        SimpleNamespace(InferenceSession=lambda *_, **__: _OnePerson(), SessionOptions=SimpleNamespace),
    )
    teacher = TiledTeacher(PicoDet(Path("unused")))
    found = teacher.people(Image.new("RGB", (1040, 624)))
    # The whole and the middle tiles of twelve: none hides another, as their sizes differ.
    assert found.shape[1] == 5 and 12 <= len(found) <= 13
    whole = found[np.argmax(found[:, 2] - found[:, 0])]
    assert np.allclose(whole[:4], [420, 192, 620, 432], atol=1)  # 80 x 160 px at 2.5 and 1.5 times the size
    assert teacher.ms > 0


def test_rates_are_of_the_first_frames_of_every_clip_and_arrive_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, file in enumerate(CLIPS.values()):
        write_clip(tmp_path / file, number, frames=5)
    monkeypatch.setattr(core_accuracy_rates, "_FRAMES", 4)
    monkeypatch.setattr(core_accuracy_rates, "KEY_INTERVAL", 2)
    ticks: list[int] = []
    sizes = measure_rates(tmp_path, default_core(), lambda: ticks.append(1))
    assert len(ticks) == 12
    assert [size.rate for size in sizes] == list(RATES)
    assert [size.exact for size in sizes] == [1.0] * 4
    means = [size.mean for size in sizes]
    assert means == sorted(means, reverse=True) and means[-1] > 50
    for size in sizes:
        assert size.mean == pytest.approx(sum(size.clips.values()) / 3)
        assert size.spread.low < size.mean < size.spread.high
    (tmp_path / CLIPS["tennis_gridtracknet"]).unlink()
    with pytest.raises(DatasetError, match="hardcourt"):
        measure_rates(tmp_path, default_core(), lambda: None)


def write_clip(path: Path, seed: int, frames: int) -> None:
    path.parent.mkdir(parents=True)
    wide = random_still(seed, 640 + 2 * frames, 352).image
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 30)
        stream.width, stream.height, stream.pix_fmt = 640, 352, "yuv420p"
        for number in range(frames):
            picture = np.ascontiguousarray(wide[:, 2 * number : 2 * number + 640])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


def test_core_and_reference_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_accuracy_cost, "_TURNS", 3)
    monkeypatch.setattr(core_accuracy_cost, "_RUNS", 1)
    monkeypatch.setattr(
        core_accuracy_cost, "write_small_backbone", lambda path, _: copy(default_core().model_path, path)
    )
    ticks: list[int] = []
    cost = core_accuracy_cost.measure_cost(default_core(), lambda: ticks.append(1))
    assert len(ticks) == len(cost.turns) == 3
    # The core beside itself.
    assert cost.core_ms > 0 and 0.3 < cost.ratio < 3
    assert cost.spread(lambda one: one.ratio).units == 3


def test_a_ratio_is_of_the_medians() -> None:
    cost = core_accuracy_cost.CoreCost([(10.0, 20.0), (12.0, 20.0), (90.0, 400.0)])
    assert (cost.core_ms, cost.reference_ms, cost.ratio) == (12.0, 20.0, 0.6)
