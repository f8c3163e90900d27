"""The recipe of a head that lives outside this repository: its `network.py`, with `head.json` beside it.

`network.py` holds four things (docs/write-a-head.md shows them at work):

- class Head(nn.Module), made as Head(shape) of the features [C, H, W]. The argument names of `forward` are
  the graph's inputs; it returns the manifest's outputs in order, then the new states.
- target(record, spec): name -> array, what `loss` compares with, for one record.
- loss(head, features, target): the loss and its parts for the log; everything with the batch in front. What
  the heads that the manifest needs say of each picture is in `target` too, by the name of the graph's input.
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
from task_heads.conformance import needed_heads
from task_heads.dataset import FeatureDataset, Record
from task_heads.manifest import MANIFEST_FILE, HeadError, Manifest, parse_manifest
from task_heads.runner import HeadRunner, HeadSet, graph_shapes, needed_shape
from task_heads.training.recipes import Needed, Recipe, Run

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
    needed = needed_heads(manifest, network.parent)
    known = {other.name: other for other, _ in needed}
    for name, (head, output) in manifest.needed_inputs().items():
        inputs[name] = needed_shape(manifest, known[head], output)
    needs = _needs(manifest, [place for _, place in needed], spec)
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
        target=lambda record, spec: {**module.target(record, spec), **needs(record)},
        needed=needs,
        wants=lambda record: record.truth.boxes is not None or record.truth.balls is not None,
        inputs=example,
    )


def _needs(manifest: Manifest, folders: Sequence[Path], spec: FeatureSpec) -> Needed:
    """Return a function record -> what the needed heads say of it as a first frame, by the graph's inputs.

    A record is looked at once. Raises HeadError when one of the heads is for other features.
    """
    heads = HeadSet([HeadRunner(folder, spec) for folder in folders])
    seen: dict[int, tuple[Record, dict[str, NDArray[np.float32]]]] = {}

    def said(record: Record) -> dict[str, NDArray[np.float32]]:
        if not folders:
            return {}
        if id(record) not in seen:  # kept with its tables, so that no other record gets its number
            heads.reset()
            tables = heads.run(spec.dequantise(record.symbols, record.rate), record.view, 0.0)
            own = manifest.needed_inputs().items()
            seen[id(record)] = record, {name: tables[head][output] for name, (head, output) in own}
        return seen[id(record)][1]

    return said


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
    needed = [HeadRunner(place, opened.spec) for _, place in needed_heads(runner.manifest, folder)]
    heads = HeadSet([*needed, runner])
    module = load_network(folder / NETWORK_FILE)

    def run(record: Record) -> dict[str, NDArray[np.float32]]:
        heads.reset()
        features = opened.spec.dequantise(record.symbols, record.rate)
        return heads.run(features, record.view, 0.0)[runner.name]

    settings = {setting.name: setting.default for setting in runner.manifest.settings}
    figures: dict[str, float] = module.measure(run, list(opened), settings.get("threshold"))
    return figures
