"""A pinhole camera that looks at the pitch: x along the touchline, y across it, z up, all in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Camera:
    """Position [3] in metres, rotation [3, 3] with rows right, down, forward, focal length in px, picture
    size in px."""

    position: Floats
    rotation: Floats
    focal: float
    width: int
    height: int

    @classmethod
    def looking_at(
        cls, position: Floats, target: Floats, focal: float, width: int, height: int, roll: float = 0.0
    ) -> Camera:
        """Return a camera at `position` [3] with `target` [3] in the middle, turned by `roll` radians."""
        forward = np.asarray(target, float) - position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(roll), np.sin(roll)
        rotation = np.stack([c * right + s * down, c * down - s * right, forward])
        return cls(np.asarray(position, float), rotation, float(focal), width, height)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Project points [..., 3] (m); return pixels [..., 2] and depths [...] (m, at least 0.1)."""
        local = (points - self.position) @ self.rotation.T
        depth = np.maximum(local[..., 2], 0.1)
        pixels = local[..., :2] * (self.focal / depth)[..., None]
        return pixels + np.array([self.width / 2, self.height / 2]), depth
