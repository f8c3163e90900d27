"""The shipped heads still give what they gave when they were exported."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from task_heads.registry import Registry
from task_heads.runner import HeadRunner, HeadSet

VECTORS = Path(__file__).parents[1] / "vectors" / "heads"
DESCRIPTION = json.loads((VECTORS / "vectors.json").read_text())


@pytest.fixture(scope="module")
def features():
    channels, height, width = DESCRIPTION["shape"]
    symbols = np.frombuffer(gzip.decompress((VECTORS / "features.i8.gz").read_bytes()), np.int8)
    step = np.array(DESCRIPTION["step"], np.float32)[:, None, None]
    return symbols.reshape(-1, 1, channels, height, width).astype(np.float32) * step


def test_golden_outputs(features):
    found = [head for head in Registry(installed=False) if head.name in DESCRIPTION["heads"]]
    heads = HeadSet([HeadRunner(head.folder, None) for head in found])
    assert sorted(heads.order) == sorted(DESCRIPTION["heads"])
    view = np.array(DESCRIPTION["view"], np.float32)
    outputs = [heads.run(frame, view, dt) for frame, dt in zip(features, DESCRIPTION["dt"], strict=True)]
    for name in heads.order:
        compare(heads.manifest(name), [tables[name] for tables in outputs])


def compare(manifest, frames):
    name = manifest.name
    assert manifest.model.sha256 == DESCRIPTION["heads"][name]["sha256"], (
        "the head was exported again: run python -m task_heads.training.vectors"
    )
    golden = np.frombuffer(gzip.decompress((VECTORS / f"{name}.f32.gz").read_bytes()), "<f4")
    at, seen = 0, 0.0
    for outputs in frames:
        for output in manifest.outputs:
            got = outputs[output.name]
            wanted = golden[at : at + got.size].reshape(got.shape)
            at += got.size
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)
            for exact in {"id", "valid", "label"} & set(output.columns):
                column = output.columns.index(exact)
                np.testing.assert_array_equal(got[:, column], wanted[:, column])
                seen += wanted[:, column].sum() if exact == "valid" else 0
    assert at == golden.size
    assert seen > 0, "the vectors show nothing: make them with a trained head"
