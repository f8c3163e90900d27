"""Training and export of heads: splits, determinism, resuming, parity of the exported graph with torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")
pytest.importorskip("onnxscript", reason="export needs onnxscript: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.prepare import View  # noqa: E402
from task_heads.dataset import DatasetWriter, FrameTruth  # noqa: E402
from task_heads.runner import HeadRunner  # noqa: E402
from task_heads.training import train  # noqa: E402
from task_heads.training.export import export_head, write_head  # noqa: E402
from task_heads.training.recipes import RECIPES, recipe  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

ROOT = Path(__file__).parents[2]
SPEC = default_core().spec


def record(folder, split, count=4, spec=SPEC):
    """Write features of noise with two people and a ball in each picture."""
    rng = np.random.default_rng(5)
    view = View.letterbox(1280, 720, spec.input_width, spec.input_height)
    with DatasetWriter(folder, spec) as writer:
        for number in range(count):
            symbols = rng.integers(-2, 3, spec.shape).astype(np.int8)
            boxes = np.array([[300, 300, 330, 380], [700, 200, 725, 270]], np.float32)
            truth = FrameTruth(boxes, ("player", "referee"), np.array([[500, 400]], np.float32))
            writer.add(
                symbols, "default", view, source=f"{split}-{number}", frame=0, truth=truth, split=split
            )
    return folder


@pytest.fixture
def config(tmp_path):
    key = SPEC.fingerprint[:12]
    record(tmp_path / "features" / f"{key}-train", "train")
    record(tmp_path / "features" / f"{key}-validation", "validation", 2)

    def make(name="ball_statistics", output="run", **change):
        values = {
            "name": name,
            "seed": 1,
            "output": tmp_path / output,
            "features": tmp_path / "features",
            "procedural": None,
            "steps": 4,
            "batch": 2,
            "learning_rate": 1e-3,
            "validate_every": 4,
        }
        return train.HeadTrainingConfig(**{**values, **change})

    return make


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_shipped_configurations_are_read(name):
    config = train.HeadTrainingConfig.load(ROOT / "configs" / f"head_{name}.yaml")
    assert config.name == name


def test_mistakes_in_a_configuration_are_one_line(tmp_path):
    path = tmp_path / "head.yaml"
    for text, words in (("name: x\nspeed: 1", "speed"), ("- a", "mapping"), ("a: [", "YAML")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words) as caught:
            train.HeadTrainingConfig.load(path)
        assert "\n" not in str(caught.value)


def test_report_never_trains(tmp_path):
    folder = record(tmp_path / "d", "report")
    with pytest.raises(ValueError, match="expected records of the split train"):
        train.load_records(folder, SPEC, "train")
    with pytest.raises(ValueError, match="expected records of the split validation"):
        train.load_records(folder, SPEC, "validation")


def test_features_of_another_core_are_refused(tmp_path, small_spec):
    folder = record(tmp_path / "d", "train")
    with pytest.raises(ValueError, match="another core"):
        train.load_records(folder, small_spec, "train")


def test_targets_are_where_the_truth_is(tmp_path):
    (first, *_) = train.load_records(record(tmp_path / "d", "train"), SPEC, "train")
    targets = train._maps(first, SPEC)
    # 1280x720 in 640x352: 626 px wide, 7 px from the left.
    scale = 352 / 720
    left = (640 - round(1280 * scale)) // 2
    x, y = 500 * scale + left, 400 * scale
    row, column = np.argwhere(targets["ball_heat"] == 1)[0]
    assert (column, row) == (int(x / 4), int(y / 4))
    np.testing.assert_allclose(targets["ball_centre"][:, row, column] * 4, [x, y], atol=0.5)
    roles = targets["role"]
    assert sorted(roles[roles >= 0]) == [0, 2]


def test_the_ball_is_taught_without_people(tmp_path):
    (first, *_) = train.load_records(record(tmp_path / "d", "train"), SPEC, "train")
    whole, alone = train._maps(first, SPEC), recipe("ball_statistics").target(first, SPEC)
    assert alone["people_known"] == 0
    for name in ("ball_heat", "ball_weight", "ball_centre", "ball_known"):
        np.testing.assert_array_equal(alone[name], whole[name])


def test_a_resumed_run_sees_the_same_batches(config):
    key = SPEC.fingerprint[:12]
    settings = config()
    records = train.load_records(settings.features / f"{key}-train", SPEC, "train")
    whole = [batch[0].sum().item() for _, batch in train._batches(records, SPEC, train._maps, settings, 0)]
    later = [batch[0].sum().item() for _, batch in train._batches(records, SPEC, train._maps, settings, 2)]
    assert whole[2:] == later


def test_train_resume_and_export(config, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "CHECKPOINT_EVERY", 2)
    settings = config()
    checkpoint = train.train_head(settings, tmp_path)
    state = torch.load(checkpoint, weights_only=False)
    assert state["step"] == 4
    assert (settings.output / "record.json").is_file()
    assert (settings.output / "curves.png").read_bytes().startswith(b"\x89PNG")
    checkpoint = train.train_head(config(steps=6), tmp_path, resume=True)
    assert torch.load(checkpoint, weights_only=False)["step"] == 6
    folder = export_head(checkpoint, tmp_path / "exported")
    runner = HeadRunner(folder, SPEC)
    assert runner.manifest.settings[0].default == pytest.approx(state["run"]["validation"][-1]["threshold"])


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_exported_graph_is_the_torch_module(name, tmp_path):
    torch.manual_seed(2)
    kind = recipe(name)
    head = kind.build(SPEC.shape, kind.width)
    # Untrained nets say nothing; a louder last layer gives peaks, births and matches to compare.
    with torch.no_grad():
        head.net.last.weight.mul_(6)
        head.net.last.bias[:4] = -1.0
    written = ROOT / "task_heads" / name
    folder = write_head(written, kind, head, SPEC, tmp_path / name, threshold=0.3, metrics=[])
    assert (folder / "head.onnx").stat().st_size <= 300_000
    runner = HeadRunner(folder, SPEC)
    view = View.letterbox(1280, 720, SPEC.input_width, SPEC.input_height).as_array()
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, (1, *SPEC.shape))
    inputs = kind.example(SPEC.shape, 0.3)
    state = {tensor.name: inputs[tensor.name] for tensor in runner.manifest.state}
    needs: dict[str, dict[str, np.ndarray]] = {}
    for tensor, value in kind.needs().items():
        other, output = tensor.split("__")
        needs.setdefault(other, {})[output] = value.numpy()
    rows = 0.0
    for number in range(5):
        features = (base + rng.normal(0, 0.05, base.shape)).astype(np.float32)
        got = runner.run(features, view, 0.04, needs=needs)
        inputs |= {"features": torch.from_numpy(features), "view": torch.from_numpy(view), **state}
        inputs["dt"] = torch.tensor([0.0 if number == 0 else 0.04])
        with torch.no_grad():
            wanted = dict(zip(head.outputs, head(*inputs.values()), strict=True))
        state = {tensor.name: wanted[tensor.output] for tensor in runner.manifest.state}
        for output in runner.manifest.outputs:
            np.testing.assert_allclose(got[output.name], wanted[output.name].numpy(), rtol=2e-3, atol=2e-3)
            if "valid" in output.columns:
                rows += got[output.name][:, output.columns.index("valid")].sum()
    assert rows > 0
