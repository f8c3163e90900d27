"""One colour conversion for every decoded frame that an evaluation looks at, as `prepare` chooses it."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

__all__ = ["rgb"]

_HD_LINES = 720


def rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return RGB [height, width, 3]; untagged frames are BT.709 from 720 lines on, else BT.601."""
    matrix = frame.colorspace
    if matrix not in (Colorspace.ITU709, Colorspace.ITU601, Colorspace.SMPTE240M):
        matrix = Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601
    tagged = frame.color_range in (ColorRange.JPEG, ColorRange.MPEG)
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=matrix,
        src_color_range=frame.color_range if tagged else ColorRange.MPEG,
    )
    return np.asarray(converted.to_ndarray(), np.uint8)
