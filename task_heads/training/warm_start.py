"""The probe that trained with the core: a head begins with its layers, as wide or narrower, and may be taught
by it."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_network.training.network import ProbeHeads

__all__ = ["load_probe", "warm_start"]

_BLOCKS = 5
"""1x1, 3x3, 1x1, 3x3, 1x1, each with its normalisation; the 3x3 are depthwise. Then the last 1x1."""


def load_probe(checkpoint: Path, probe: str) -> nn.Module:
    """Return a probe, "people" or "ball", in evaluation mode: features [B, C, h, w] -> maps.

    Raises ValueError when the checkpoint has no such probe.
    """
    weights = _weights(checkpoint, probe)
    module: nn.Module = getattr(ProbeHeads(weights["0.0.weight"].shape[1]), probe)
    module.load_state_dict(weights)
    return module.eval().requires_grad_(False)


def _weights(checkpoint: Path, probe: str) -> dict[str, Tensor]:
    averaged: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=False)["average"]
    prefix = f"probes.{probe}."
    weights = {k.removeprefix(prefix): v for k, v in averaged.items() if k.startswith(prefix)}
    if f"{_BLOCKS}.weight" not in weights:
        raise ValueError(
            f"{checkpoint}: expected the probe {probe}; name the checkpoint of the core's training"
        )
    return weights


def warm_start(head: nn.Module, checkpoint: Path, probe: str, features: Tensor) -> None:
    """Copy the probe's layers into `head.net`; a narrower head keeps the channels that say most.

    `net.last` takes the first outputs of the probe's last layer.
    `features` [n, C, h, w]: pictures on which channels are compared. Raises ValueError when the checkpoint
    has no such probe.
    """
    weights = _weights(checkpoint, probe)
    net = head.net
    assert isinstance(net, nn.Module)
    own = net.state_dict()
    width = own["last.weight"].shape[1]
    if width < weights[f"{_BLOCKS}.weight"].shape[1]:
        _narrow(weights, width, _seen(weights, features))
    for name in own:
        if name.startswith("trunk."):
            own[name].copy_(weights[name.removeprefix("trunk.")])
    weight, bias = weights[f"{_BLOCKS}.weight"], weights[f"{_BLOCKS}.bias"]
    outputs = min(len(own["last.weight"]), len(weight))
    own["last.weight"][:outputs], own["last.bias"][:outputs] = weight[:outputs], bias[:outputs]
    net.load_state_dict(own)


@torch.no_grad()
def _seen(weights: dict[str, Tensor], features: Tensor) -> dict[int, tuple[Tensor, Tensor]]:
    """Return mean [n] and covariance [n, n] of what enters the blocks 2, 4 and 5 of the wide probe."""
    seen, x = {}, features
    for block in range(_BLOCKS):
        kernel = weights[f"{block}.0.weight"]
        groups = len(kernel) if block % 2 else 1
        x = F.conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=groups)
        mean, var, scale, offset = (
            weights[f"{block}.1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.batch_norm(x, mean, var, scale, offset).relu()
        if block in (1, 3, 4):
            flat = x.transpose(0, 1).flatten(1)
            seen[block + 1] = flat.mean(1), torch.cov(flat)
    return seen


def _narrow(weights: dict[str, Tensor], width: int, seen: dict[int, tuple[Tensor, Tensor]]) -> None:
    """Leave `width` channels in every layer of the probe, and make up for the others as far as possible.

    Optimal brain surgeon (Hassibi and Stork 1992) on each 1x1 layer: again and again the channel goes whose
    loss the others can make up for best.
    """
    for block in (_BLOCKS, 4, 2):
        name = f"{block}.weight" if block == _BLOCKS else f"{block}.0.weight"
        mean, cover = seen[block]
        before = weights[name][:, :, 0, 0].double()
        gain = torch.ones(len(before)).double()
        if block < _BLOCKS:
            gain = (weights[f"{block}.1.weight"] / (weights[f"{block}.1.running_var"] + 1e-5).sqrt()).double()
        mixing, kept = before.clone(), torch.arange(before.shape[1])
        spread = cover.double()
        spread = spread + 1e-3 * spread.diagonal().mean() * torch.eye(len(spread)).double()
        inverse = torch.linalg.inv(spread)
        while len(kept) > width:
            loss = (mixing * gain[:, None]).square().sum(0) / inverse.diagonal()
            gone = int(loss.argmin())
            mixing = mixing - mixing[:, gone, None] * inverse[gone] / inverse[gone, gone]
            inverse = inverse - torch.outer(inverse[:, gone], inverse[gone]) / inverse[gone, gone]
            left = torch.arange(len(kept)) != gone
            kept, mixing, inverse = kept[left], mixing[:, left], inverse[left][:, left]
        missing = ((before @ mean.double()) - mixing @ mean.double()[kept]).float()
        weights[name] = mixing.float()[:, :, None, None]
        if block == _BLOCKS:
            weights[f"{block}.bias"] = weights[f"{block}.bias"] + missing
        else:
            weights[f"{block}.1.running_mean"] = weights[f"{block}.1.running_mean"] - missing
        # The layers that make these channels keep only them.
        for source in (block - 1, block - 2) if block < _BLOCKS else (block - 1,):
            for key, value in weights.items():
                if key.startswith(f"{source}.") and value.dim():
                    weights[key] = value[kept]
