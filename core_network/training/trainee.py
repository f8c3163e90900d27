"""Everything that learns in a run, and its loss in each kind of stage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_network.training import imagenet
from core_network.training.config import Stage
from core_network.training.losses import RateModel, task_loss
from core_network.training.network import Architecture, CoreNetwork, ProbeHeads

__all__ = ["STEP_SHARES", "USUAL_STEP", "Trainee", "picture_loss", "quantised"]

USUAL_STEP = 0.75
"""That of rate `default`."""
STEP_SHARES = {0.5: 0.25, USUAL_STEP: 0.5, 1.7: 0.25}
"""Quantiser steps that the task path sees in a rate stage: one network serves every rate."""
_COLOURS = 3 * 2 * 2
"""RGB at 1/4 size, folded to the latent's places."""
_PEOPLE_COUNT_MORE = 4.0
"""How much more the picture counts at the middle of a person: what later heads ask about is mostly there."""


class Trainee(nn.Module):
    """The core, its probe heads, the rate model and the decoder of the two keeping losses."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.core = CoreNetwork(architecture)
        self.probes = ProbeHeads(architecture.channels)
        self.rate = RateModel(architecture.channels)
        self.keeper = nn.Sequential(
            nn.Conv2d(architecture.channels, 128, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, imagenet.CHANNELS + _COLOURS, 1),
        )

    def free_loss(
        self, x: Tensor, target: Mapping[str, Tensor], stage: Stage
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the task loss on unquantised latents and its parts."""
        people, ball = self.probes(self.core(x))
        return task_loss(people, ball, target, stage.box_weight, stage.ball_weight)

    def rate_loss(
        self,
        x: Tensor,
        target: Mapping[str, Tensor],
        stage: Stage,
        teacher: nn.Module | None,
        seed: tuple[int, int],
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a rate stage and its parts; `seed` decides the step and the noise.

        Mixed quantisation (arXiv 2006.09952, section 3.3): the task path sees rounded latents, the rate path
        noisy ones. Imitation: the features of a network that knows a thousand kinds of things.
        """
        rng = np.random.default_rng([*seed, 1])
        latent = self.core(x)
        received = quantised(latent, float(rng.choice(list(STEP_SHARES), p=list(STEP_SHARES.values()))))
        people, ball = self.probes(received)
        loss, parts = task_loss(people, ball, target, stage.box_weight, stage.ball_weight)
        noise = (
            torch.rand(latent.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31)))) - 0.5
        )
        kilobytes = self.rate.bits(latent + noise).sum() / (8 * 1000 * len(x))
        kept = self.keeper(received)
        imitation = kept.new_zeros(())
        if teacher is not None:
            # Half of the batch says as much of the features, and the network that makes them is large.
            half = (len(x) + 1) // 2
            imitation = F.mse_loss(kept[:half, :-_COLOURS], teacher(x[:half, :3]))
        reconstruction = picture_loss(
            F.pixel_shuffle(kept[:, -_COLOURS:], 2), F.avg_pool2d(x[:, :3], 4), target["heat"]
        )
        loss = (
            loss
            + stage.rate_weight * kilobytes
            + stage.imitation * imitation
            + stage.reconstruction * reconstruction
        )
        return loss, {
            **parts,
            "kB": kilobytes.item(),
            "imitation": imitation.item(),
            "rgb": reconstruction.item(),
        }


def picture_loss(kept: Tensor, picture: Tensor, people: Tensor) -> Tensor:
    """Return the squared error of pictures [B, 3, h, w], where the people's heat [B, h, w] is high more."""
    weight = 1 + _PEOPLE_COUNT_MORE * people[:, None]
    return ((kept - picture) ** 2 * weight).sum() / (3 * weight.sum())


def quantised(latent: Tensor, step: float) -> Tensor:
    """Return the latent rounded to the step; the gradient passes straight through."""
    return latent + ((latent / step).round().clamp(-15, 15) * step - latent).detach()
