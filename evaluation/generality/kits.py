"""The kits of a picture: its shirt colours in clusters, so that light and pose on one shirt matter less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KITS", "clustered"]

KITS = 4
"""Two teams, keepers, referees: no picture is asked for more kits."""
_ROUNDS = 8


def clustered(shirts: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return for each shirt's colour [n, 3] the mean [n, 3] of its cluster: k-means, k at most KITS.

    It starts at the colours farthest from each other (Gonzalez 1985), so that nothing is random.
    """
    if len(shirts) == 0:
        return shirts
    first = np.linalg.norm(shirts - shirts.mean(0), axis=1).argmin()
    centres = shirts[first][None]
    while len(centres) < min(KITS, len(shirts)):
        away = np.linalg.norm(shirts[:, None] - centres[None], axis=2).min(1)
        centres = np.concatenate([centres, shirts[away.argmax()][None]])
    for _ in range(_ROUNDS):
        own = np.linalg.norm(shirts[:, None] - centres[None], axis=2).argmin(1)
        means = [shirts[own == k].mean(0) if (own == k).any() else centres[k] for k in range(len(centres))]
        centres = np.stack(means)
    own = np.linalg.norm(shirts[:, None] - centres[None], axis=2).argmin(1)
    kits: NDArray[np.floating] = centres[own]
    return kits
