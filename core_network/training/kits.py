"""Other kits for the people of a picture: all hues turned by one angle, so that who wore the same still does.

A few matches have few kits, and a head that is to tell roles soon knows them by heart. Light, grass and lines
stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core_network.training.pasting import opacity_of
from core_network.training.stills import Still

__all__ = ["hue_turned", "with_other_kits"]

_GREY = np.full(3, 3**-0.5)


def with_other_kits(still: Still, rng: np.random.Generator) -> Still:
    """Return the still with the hues of its people turned; stills whose past is known are returned as they
    are."""
    if still.people is None or not len(still.people) or still.earlier:
        return still
    angle = float(rng.uniform(0.2, 2 * np.pi - 0.2))
    pixels, turned = still.pixels(), still.pixels().copy()
    for box in still.people:
        found = opacity_of(pixels, box)
        if found is not None:
            (rows, columns), opacity = found
            part = pixels[rows, columns]
            mixed = part * (1 - opacity) + hue_turned(part, angle) * opacity
            # Where two people overlap the nearer, later one is turned from the original too.
            turned[rows, columns] = np.where(opacity > 0, mixed, turned[rows, columns]).astype(np.uint8)
    return replace(still, picture=turned)


def hue_turned(pixels: NDArray[np.uint8], angle: float) -> NDArray[np.uint8]:
    """Return RGB [..., 3] turned around the grey axis by an angle in radians (Rodrigues' formula)."""
    x, y, z = _GREY
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * np.outer(_GREY, _GREY)
    turned: NDArray[np.float64] = pixels @ turn.T
    return np.clip(np.rint(turned), 0, 255).astype(np.uint8)
