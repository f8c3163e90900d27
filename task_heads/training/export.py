"""From a checkpoint to a head's folder.

The shipped head.json is the source of everything a person wrote; export replaces what follows from the
weights: spec, model, metrics and the default threshold.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch

from core_network.catalogue import default_core
from core_network.spec import FeatureSpec
from task_heads.conformance import needed_heads
from task_heads.manifest import MANIFEST_FILE, MODEL_FILE, SCHEMA_VERSION, load_manifest, parse_manifest
from task_heads.runner import HeadRunner
from task_heads.training.graph import export_graph
from task_heads.training.outside import outside_recipe
from task_heads.training.recipes import Recipe, recipe
from task_heads.training.vectors import write_vectors

__all__ = ["export_head", "write_head"]

_SHIPPED = Path(__file__).parents[1]
_VECTOR_FRAMES = 4
"""Of a head outside this repository: enough to see that it still says the same."""


def export_head(checkpoint: Path, output: Path | None = None) -> Path:
    """Write a checkpoint's head to the folder `output` and return the folder.

    Default: where its head.json is, the built-in head's folder or that of its network.py; there a package of
    its own gets golden vectors in `tests/vectors`. The default threshold is the run's, else the one that was
    best on the validation split. Raises HeadError when the files do not fit each other.
    """
    state = torch.load(checkpoint, weights_only=False)
    name = str(state["name"])
    spec = FeatureSpec.from_json(state["spec"])
    network = state.get("network")
    kind = recipe(name) if network is None else outside_recipe(Path(network), spec)
    written = _SHIPPED / name if network is None else Path(network).parent
    head = kind.build(spec.shape, int(state["width"]))
    head.load_state_dict(state["average"])
    last = state["run"]["validation"][-1]
    chosen = state["run"]["settings"].get("threshold")
    metrics = [
        {"name": key, "value": value, "unit": "", "on": "validation split, whole pictures at rate default"}
        for key, value in last.items()
        if key not in ("step", "threshold")
    ]
    folder = write_head(
        written,
        kind,
        head,
        spec,
        output or written,
        threshold=float(last.get("threshold", 0) if chosen is None else chosen),
        metrics=metrics,
    )
    tests = written.parent / "tests"
    usual = spec.fingerprint == default_core().spec.fingerprint
    if network is not None and output is None and tests.is_dir() and usual:
        needed = [place for _, place in needed_heads(load_manifest(folder), folder)]
        write_vectors(tests / "vectors", [*needed, folder], _VECTOR_FRAMES)
    return folder


def write_head(
    written: Path,
    kind: Recipe,
    head: torch.nn.Module,
    spec: FeatureSpec,
    folder: Path,
    *,
    threshold: float,
    metrics: list[dict[str, Any]],
) -> Path:
    """Export a head's module and write its folder; raises HeadError when the result is not a valid head.

    `written` is the folder of the head.json from which everything is taken that a person wrote.
    """
    threshold = round(threshold, 3)
    example = kind.example(spec.shape, threshold)
    outputs: tuple[str, ...] = head.outputs  # type: ignore[assignment]
    model = export_graph(head, example, outputs)
    document = json.loads((written / MANIFEST_FILE).read_text())
    document["schema_version"] = SCHEMA_VERSION
    document["spec"] = {"name": spec.name, "fingerprint": spec.fingerprint, "shape": list(spec.shape)}
    document["model"] = {"file": MODEL_FILE, "sha256": hashlib.sha256(model).hexdigest(), "size": len(model)}
    document["metrics"] = metrics
    for setting in document.get("settings", ()):
        if setting["name"] == "threshold":
            setting["default"] = threshold
    parse_manifest(document, str(folder / MANIFEST_FILE))
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in (
        (MODEL_FILE, model),
        (MANIFEST_FILE, (json.dumps(document, indent=1) + "\n").encode()),
    ):
        partly = folder / f"{file}.part"
        partly.write_bytes(content)
        os.replace(partly, folder / file)
    HeadRunner(folder, spec)
    return folder
