"""The shipped heads still give what they gave when they were exported."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from task_heads.browser_runtime import tables_of
from task_heads.golden import golden_problems, write_golden
from task_heads.manifest import HeadError
from task_heads.registry import Registry

VECTORS = Path(__file__).parents[1] / "vectors" / "heads"
HINT = "a head was exported again: run python -m task_heads.training.vectors"


def built_in():
    return [head.folder for head in Registry(installed=False)]


def test_golden_outputs():
    assert golden_problems(VECTORS, built_in()) == [], HINT


def test_the_vectors_show_something():
    for head in Registry(installed=False):
        values = np.frombuffer(gzip.decompress((VECTORS / f"{head.name}.f32.gz").read_bytes()), "<f4")
        valid = sum(
            tables[output.name][:, output.columns.index("valid")].sum()
            for tables in tables_of(head.manifest, values)
            for output in head.manifest.outputs
            if "valid" in output.columns
        )
        assert valid > 0, f"{head.name}: make the vectors with a trained head"


@pytest.fixture
def small(write_head, small_spec, tmp_path):
    """A small head's folder and its vectors."""
    folder, vectors = write_head(), tmp_path / "vectors"
    symbols = np.random.default_rng(1).integers(-3, 4, (3, *small_spec.shape)).astype(np.int8)
    view = np.array([0, 0, 1, 1, 1280, 704], np.float32)
    write_golden(vectors, small_spec, [folder], symbols, "default", view, [0, 0.04, 0.04])
    assert golden_problems(vectors, [folder]) == []
    return folder, vectors


def test_other_outputs_are_pointed_at(small):
    folder, vectors = small
    path = vectors / "counter.f32.gz"
    values = np.frombuffer(gzip.decompress(path.read_bytes()), "<f4").copy()
    values[-1] += 1
    path.write_bytes(gzip.compress(values.tobytes()))
    (problem,) = golden_problems(vectors, [folder])
    assert problem.startswith("counter: frame 2, ")


def test_vectors_of_another_export_or_of_other_heads_are_named(small, write_head):
    folder, vectors = small
    description = json.loads((vectors / "vectors.json").read_text())
    description["heads"]["counter"]["sha256"] = "0" * 64
    (vectors / "vectors.json").write_text(json.dumps(description))
    (problem,) = golden_problems(vectors, [folder])
    assert "exported again" in problem
    (problem,) = golden_problems(vectors, [write_head("other")])
    assert "vectors of counter, heads are other" in problem
    shutil.rmtree(vectors)
    with pytest.raises(FileNotFoundError):
        golden_problems(vectors, [folder])


def test_a_head_for_another_core_has_no_vectors(write_head, core, tmp_path):
    symbols = np.zeros((1, *core.spec.shape), np.int8)
    view = np.zeros(6, np.float32)
    with pytest.raises(HeadError, match="train the head on this core"):
        write_golden(tmp_path / "vectors", core.spec, [write_head()], symbols, "default", view, [0])
    assert not (tmp_path / "vectors").exists()
