"""Two teams by their kits: two-means that never ends.

Each frame moves the two kits towards the players who wear them. It begins with a split along the direction in
which kits differ most, the lighter half first, and begins again as long as the two do not stand apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from task_heads.player_tracking.finding import COLOURS, KIT

__all__ = ["Teams"]

_WITHIN, _APART = 0.5, 0.07
"""Two kits stand apart from this squared distance on, and while those of one team differ by at most this
share of it. Kits are read off small, rounded features, which bring them closer together than they are."""
_SURE_UPDATES = 24.5
"""From so many updates on the kits are believed, also where only one team is in view."""


class Teams(nn.Module):
    """kits, players, side, state -> side', known, state'"""

    ahead: Tensor
    colours: Tensor
    lighter: Tensor
    halves: Tensor
    contrast: Tensor

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        colours = torch.tensor(COLOURS)[:, None]
        # Any direction that no two kits are likely to be square to.
        ahead = torch.tensor([0.37, 1.0, 0.61, 0.29, 0.53, 0.47])[:, None] / colours.sqrt()
        self.register_buffer("ahead", ahead, persistent=False)
        self.register_buffer("colours", colours, persistent=False)
        # Decides which half is the lighter one only where lightness says nothing.
        self.register_buffer("lighter", torch.tensor([1e-20] + [0.0] * (KIT - 1))[:, None], persistent=False)
        self.register_buffer("halves", torch.tensor([[1.0], [-1.0]]), persistent=False)
        self.register_buffer("contrast", torch.tensor([[-1.0, 1.0]]), persistent=False)

    def forward(
        self, kits: Tensor, players: Tensor, side: Tensor, hits: Tensor, dt: Tensor, teams: Tensor,
        updates: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Return each track's side' [1, n] (1 = first team, -1 = second), teams', updates' and 1.0 [1, 1]
        when the two are known.

        kits [KIT, n]; players [1, n]: 1.0 for those who count; hits [1, n]: sightings; teams [2,
        KIT] and how often they were updated [1, 1].
        """
        count = players.sum(1, keepdim=True)
        weights = players / count.clamp(min=1.0)
        begun = updates > 0.5
        off = kits[None] - teams[:, :, None]
        distance = (off * off).sum(1)
        gap = self.contrast @ teams
        apart = (gap * gap).sum(1, keepdim=True) + 1e-4
        # A kit far from both says nothing: a goalkeeper, an official, two people in one box.
        nearest = distance.amin(0, keepdim=True)
        evidence = ((self.contrast @ distance) / apart).clamp(-1.0, 1.0)
        evidence = torch.where(nearest < apart, evidence, 0.0)
        side = side + (evidence - side) * (players / (hits.clamp(max=9.0) + 1))

        towards = torch.where(begun, evidence, self._split(kits, weights))
        wear = torch.where(self.halves * towards > 0, players, 0.0)
        worn = wear.sum(1, keepdim=True)
        mean = (wear @ kits.T) / worn.clamp(min=1.0)
        updates = updates + 1
        rate = torch.maximum(1 / updates, dt * (1 / self.seconds))
        moved = teams + torch.where(worn >= 1.5, rate, 0.0) * (mean - teams)
        six = torch.where(begun, 0.0, count) >= 6
        begins = six & (worn.amin(0, keepdim=True) >= 2.5)
        # Within a team kits differ less than between the two.
        within = nearest @ weights.T
        stands = ((within < _WITHIN * apart) & (apart > _APART)) | (updates > _SURE_UPDATES + 1)
        going_on = (stands | begins).float()
        updates = updates * going_on
        return side * going_on, moved * going_on, updates, (updates >= 1.5).float()

    def _split(self, kits: Tensor, weights: Tensor) -> Tensor:
        """Return where kits lie along the direction in which they differ most, above 0 for the lighter half
        [1, n]; weights sum to 1."""
        spread = kits - kits @ weights.T
        weighted = spread * weights
        cover = weighted @ spread.T
        for _ in range(3):  # squaring leaves the strongest direction
            cover = cover @ cover
        direction = torch.addmm(self.lighter, cover, self.ahead)
        # Along it, colours of shirts count even more: an official may differ most from everybody else.
        return ((direction * self.colours).T @ weighted) * direction[0:1]
