"""The recipe of a head that lives outside this repository: its `network.py`, with `head.json` beside it.

`network.py` holds four things (docs/write-a-head.md shows them at work):

- class Head(nn.Module), made as Head(shape) of the features [C, H, W]. The argument names of `forward` are
  the graph's inputs; it returns the manifest's outputs in order, then the new states.
- target(record, spec): name -> array, what `loss` compares with, for one record.
- loss(head, features, target): the loss and its parts for the log; everything with the batch in front.
- measure(run, records, threshold): name -> figure on whole pictures; `run(record)` gives the outputs by name;
  threshold None means: choose the best and return it as `threshold`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core_network.spec import FeatureSpec
from task_heads.dataset import FeatureDataset, Record
from task_heads.manifest import MANIFEST_FILE, HeadError, Manifest, parse_manifest
from task_heads.runner import HeadRunner, graph_shapes
from task_heads.training.recipes import Recipe, Run

__all__ = ["NETWORK_FILE", "draft_manifest", "load_network", "measure_head", "outside_recipe"]

NETWORK_FILE = "network.py"

_PARTS = ("Head", "target", "loss", "measure")


def load_network(path: Path) -> ModuleType:
    """Run a head's network.py and return its module; raises HeadError when it is not one."""
    if not path.is_file():
        raise HeadError(f"{path}: expected a head's network.py; its path is relative to where you are")
    name = f"{path.resolve().parent.name}.{path.stem}"
    description = importlib.util.spec_from_file_location(name, path)
    if description is None or description.loader is None:
        raise HeadError(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(description)
    sys.modules[name] = module  # dataclasses look their module up
    description.loader.exec_module(module)
    for part in _PARTS:
        if not hasattr(module, part):
            raise HeadError(f"{path}: expected {', '.join(_PARTS)}, {part} is missing")
    return module


def draft_manifest(folder: Path, spec: FeatureSpec) -> Manifest:
    """Return the manifest beside a network, as far as a person writes it; spec and model are stand-ins."""
    path = folder / MANIFEST_FILE
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise HeadError(f"{path}: expected the head's manifest, got {error}") from None
    document["spec"] = {"name": spec.name, "fingerprint": spec.fingerprint, "shape": list(spec.shape)}
    document["model"] = {"file": "head.onnx", "sha256": "0" * 64, "size": 1}
    return parse_manifest(document, str(path))


def outside_recipe(network: Path, spec: FeatureSpec) -> Recipe:
    """Return the recipe of a head outside this repository; raises HeadError in one line."""
    module = load_network(network)
    manifest = draft_manifest(network.parent, spec)
    order = list(inspect.signature(module.Head.forward).parameters)[1:]
    inputs, outputs = graph_shapes(manifest)
    if set(order) != set(inputs):
        raise HeadError(
            f"{network}: Head.forward takes {', '.join(order)}; {MANIFEST_FILE} names {', '.join(inputs)}"
        )
    names = list(outputs)

    def measure(run: Run, records: Sequence[Record]) -> dict[str, float]:
        def named(record: Record) -> dict[str, NDArray[np.float32]]:
            return dict(zip(names, run(record), strict=True))

        found: dict[str, float] = module.measure(named, records, None)
        return found

    settings = {setting.name: setting.default for setting in manifest.settings}

    def example(threshold: float) -> dict[str, torch.Tensor]:
        values = {**settings, **({"threshold": threshold} if "threshold" in settings else {})}
        tensors = {name: torch.full(inputs[name], values.get(name, 0.0)) for name in order}
        if "view" in tensors:
            tensors["view"] = torch.tensor([0.0, 0.0, 1.0, 1.0, 1280.0, 704.0])
        for state in manifest.state:
            tensors[state.name].fill_(state.init)
        return tensors

    return Recipe(
        build=lambda shape, _: _built(module, shape, names),
        width=0,
        probe="",
        state={},
        loss=module.loss,
        measure=measure,
        target=module.target,
        wants=lambda record: record.truth.boxes is not None or record.truth.balls is not None,
        inputs=example,
    )


def _built(module: ModuleType, shape: tuple[int, int, int], outputs: list[str]) -> nn.Module:
    head: nn.Module = module.Head(shape)
    head.outputs = tuple(outputs)  # type: ignore[assignment]
    return head


def measure_head(folder: Path, dataset: Path) -> dict[str, float]:
    """Return the figures of an exported head, by the `measure` of the network.py beside it.

    Each record is a first frame; the threshold is the exported default, so nothing is chosen here and any
    split may be measured. Raises HeadError or DatasetError in one line.
    """
    opened = FeatureDataset(dataset)
    runner = HeadRunner(folder, opened.spec)
    module = load_network(folder / NETWORK_FILE)

    def run(record: Record) -> dict[str, NDArray[np.float32]]:
        runner.reset()
        return runner.run(opened.spec.dequantise(record.symbols, record.rate), record.view, 0.0)

    settings = {setting.name: setting.default for setting in runner.manifest.settings}
    figures: dict[str, float] = module.measure(run, list(opened), settings.get("threshold"))
    return figures
