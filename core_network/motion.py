"""What the core network sees of a frame: its colours, and how its grey differs from the two frames before.

Motion enters here, before the bottleneck, because heads see the features only. It costs no delay: every frame
is compared with the past.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "EARLIER", "PLANES", "grey", "with_motion"]

EARLIER = 2
"""The core is shown the change since this many earlier frames."""
CHANNELS = 3 + EARLIER
"""What the network looks at."""
PLANES = 6
"""Bytes of a pixel as handed over. The last is spare: two pixels then fill whole words of four bytes, which
int8 kernels need to read them as they lie."""
_NO_CHANGE = 128


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (R + 2G + B) / 4 of RGB [H, W, 3], rounded down, as [H, W]."""
    # One channel at a time: numpy walks along a channel five times faster than across three.
    red, green, blue = (np.ascontiguousarray(image[..., channel]) for channel in range(3))
    mixed = red.astype(np.uint16)
    mixed += green
    mixed += green
    mixed += blue
    mixed >>= 2
    return mixed.astype(np.uint8)


def with_motion(
    image: NDArray[np.uint8], now: NDArray[np.uint8], earlier: Sequence[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Return the core's input, uint8 [H, W, PLANES]: RGB, 128 + this grey - each earlier one clipped, 128.

    `now` and `earlier` (newest first) are greys [H, W]. A past that is not there, as before a still, is no
    change: pass `now` in its place, or no `earlier` at all.
    """
    planes = np.empty((*image.shape[:2], PLANES), np.uint8)
    for channel in range(3):
        planes[..., channel] = image[..., channel]
    for plane in range(3 + len(earlier), PLANES):
        planes[..., plane] = _NO_CHANGE
    present = now.astype(np.int16)
    present += _NO_CHANGE
    for plane, before in enumerate(earlier, 3):
        change = present - before
        planes[..., plane] = np.clip(change, 0, 255, out=change)
    return planes
