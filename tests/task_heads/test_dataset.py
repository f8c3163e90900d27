"""Feature datasets: what is written comes back, and unfinished or foreign folders are refused."""

from __future__ import annotations

import numpy as np
import pytest

from core_network.prepare import View
from task_heads.dataset import DatasetError, DatasetWriter, FeatureDataset, FrameTruth


def write(folder, spec, count):
    rng = np.random.default_rng(0)
    frames = [rng.integers(-15, 16, spec.shape).astype(np.int8) for _ in range(count)]
    truths = [
        FrameTruth(np.array([[1, 2, 3, 4]], np.float32), ("referee",), None),
        FrameTruth(np.zeros((0, 4), np.float32), (), np.array([[5, 6]], np.float32)),
        FrameTruth(np.array([[1, 2, 3, 4]], np.float32), (None,), np.zeros((0, 2), np.float32)),
        None,
    ]
    view = View.letterbox(100, 50, spec.input_width, spec.input_height)
    with DatasetWriter(folder, spec) as writer:
        for number, symbols in enumerate(frames):
            writer.add(
                symbols, "low", view, source="a.mp4", frame=number, truth=truths[number % 4], split="train"
            )
    return frames, view


def test_records_come_back(tmp_path, small_spec):
    frames, view = write(tmp_path, small_spec, 300)
    dataset = FeatureDataset(tmp_path)
    records = list(dataset)
    assert len(dataset) == len(records) == 300
    assert dataset.spec == small_spec
    for number, (record, symbols) in enumerate(zip(records, frames, strict=True)):
        np.testing.assert_array_equal(record.symbols, symbols)
        assert (record.frame, record.rate, record.source, record.split) == (number, "low", "a.mp4", "train")
    np.testing.assert_array_equal(records[0].view, view.as_array())
    first, second, third, fourth = (record.truth for record in records[296:300])
    assert first.labels == ("referee",)
    assert first.balls is None
    assert len(second.boxes) == 0
    np.testing.assert_array_equal(second.balls, [[5, 6]])
    assert third.labels == (None,)
    assert len(third.balls) == 0
    assert fourth.boxes is None
    assert fourth.balls is None


def test_an_unfinished_dataset_is_none(tmp_path, small_spec):
    with pytest.raises(RuntimeError), DatasetWriter(tmp_path, small_spec):
        raise RuntimeError
    with pytest.raises(DatasetError, match="expected a feature dataset"):
        FeatureDataset(tmp_path)


def test_a_full_folder_is_not_overwritten(tmp_path, small_spec):
    write(tmp_path, small_spec, 2)
    with pytest.raises(DatasetError, match="already holds"):
        DatasetWriter(tmp_path, small_spec)


def test_damage_is_named(tmp_path, small_spec):
    write(tmp_path, small_spec, 2)
    shard = tmp_path / "shard-00000.npz"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(DatasetError, match="shard-00000"):
        list(FeatureDataset(tmp_path))


def test_wrong_symbols_are_programming_errors(tmp_path, small_spec):
    writer = DatasetWriter(tmp_path, small_spec)
    with pytest.raises(ValueError, match="expected symbols int8"):
        writer.add(np.zeros((1, 2, 3), np.int8), "low", View.letterbox(1, 1, 64, 32), source="", frame=0)
