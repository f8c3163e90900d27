"""Raw planar 4:2:0 video of 8 or 10 bits: no header, so size and depth come from the name."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from evaluation.datasets.rgb import rgb
from evaluation.datasets.types import DatasetError

__all__ = ["Yuv"]

_TEN_BITS = re.compile(r"10[ _-]?b", re.IGNORECASE)


class Yuv:
    """A .yuv file of `width` x `height` px (even); 10 bits are stored in two bytes, low byte first."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        """Measure the file; raises DatasetError when it does not hold whole frames."""
        self.path, self.width, self.height = path, width, height
        self.depth = 10 if _TEN_BITS.search(path.name) else 8
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise DatasetError.at(path, None, "an even width and height for 4:2:0", f"{width}x{height}")
        self._frame_bytes = width * height * 3 // 2 * (2 if self.depth == 10 else 1)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise DatasetError.at(path, None, "a raw video", "no such file") from None
        self.frames, rest = divmod(size, self._frame_bytes)
        if rest or not self.frames:
            raise DatasetError.at(
                path,
                None,
                f"whole frames of {self._frame_bytes} bytes ({width}x{height}, {self.depth} bits)",
                f"{size} bytes",
            )

    def planes(self, index: int) -> NDArray[np.uint16]:
        """Return the samples of frame `index` [height * 3 / 2, width]: luma, then both chroma planes.

        Raises DatasetError when the file has no such frame, or a sample is above the depth.
        """
        if not 0 <= index < self.frames:
            raise DatasetError.at(self.path, None, f"a frame {index}", f"frames 0 to {self.frames - 1}")
        kind = np.dtype("<u2") if self.depth == 10 else np.dtype(np.uint8)
        samples = np.fromfile(
            self.path, kind, self._frame_bytes // kind.itemsize, offset=index * self._frame_bytes
        )
        if self.depth == 10 and samples.max() >= 1024:
            raise DatasetError.at(
                self.path,
                None,
                "10-bit samples, low byte first",
                f"a sample of {samples.max()} in frame {index}",
            )
        return samples.reshape(self.height * 3 // 2, self.width).astype(np.uint16)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return frame `index` as RGB [height, width, 3]; raises DatasetError when there is none."""
        planes = self.planes(index)
        if self.depth == 10:
            # To 8 bits with rounding: the pictures after it are of 8 bits, as for any other source.
            planes = np.minimum((planes + 2) >> 2, 255)
        frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8), format="yuv420p")
        return rgb(frame)
