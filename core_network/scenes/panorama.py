"""Everything a camera on a fixed stand could see, drawn once and turned to any direction quickly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from core_network.scenes.camera import Camera

_BAND = 32


_LANES = np.uint32(255 << 20 | 255 << 10 | 255)


class Panorama:
    """A picture on a plane from which every pan, tilt and zoom of the same camera position is a homography.

    Pixels are kept as red, green, blue in lanes of ten bits of a uint32, so that one integer operation
    mixes all three: two pixels weighted in quarters (at most 4 x 255) still fit their lane. Each pixel is
    kept four times, mixed with its right neighbour in quarters, so that a place costs two reads instead of
    four.
    """

    def __init__(self, camera: Camera, image: npt.NDArray[np.uint8]) -> None:
        """Keep `image` [H, W, 3], which `camera` took."""
        wide = image.astype(np.uint32)
        texels = wide[..., 0] << 20 | wide[..., 1] << 10 | wide[..., 2]
        right = np.concatenate([texels[:, 1:], texels[:, -1:]], 1)
        quarters = np.empty((*texels.shape, 4), np.uint32)
        for quarter in range(4):
            mixed: npt.NDArray[np.uint32] = (texels * (4 - quarter) + right * quarter).astype(np.uint32)
            quarters[..., quarter] = mixed >> 2 & _LANES
        self._camera = camera
        self._quarters = quarters.ravel()

    def view(self, camera: Camera) -> npt.NDArray[np.uint8]:
        """Return uint8 [H, W, 3] as `camera`, which must be at the same position, sees it (bilinear to 1/4
        px)."""
        own = self._camera
        turn = own.rotation @ camera.rotation.T
        turn = (
            np.diag([own.focal, own.focal, 1.0]) @ turn @ np.diag([1 / camera.focal, 1 / camera.focal, 1.0])
        )
        xs = np.arange(camera.width) + 0.5 - camera.width / 2
        ys = np.arange(camera.height) + 0.5 - camera.height / 2
        columns = (turn[:, :1] * xs).astype(np.float32)
        rows = (turn[:, 1:2] * ys + turn[:, 2:]).astype(np.float32)
        out = np.empty((camera.height, camera.width, 3), np.uint8)
        for top in range(0, camera.height, _BAND):
            self._sample(columns, rows[:, top : top + _BAND], out[top : top + _BAND])
        return out

    def _sample(self, columns: npt.NDArray[np.float32], rows: npt.NDArray[np.float32], out: Any) -> None:
        """Fill `out` [h, W, 3] from the homogeneous places columns [3, W] + rows [3, h]."""
        width, height = self._camera.width, self._camera.height
        scale = columns[2][None] + rows[2][:, None]
        np.divide(np.float32(4), scale, out=scale)
        u = columns[0][None] + rows[0][:, None]
        u *= scale
        u += np.float32(width * 2 - 2)
        v = columns[1][None] + rows[1][:, None]
        v *= scale
        v += np.float32(height * 2 - 2)
        # A homography keeps rectangles convex: with its corners inside, nothing of the band is outside.
        ends = np.array([[p[0, 0], p[0, -1], p[-1, 0], p[-1, -1]] for p in (u, v)])
        if (ends < 0).any() or (ends[0] > 4 * width - 8).any() or (ends[1] > 4 * height - 8).any():
            np.clip(u, 0, 4 * width - 8, out=u)
            np.clip(v, 0, 4 * height - 8, out=v)
        at = u.astype(np.intp)
        down = v.astype(np.int32)
        at += (down >> 2) * np.int32(4 * width)
        weight = (down & 3).view(np.uint32)
        upper = self._quarters.take(at, mode="clip")
        at += 4 * width
        lower = self._quarters.take(at, mode="clip")
        lower -= upper
        lower *= weight
        upper <<= 2
        upper += lower
        for channel, shift in enumerate((22, 12, 2)):
            np.copyto(out[..., channel], upper >> shift, casting="unsafe")
