"""What the core network sees of a frame: its colours, and how its grey differs from the two frames before.

Motion enters here, before the bottleneck, because heads see the features only. It costs no delay: every frame
is compared with the past.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["EARLIER", "PLANES", "grey", "with_motion"]

EARLIER = 2
"""The core is shown the change since this many earlier frames."""
PLANES = 3 + EARLIER
_NO_CHANGE = 128


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (R + 2G + B) / 4 of RGB [H, W, 3], rounded down, as [H, W]."""
    mixed = np.add(image[..., 0], image[..., 2], dtype=np.uint16)
    mixed += image[..., 1]
    mixed += image[..., 1]
    mixed >>= 2
    return mixed.astype(np.uint8)


def with_motion(
    image: NDArray[np.uint8], now: NDArray[np.uint8], earlier: Sequence[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Return the core's input, uint8 [H, W, PLANES]: RGB and 128 + this grey - each earlier one, clipped.

    `now` and `earlier` (newest first) are greys [H, W]. A past that is not there, as before a still, is no
    change: pass `now` in its place, or no `earlier` at all.
    """
    planes = np.full((*image.shape[:2], PLANES), _NO_CHANGE, np.uint8)
    planes[..., :3] = image
    present = now.astype(np.int16) + _NO_CHANGE
    for plane, before in enumerate(earlier, 3):
        np.clip(present - before, 0, 255, out=planes[..., plane], casting="unsafe")
    return planes
