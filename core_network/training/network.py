"""The core network as it trains: plain 3x3 convolutions, a small feature pyramid and a narrow bottleneck.

frame [B, 5, H, W]: RGB and two grey differences, see core_network/motion.py
  stem        5 -> 16 @2 -> c4 @4
  stages      c4 @4, c8 @8, c16 @16, c32 @32          plain conv3x3 + BN + ReLU
  pyramid     32 -> 16 -> 8, `pyramid` channels @8     top-down sums, one smoothing conv
  fine path   c4 @4 -> 16 @4, folded to 64 @8          the ball is 4 px wide: it is only seen at stride 4
  bottleneck  1x1 -> C channels @8, clamped            the latent; what travels is its rounding
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_network.motion import CHANNELS

__all__ = ["LATENT_LIMIT", "Architecture", "CoreNetwork", "ProbeHeads", "ServedCore", "normalise"]

LATENT_LIMIT = 7.5
"""Latents are clamped to this, so that symbols stay within 15 at the finest step, 0.5."""


@dataclass(frozen=True)
class Architecture:
    """Widths and depths; the YAML's `architecture` section."""

    stem: int = 16
    widths: tuple[int, int, int, int] = (24, 48, 96, 128)
    depths: tuple[int, int, int, int] = (1, 2, 4, 3)
    pyramid: int = 64
    fine: int = 16
    channels: int = 24


def _conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class CoreNetwork(nn.Module):
    """x [B, 5, H, W] of `normalise` -> latent [B, C, H/8, W/8] in [-LATENT_LIMIT, LATENT_LIMIT]."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.architecture = a
        self.stem = nn.Sequential(_conv(CHANNELS, a.stem, 2), _conv(a.stem, a.widths[0], 2))
        self.stages = nn.ModuleList()
        width = a.widths[0]
        for index, (out, depth) in enumerate(zip(a.widths, a.depths, strict=True)):
            blocks = []
            for block in range(depth):
                blocks.append(_conv(width, out, 2 if index and not block else 1))
                width = out
            self.stages.append(nn.Sequential(*blocks))
        self.laterals = nn.ModuleList(nn.Conv2d(w, a.pyramid, 1) for w in a.widths[1:])
        self.smooth = _conv(a.pyramid, a.pyramid)
        self.fine = nn.Sequential(nn.Conv2d(a.widths[0], a.fine, 1), _conv(a.fine, a.fine))
        self.bottleneck = nn.Conv2d(a.pyramid + 4 * a.fine, a.channels, 1)

    @torch.no_grad()
    def look_at_motion(self, gain: float) -> None:
        """Multiply the first layer's weights for motion, whose few grey levels hardly move it else."""
        first = self.stem[0][0]  # type: ignore[index]
        first.weight[:, 3:] *= gain

    def towers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pyramid's features [B, pyramid, H/8, W/8] and the fine path's [B, fine, H/4, W/4]."""
        levels = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        top = self.laterals[2](levels[3])
        top = self.laterals[1](levels[2]) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        top = self.laterals[0](levels[1]) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        return self.smooth(top), self.fine(levels[0])

    def shared(self, x: Tensor) -> Tensor:
        """Return the wide features before the bottleneck, [B, pyramid + 4*fine, H/8, W/8]."""
        coarse, fine = self.towers(x)
        wide = torch.cat([coarse, F.pixel_unshuffle(fine, 2)], 1)
        # Unshuffling loses the order in memory that fast convolutions want.
        return wide.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the latent."""
        latent: Tensor = self.bottleneck(self.shared(x)).clamp(-LATENT_LIMIT, LATENT_LIMIT)
        return latent


class ProbeHeads(nn.Module):
    """The tasks that shape the core while it trains: people and balls, on quantised latents.

    features [B, C, h, w] -> people maps [B, 5, 2h, 2w] (heat, dx, dy, log w, log h in cells)
                          -> ball maps   [B, 3, 2h, 2w] (heat, dx, dy)
    They are thrown away: shipped heads are trained on frozen decoded features.
    """

    def __init__(self, channels: int, width: int = 64, ball_width: int = 32) -> None:
        super().__init__()
        self.people = self._head(channels, width, 20, -4.0)
        self.ball = self._head(channels, ball_width, 12, -5.0)

    @staticmethod
    def _head(channels: int, width: int, outputs: int, prior: float) -> nn.Sequential:
        last = nn.Conv2d(width, outputs, 1)
        assert last.bias is not None
        nn.init.constant_(last.bias[:4], prior)  # rare objects: start with low scores
        return nn.Sequential(
            _conv(channels, width, kernel=1),
            _conv(width, width, groups=width),
            _conv(width, width, kernel=1),
            _conv(width, width, groups=width),
            _conv(width, width, kernel=1),
            last,
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the people and the ball maps at stride 4."""
        return F.pixel_shuffle(self.people(features), 2), F.pixel_shuffle(self.ball(features), 2)


class ServedCore(nn.Module):
    """The same function, cheaper to run: the bottleneck as the sum of two convolutions."""

    def __init__(self, core: CoreNetwork) -> None:
        super().__init__()
        self.core = core
        a = core.architecture
        wide = core.bottleneck.weight.detach()
        assert core.bottleneck.bias is not None
        self.coarse = nn.Parameter(wide[:, : a.pyramid])
        self.fine = nn.Parameter(wide[:, a.pyramid :, 0, 0].reshape(a.channels, a.fine, 2, 2))
        self.bias = nn.Parameter(core.bottleneck.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return the latent."""
        coarse, fine = self.core.towers(x)
        latent = F.conv2d(coarse, self.coarse, self.bias) + F.conv2d(fine, self.fine, stride=2)
        return latent.clamp(-LATENT_LIMIT, LATENT_LIMIT)


def normalise(planes: Tensor) -> Tensor:
    """Return the network's input [B, 5, H, W], -2..2, of bytes [B, 6, H, W] of `with_motion`.

    Division by a power of two is exact on every platform, and makes the bytes their own int8 quantisation
    (scale 1/64, zero point 128): the served graph takes them as they are.
    """
    return planes[:, :CHANNELS].float() / 64.0 - 2.0
