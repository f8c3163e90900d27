"""Golden vectors: what heads said of a procedural match at their export, and whether they still say so.

    DIR/vectors.json          sizes, steps, view, dt of each frame, sha256 of each head's graph
    DIR/features.i8.gz        symbols int8 [frames, C, H, W]
    DIR/<head>.f32.gz         the outputs float32, frame by frame in the manifest's order

pytest and node read them: both runtimes must give equal ids and equal numbers to a small tolerance.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.spec import FeatureSpec
from task_heads.browser_runtime import table_difference, tables_of
from task_heads.manifest import Manifest
from task_heads.runner import HeadRunner, HeadSet

__all__ = ["golden_problems", "write_golden"]

Tables = dict[str, NDArray[np.float32]]


def write_golden(
    folder: Path,
    spec: FeatureSpec,
    heads: Sequence[Path],
    symbols: NDArray[np.int8],
    rate: str,
    view: NDArray[np.float32],
    dt: Sequence[float],
) -> None:
    """Run the heads in these folders on symbols [frames, C, H, W] of one rate and keep what they say.

    Raises HeadError for a head that is not made for features of `spec`.
    """
    run = HeadSet([HeadRunner(head, spec) for head in heads])
    said = [run.run(spec.dequantise(frame, rate), view, gap) for frame, gap in zip(symbols, dt, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    for name in run.order:
        parts = [
            tables[name][output.name].ravel() for tables in said for output in run.manifest(name).outputs
        ]
        _write(folder / f"{name}.f32.gz", np.concatenate(parts).astype("<f4").tobytes())
    _write(folder / "features.i8.gz", symbols.tobytes())
    description = {
        "frames": len(symbols),
        "shape": list(spec.shape),
        "fingerprint": spec.fingerprint,
        "step": list(spec.steps[rate]),
        "view": [float(value) for value in view],
        "dt": list(dt),
        "heads": {name: {"sha256": run.manifest(name).model.sha256} for name in run.order},
    }
    (folder / "vectors.json").write_text(json.dumps(description, indent=1) + "\n")


def golden_problems(folder: Path, heads: Sequence[Path]) -> list[str]:
    """Return in one line each how the heads in these folders differ from the vectors in `folder`.

    Raises FileNotFoundError when there are none, HeadError for a head that cannot be used.
    """
    description: dict[str, Any] = json.loads((folder / "vectors.json").read_text())
    run = HeadSet([HeadRunner(head, None) for head in heads])
    if set(run.order) != set(description["heads"]):
        return [f"{folder}: vectors of {', '.join(description['heads'])}, heads are {', '.join(run.order)}"]
    changed = [n for n in run.order if run.manifest(n).model.sha256 != description["heads"][n]["sha256"]]
    if changed:
        return [f"{name}: exported again, its vectors in {folder} are not" for name in changed]
    symbols = np.frombuffer(gzip.decompress((folder / "features.i8.gz").read_bytes()), np.int8)
    step = np.array(description["step"], np.float32)[:, None, None]
    features = symbols.reshape(-1, 1, *description["shape"]).astype(np.float32) * step
    view = np.array(description["view"], np.float32)
    said = [run.run(frame, view, dt) for frame, dt in zip(features, description["dt"], strict=True)]
    problems: list[str] = []
    for name in run.order:
        values = np.frombuffer(gzip.decompress((folder / f"{name}.f32.gz").read_bytes()), "<f4")
        golden = list(tables_of(run.manifest(name), values))
        problems += _differences(run.manifest(name), [tables[name] for tables in said], golden)
    return problems


def _differences(manifest: Manifest, said: Sequence[Tables], golden: Sequence[Tables]) -> Iterator[str]:
    for number, (now, then) in enumerate(zip(said, golden, strict=True)):
        for output in manifest.outputs:
            tables = then[output.name], now[output.name]
            if found := table_difference(output, *tables, names=("the export", "the graph")):
                yield f"{manifest.name}: frame {number}, {output.name}: {found}"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 9, mtime=0))
