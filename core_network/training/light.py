"""Light and camera as they might have been: shades, contrast, white balance, brightness, noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core_network.motion import EARLIER

__all__ = ["photometric", "with_shade"]


def with_shade(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Return the batch [B, 5, H, W], `share` of it with a soft-edged shade over one side or in a band.

    The edges between sun and shade are what the network took for people.
    """
    height, width = x.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for index in range(len(x)):
        if rng.random() >= share:
            continue
        angle, edge = rng.uniform(0, 2 * np.pi), float(rng.uniform(0.7, 4.0))
        across, down = columns - rng.uniform(0, width), rows - rng.uniform(0, height)
        away = across * np.cos(angle) + down * np.sin(angle)
        if rng.random() < 0.5:
            away = float(rng.uniform(4, 60)) - away.abs()
        light = 1 - float(rng.uniform(0.3, 0.7)) * torch.sigmoid(away / edge)
        x[index, :3] = (x[index, :3] + 2) * light - 2
        x[index, 3:] *= light
    return x


def photometric(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the batch [B, 5, H, W] with random contrast, white balance, brightness and a little noise."""
    count = len(x)
    x = x.contiguous(memory_format=torch.channels_last)
    gain = rng.uniform(0.7, 1.3, (count, 1, 1, 1)) * rng.uniform(0.9, 1.1, (count, 3, 1, 1))
    # Motion scales with contrast and does not know of brightness.
    gain = np.concatenate([gain, np.repeat(gain.mean(1, keepdims=True), EARLIER, 1)], 1)
    shift = rng.uniform(-0.4, 0.4, (count, 1, 1, 1)) * ([[[1.0]]] * 3 + [[[0.0]]] * EARLIER)
    x.mul_(torch.from_numpy(gain).float()).add_(torch.from_numpy(shift).float())
    if rng.random() < 0.3:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        noise = torch.empty(x.shape).normal_(generator=generator)
        x.add_(noise, alpha=float(rng.uniform(0, 0.12)))
    return x.clamp_(-2, 2)
