"""Weights in and out: our own checkpoints, and those of the originals by their key names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.baselines.detector import AnchorDetector
from evaluation.baselines.systems import Settings, build

__all__ = [
    "CheckpointError",
    "initialise",
    "load_original",
    "load_part",
    "load_trained",
    "read_checkpoint",
]

_UNCOUNTED = "num_batches_tracked"
_OLDER = (
    # torchvision wrapped each convolution of pyramid and head in a Sequential later on.
    (re.compile(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"^(head\.(?:classification|regression)_head\.conv)\.([0246])\.(weight|bias)$"), None),
)


class CheckpointError(ValueError):
    """A file of weights is not what it should be: one line with what was expected and what came."""


def load_original(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load a state dict that has the original's key names and shapes, all of them.

    Older torchvision names of the pyramid and the heads are understood; counters of batch norms and a
    classifier after the features may be there or not. Raises CheckpointError naming the first that differs.
    """
    found = {_present_name(name, network): value for name, value in weights.items()}
    wanted = network.state_dict()
    for name, value in wanted.items():
        if name.endswith(_UNCOUNTED):
            continue
        if name not in found:
            raise CheckpointError(f"expected weights for {name} {list(value.shape)}, the checkpoint has none")
        if found[name].shape != value.shape:
            raise CheckpointError(
                f"{name}: expected the shape {list(value.shape)}, got {list(found[name].shape)}"
            )
    unknown = [n for n in found if n not in wanted and not n.startswith(("fc.", "classifier."))]
    unknown = [n for n in unknown if not n.endswith(_UNCOUNTED)]
    if unknown:
        raise CheckpointError(f"the checkpoint has {unknown[0]}, which this network does not")
    network.load_state_dict({**wanted, **{name: found[name] for name in found if name in wanted}})


def _present_name(name: str, network: nn.Module) -> str:
    (pyramid, renamed), (head, _) = _OLDER
    assert renamed is not None
    if pyramid.match(name):
        return pyramid.sub(renamed, name)
    old = head.match(name)
    if old and "head.classification_head.conv.0.weight" not in network.state_dict():
        # Convolution and ReLU were neighbours: every second number was a convolution.
        return f"{old[1]}.{int(old[2]) // 2}.0.{old[3]}"
    return name


def initialise(detector: AnchorDetector, path: Path) -> tuple[int, int]:
    """Begin with the weights of a file where name and shape agree; return how many tensors of how many did.

    `.npz`: the de-quantised MobileNetV2 of the shared data (convolutions in order, batch norm folded).
    Otherwise a torch file: a state dict of the whole network or of its feature extractor. Raises
    CheckpointError for a file that cannot be read or of which nothing fits.
    """
    if path.suffix == ".npz":
        taken, total = _from_folded(detector.body, path)
    else:
        weights = _state_dict(path)
        taken, total = max(
            (_from_named(part, weights) for part in (detector.network, detector.body)), key=_first
        )
    if not taken:
        raise CheckpointError(f"{path}: expected weights of this network, none has its names and shapes")
    return taken, total


def _first(pair: tuple[int, int]) -> int:
    return pair[0]


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch has no common type for files that it cannot read.
        raise CheckpointError(
            f"{path}: expected a torch file of weights: {str(error).splitlines()[0]}"
        ) from error
    for key in ("state_dict", "model", "average"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not any(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{path}: expected a state dict, got {type(content).__name__}")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _from_named(part: nn.Module, weights: Mapping[str, Tensor]) -> tuple[int, int]:
    own = {name: value for name, value in part.state_dict().items() if not name.endswith(_UNCOUNTED)}
    named = {_present_name(name, part): value for name, value in weights.items()}
    fitting = {n: named[n] for n, value in own.items() if n in named and named[n].shape == value.shape}
    part.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def _from_folded(body: nn.Module, path: Path) -> tuple[int, int]:
    """Fill convolutions in the order of execution; what batch norm did is in their weights and biases."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = sorted(name for name in stored.files if name.endswith(".weight"))
            pairs = [(stored[name], stored[name.replace(".weight", ".bias")]) for name in names]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: expected convolutions NN_name.weight and .bias: {error}") from error
    layers = [layer for layer in body.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    convolutions = [number for number, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    taken = 0
    with torch.no_grad():
        for number, (weight, bias) in zip(convolutions, pairs, strict=False):
            convolution, norm = layers[number], layers[number + 1]
            assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None and norm.running_var is not None
            if convolution.weight.shape != weight.shape:
                continue
            convolution.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
            norm.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
            norm.weight.fill_(1.0)
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
            taken += 1
    return taken, len(convolutions)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of what `train_baseline` wrote; raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint of featurecast train baseline, found no file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path}: expected a checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or not {"system", "labels", "settings", "average"} <= state.keys():
        raise CheckpointError(
            f"{path}: expected a checkpoint of featurecast train baseline, got another file"
        )
    return state


def load_part(network: nn.Module, state: Mapping[str, Any], part: str, path: Path) -> None:
    """Load `state[part]` of our checkpoint at `path`; raises CheckpointError for the first that differs."""
    weights = state.get(part)
    if not isinstance(weights, dict):
        raise CheckpointError(f"{path}: expected {part}, this checkpoint has {', '.join(state)}")
    try:
        load_original(network, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def load_trained(path: Path) -> AnchorDetector:
    """Return the averaged detector of a checkpoint, in evaluation mode; raises CheckpointError."""
    state = read_checkpoint(path)
    try:
        detector = build(state["system"], state["labels"], Settings.parse(state["settings"]))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    load_part(detector.network, state, "average", path)
    return detector.eval()
