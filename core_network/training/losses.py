"""Losses of the core's training: people, balls, reconstruction, imitation and rate."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["RateModel", "box_from_maps", "focal_loss", "giou", "task_loss"]


def focal_loss(logits: Tensor, heat: Tensor, known: Tensor) -> Tensor:
    """Penalty-reduced focal loss of CenterNet (arXiv 1904.07850, eq. 1), alpha 2, beta 4, per centre.

    logits, heat [B, h, w]; known [B] leaves out pictures without labels for the task.
    """
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    centre = (heat >= 1).float()
    loss = -(centre * (1 - p) ** 2 * torch.log(p) + (1 - centre) * (1 - heat) ** 4 * p**2 * torch.log(1 - p))
    keep = known[:, None, None]
    return (loss * keep).sum() / (centre * keep).sum().clamp(min=1)


def box_from_maps(maps: Tensor) -> Tensor:
    """Return boxes x0 y0 x1 y1 in cells, [B, 4, h, w], of people maps [B, 5, h, w]."""
    height, width = maps.shape[-2:]
    cx = torch.arange(width, dtype=maps.dtype)[None, None, :] + maps[:, 1]
    cy = torch.arange(height, dtype=maps.dtype)[None, :, None] + maps[:, 2]
    half_w, half_h = maps[:, 3].clamp(-3, 5).exp() / 2, maps[:, 4].clamp(-3, 5).exp() / 2
    return torch.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], 1)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU [n] (arXiv 1902.09630) of boxes x0 y0 x1 y1 [n, 4]."""
    overlap = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - overlap
    return overlap / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def task_loss(
    people: Tensor,
    ball: Tensor,
    target: Mapping[str, Tensor],
    box_weight: float = 3.0,
    ball_weight: float = 1.0,
) -> tuple[Tensor, dict[str, float]]:
    """Return the sum of the people and ball losses and its parts; maps as `ProbeHeads` gives them."""
    people, ball = people.float(), ball.float()
    heat = focal_loss(people[:, 0], target["heat"], target["people_known"])
    weight = target["box_weight"] * target["people_known"][:, None, None]
    where = weight > 0
    total = weight.sum().clamp(min=1)
    predicted = box_from_maps(people).permute(0, 2, 3, 1)[where]
    wanted = target["boxes"].permute(0, 2, 3, 1)[where]
    w = weight[where]
    size = (wanted[:, 2:] - wanted[:, :2]).clamp(min=0.2)
    off = (w * (1 - giou(predicted, wanted))).sum() / total
    l1 = (w * ((predicted - wanted).abs() / torch.cat([size, size], 1)).clamp(max=4).sum(1)).sum() / total
    ball_heat = focal_loss(ball[:, 0], target["ball_heat"], target["ball_known"])
    where = (target["ball_weight"] * target["ball_known"][:, None, None]) > 0
    height, width = ball.shape[-2:]
    x = torch.arange(width, dtype=ball.dtype)[None, None, :] + ball[:, 1]
    y = torch.arange(height, dtype=ball.dtype)[None, :, None] + ball[:, 2]
    found = torch.stack([x, y], 1).permute(0, 2, 3, 1)[where]
    at = target["ball_centre"].permute(0, 2, 3, 1)[where]
    offset = (found - at).abs().sum() / max(len(at), 1)
    loss = heat + box_weight * off + 0.5 * l1 + ball_weight * (ball_heat + 0.5 * offset)
    parts = {"people": heat.item(), "box": off.item(), "ball": ball_heat.item(), "offset": offset.item()}
    return loss, parts


class RateModel(nn.Module):
    """Learned factorised density: per channel three logistics (after arXiv 1802.01436, section 6.1)."""

    def __init__(self, channels: int, components: int = 3) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(channels, components) * 0.5)
        self.log_scale = nn.Parameter(torch.full((channels, components), 0.3))
        self.weight = nn.Parameter(torch.zeros(channels, components))

    def bits(self, latent: Tensor) -> Tensor:
        """Return the bits of each symbol of [B, C, h, w] at step 1."""
        x = latent.permute(0, 2, 3, 1).unsqueeze(-1).float()
        inverse = torch.exp(-self.log_scale.clamp(-4, 4))
        mass = torch.sigmoid((x + 0.5 - self.mean) * inverse) - torch.sigmoid((x - 0.5 - self.mean) * inverse)
        return -torch.log2((mass * self.weight.softmax(-1)).sum(-1).clamp_min(1e-7))
