"""A head outside the repository is trained, exported and measured by its own network.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")
pytest.importorskip("onnxscript", reason="export needs onnxscript: pip install 'featurecast[train]'")

from core_network.prepare import View  # noqa: E402
from task_heads.dataset import DatasetError, DatasetWriter, FeatureDataset, FrameTruth  # noqa: E402
from task_heads.golden import golden_problems  # noqa: E402
from task_heads.manifest import HeadError, load_manifest  # noqa: E402
from task_heads.registry import Registry  # noqa: E402
from task_heads.runner import HeadRunner  # noqa: E402
from task_heads.scaffold import new_head  # noqa: E402
from task_heads.training.export import export_head  # noqa: E402
from task_heads.training.outside import measure_head, outside_recipe  # noqa: E402
from task_heads.training.train import HeadTrainingConfig, runner_of, train_head  # noqa: E402


def record(folder, spec, split, labels=("flag",)):
    """Three pictures of noise with a flag each; around it the first channel is high."""
    rng = np.random.default_rng(2)
    view = View.letterbox(1280, 704, spec.input_width, spec.input_height)
    with DatasetWriter(folder, spec, labels) as writer:
        for number in range(3):
            symbols = rng.integers(-1, 2, spec.shape).astype(np.int8)
            symbols[0, 10:12, 20 + number] = 9
            boxes = np.array([[320 + 16 * number, 160, 336 + 16 * number, 192]], np.float32)
            truth = FrameTruth(boxes, ("flag",))
            writer.add(symbols, "default", view, source=split, frame=number, truth=truth, split=split)


@pytest.fixture
def package(tmp_path, core, monkeypatch):
    folder = new_head("corner_flags", tmp_path, ["flag"])
    for split in ("train", "validation", "report"):
        record(folder / "features" / split, core.spec, split)
    monkeypatch.chdir(folder)
    return folder


def test_from_the_package_to_figures(package, core):
    config = HeadTrainingConfig.load(package / "train.yaml")
    checkpoint = train_head(replace(config, steps=60, batch=3, validate_every=60), None)
    folder = export_head(checkpoint)
    assert folder.resolve() == package / "corner_flags"
    manifest = load_manifest(folder)
    assert manifest.spec.fingerprint == core.spec.fingerprint
    assert {metric.name for metric in manifest.metrics} == {"f1", "recall", "precision"}
    figures = measure_head(folder, package / "features" / "report")
    assert figures["threshold"] == pytest.approx(manifest.settings[0].default)
    assert figures["recall"] == 1
    assert golden_problems(package / "tests" / "vectors", [folder]) == []
    again = export_head(checkpoint, package / "again")
    assert (again / "head.onnx").read_bytes() == (folder / "head.onnx").read_bytes()


def test_what_a_needed_head_says_of_a_record_is_in_target_and_is_given_to_the_head(package, core, tmp_path):
    folder = new_head("officials", tmp_path, ["flag"], people=True)
    kind = outside_recipe(folder / "officials" / "network.py", core.spec)
    (record, *_) = FeatureDataset(package / "features" / "train")
    features = core.spec.dequantise(record.symbols, record.rate)
    players = HeadRunner(Registry(installed=False).get("player_tracking").folder, core.spec)
    said = players.run(features, record.view, 0.0)["detections"]
    assert kind.target is not None
    np.testing.assert_array_equal(kind.target(record, core.spec)["player_tracking__detections"], said)
    head = kind.build(core.spec.shape, 0).eval()
    given = {**kind.example(core.spec.shape, 0.3), "features": torch.from_numpy(features)}
    given |= {"view": torch.from_numpy(record.view), "player_tracking__detections": torch.from_numpy(said)}
    found, _ = runner_of(head, kind, core.spec)(record)
    with torch.no_grad():
        np.testing.assert_allclose(found, head(*given.values())[0].numpy(), rtol=1e-6)


def test_the_report_split_does_not_train(package):
    config = HeadTrainingConfig.load(package / "train.yaml")
    for kind in ("train", "validation"):
        with pytest.raises(DatasetError, match="is of report"):
            train_head(replace(config, steps=1, **{kind: package / "features" / "report"}), None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def measure(", "def measured(", "measure is missing"),
        ("view: Tensor, threshold: Tensor", "view: Tensor, level: Tensor", "takes features, view, level"),
    ],
)
def test_a_network_that_does_not_fit_is_named(package, core, old, new, words):
    path = package / "corner_flags" / "network.py"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(HeadError, match=words) as caught:
        outside_recipe(path, core.spec)
    assert "\n" not in str(caught.value)


def test_half_a_configuration_is_refused(package):
    path = package / "train.yaml"
    for gone in ("network: corner_flags/network.py\n", "train: features/train\n"):
        path.write_text(path.read_text().replace(gone, ""))
        with pytest.raises(ValueError, match="expected"):
            HeadTrainingConfig.load(path)
